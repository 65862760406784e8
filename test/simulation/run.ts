/** What a run is given and what comes of it, in any world. */
import type { Violation } from './engine.ts';
import type { FaultLimits } from './faults.ts';
import type { Statistics } from './statistics.ts';
import type { Subject } from './subject.ts';

/** Sources of work in a run at the most: jobs of callers, or whatever brings batches. */
export const JOBS_MAX = 4;

export interface RunOptions extends FaultLimits {
  readonly seed: number;
  readonly jobsMax: number;
  readonly onLine?: ((line: string) => void) | undefined;
}

export interface RunResult {
  readonly seed: number;
  readonly violation: Violation | undefined;
  /** Of every line of the trace. */
  readonly traceHash: string;
  /** Faults that took effect. */
  readonly faults: number;
  readonly statistics: Statistics;
}

/** A world: a run of it is decided by the options alone. */
export type Simulate = (subject: Subject, options: RunOptions) => Promise<RunResult>;

export const everything = (seed: number): RunOptions => ({
  seed,
  jobsMax: JOBS_MAX,
  without: new Set(),
  faultsMax: Number.POSITIVE_INFINITY,
});
