/** The time limits and counts of the job life cycle. Each can be configured. The defaults are below, with their reasons. */
import type { LatencyProfile } from '../catalogue/catalogue.ts';
import { HOUR, MINUTE, SECOND } from '../time-units.ts';

export interface Policy {
  /** Timeout of the paid call. After it the outcome is unknown. */
  readonly submitTimeoutMs: number;
  /** From the claim until no process can still be making the paid call: the timeout, the save, and clock skew. */
  readonly submitLeaseMs: number;
  /** From the creation of a job until it must be terminal. */
  readonly jobDeadlineMs: number;
  /** Paid submissions per stage, including the first. */
  readonly maxAttempts: number;
  /** After this many consecutive failed polls, the output prefix is listed instead. */
  readonly maxPollErrorsInARow: number;
  /** After those failures: how long to continue before the outcome is given up as unknown. */
  readonly outageMs: number;
  /** The maximum age of an operation that is still polled, even if its job has ended. */
  readonly followMs: number;
  /** After this many failed landings, the attempt fails. */
  readonly maxLandingTries: number;
  /** What to do if there is no evidence of an outcome after the model's longest latency. */
  readonly unknownOutcome: 'fail' | 'resubmit';
  /** How late a wake may be before the sweep re-enqueues it. */
  readonly overdueAfterMs: number;
  /** An attempt that is known only by its objects is complete if no object was added for this long. */
  readonly settleMs: number;
  /** Back-off of every retry: jitter between a tenth of `base * 2^(n-1)` and all of it, at most `cap`. */
  readonly backoff: { readonly baseMs: number; readonly capMs: number };
  /** Whether the ends of jobs are published. */
  readonly announce: boolean;
  /** Divisor of every latency in the catalogue. Above 1 only for simulated models. */
  readonly speedUp: number;
}

/** The defaults for models that run `speedUp` times faster than Google's. */
export function defaultPolicy(speedUp = 1): Policy {
  // A submission returns within seconds, so a minute without an answer is a failure. The floor is there because the
  // machine does not run faster with the simulated models.
  const submitTimeoutMs = Math.max(5 * SECOND, MINUTE / speedUp);
  return {
    submitTimeoutMs,
    submitLeaseMs: submitTimeoutMs + Math.max(2 * SECOND, (30 * SECOND) / speedUp),
    jobDeadlineMs: 24 * HOUR,
    // Google recommends one or two new submissions after INTERNAL.
    maxAttempts: 3,
    maxPollErrorsInARow: 10,
    // Longer than known provider outages, shorter than the two days after which files are deleted.
    outageMs: (12 * HOUR) / speedUp,
    // No operation takes hours, and providers delete files after two days.
    followMs: (48 * HOUR) / speedUp,
    // About two hours with the back-off below: longer than any known bucket outage, shorter than the two days.
    maxLandingTries: 30,
    unknownOutcome: 'fail',
    overdueAfterMs: MINUTE / speedUp,
    settleMs: MINUTE / speedUp,
    backoff: { baseMs: (4 * SECOND) / speedUp, capMs: (5 * MINUTE) / speedUp },
    announce: false,
    speedUp,
  };
}

export const scaleLatency = (latency: LatencyProfile, { speedUp }: Policy): LatencyProfile => ({
  minMs: latency.minMs / speedUp,
  typicalMs: latency.typicalMs / speedUp,
  longestMs: latency.longestMs / speedUp,
});

/**
 * Back-off with jitter after `n` failures (n >= 1).
 * @param random in [0, 1)
 */
export function backoffMs(n: number, random: number, { backoff }: Policy): number {
  const ceiling = Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.min(n - 1, 30));
  // At least a tenth: retries without a wait would only repeat the burst.
  return Math.ceil(ceiling * (0.1 + 0.9 * random));
}
