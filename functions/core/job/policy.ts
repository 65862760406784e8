/** The numbers the life cycle decides by. Every one can be set; the reasons for the defaults stand beside them. */
import type { LatencyProfile } from '../catalogue/catalogue.ts';

export interface Policy {
  /** How long the paid call may take before it is given up as unknown. */
  readonly submitTimeoutMs: number;
  /** From the claim until nobody can still be making the paid call: time-out, saving, and clock skew. */
  readonly submitLeaseMs: number;
  /** From acceptance until a job has to be terminal. */
  readonly jobDeadlineMs: number;
  /** Paid submissions per stage, the first included. */
  readonly maxAttempts: number;
  /** Failed polls in a row after which the operation is taken as lost and its objects are looked for instead. */
  readonly maxPollErrorsInARow: number;
  /** How long an operation that was accepted is asked for after that many failures, before it is given up. */
  readonly outageMs: number;
  /** How long after its submission an operation is asked for at the most, whether anybody waits for it or not. */
  readonly followMs: number;
  /** Failed tries at landing after which the attempt is given up. */
  readonly maxLandingTries: number;
  /** What an attempt without evidence comes to after the model's longest latency. */
  readonly unknownOutcome: 'fail' | 'resubmit';
  /** How late a wake may be before the sweep rings again. */
  readonly overdueAfterMs: number;
  /** An attempt found by its objects alone is complete once none was added for this long. */
  readonly settleMs: number;
  /** Back-off for anything tried again: full jitter between zero and `base * 2^n`, at most `cap`. */
  readonly backoff: { readonly baseMs: number; readonly capMs: number };
  /** Whether the end of a job is published. */
  readonly announce: boolean;
  /** Divides every latency of the catalogue; above 1 only for simulated models. */
  readonly speedUp: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The defaults for models that run `speedUp` times faster than Google's; the schedule keeps pace with them. */
export function defaultPolicy(speedUp = 1): Policy {
  // A submission answers within seconds; a minute of silence is a failure. Machines do not speed up with the
  // simulated models, hence the floor.
  const submitTimeoutMs = Math.max(5 * SECOND, MINUTE / speedUp);
  return {
    submitTimeoutMs,
    submitLeaseMs: submitTimeoutMs + Math.max(2 * SECOND, (30 * SECOND) / speedUp),
    jobDeadlineMs: 24 * HOUR,
    // Google's advice for INTERNAL is one or two new submissions.
    maxAttempts: 3,
    maxPollErrorsInARow: 10,
    // Longer than the outages that providers have, shorter than the two days that they keep files.
    outageMs: (12 * HOUR) / speedUp,
    // No operation takes hours, and what has been made is kept for two days.
    followMs: (48 * HOUR) / speedUp,
    // With the back-off below about two hours: longer than any bucket outage on record, shorter than a 2-day expiry.
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
 * Full-jitter back-off before try `n + 1` after `n` failures (n >= 1).
 * @param random in [0, 1)
 */
export function backoffMs(n: number, random: number, { backoff }: Policy): number {
  const ceiling = Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.min(n - 1, 30));
  // Never quite zero: a retry in the same millisecond is the same burst.
  return Math.ceil(ceiling * (0.1 + 0.9 * random));
}
