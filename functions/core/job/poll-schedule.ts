/** When to ask next for an operation that is still running. */
import type { LatencyProfile } from '../catalogue/catalogue.ts';

/**
 * Milliseconds until the next poll.
 *
 * Sparse before the model's minimum (nothing can be done yet: one poll, exactly at the minimum), dense around the
 * typical latency where most operations end, then ever sparser, so that an operation that takes its longest costs
 * about 25 polls. A tenth of the elapsed time is the most that a finished video ever waits unseen past the typical
 * latency, and never more than the typical latency; the bucket's own event usually ends the wait sooner.
 * @param elapsedMs since the submission was accepted
 */
export function nextPollDelayMs(elapsedMs: number, latency: LatencyProfile): number {
  if (elapsedMs < latency.minMs) return latency.minMs - elapsedMs;
  const dense = latency.typicalMs / 12;
  if (elapsedMs < latency.typicalMs / 2) return dense * 1.5;
  if (elapsedMs < latency.typicalMs * 1.5) return dense;
  return Math.min(Math.max(dense, elapsedMs / 10), latency.typicalMs);
}

/**
 * After an object has appeared the operation says "done" within moments: look after 1, 2 and 4 seconds
 * (divided by the speed-up of simulated models), then fall back to the schedule.
 * @param looksLeft 3, 2 or 1
 */
export function quickLookDelayMs(looksLeft: number, speedUp: number): number {
  return (1000 * 2 ** (3 - looksLeft)) / speedUp;
}

export const QUICK_LOOKS = 3;
