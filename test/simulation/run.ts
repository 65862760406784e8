/** The options and the result of a run, in any world. */
import type { Violation } from './engine.ts';
import type { FaultLimits } from './faults.ts';
import type { Statistics } from './statistics.ts';
import type { Subject } from './subject.ts';

/** The largest number of work sources in a run: requests for jobs, or sources of batches. */
export const JOBS_MAX = 4;

export interface RunOptions extends FaultLimits {
  readonly seed: number;
  readonly jobsMax: number;
  readonly onLine?: ((line: string) => void) | undefined;
}

export interface RunResult {
  readonly seed: number;
  readonly violation: Violation | undefined;
  /** A hash over every line of the trace. */
  readonly traceHash: string;
  /** The number of faults that took effect. */
  readonly faults: number;
  readonly statistics: Statistics;
}

/** A world. The options alone decide a run of it. */
export type Simulate = (subject: Subject, options: RunOptions) => Promise<RunResult>;

/** A run with all of its work and all fault classes. */
export const fullRun = (seed: number): RunOptions => ({
  seed,
  jobsMax: JOBS_MAX,
  without: new Set(),
  faultsMax: Number.POSITIVE_INFINITY,
});
