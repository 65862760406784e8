/** When to poll a running operation next. */
import type { LatencyProfile } from '../catalogue/catalogue.ts';

/**
 * Milliseconds until the next poll.
 *
 * The first poll is at the model's minimum latency, because no operation ends earlier. Polls are dense around the typical
 * latency, where most operations end. Later the interval grows with the elapsed time, so that an operation with the
 * longest latency costs about 25 polls. Past the typical latency, a finished video waits for the next poll for at most a
 * tenth of the elapsed time, and never longer than the typical latency. The bucket's event usually ends the wait sooner.
 * @param elapsedMs time since the submission
 */
export function nextPollDelayMs(elapsedMs: number, latency: LatencyProfile): number {
  if (elapsedMs < latency.minMs) return latency.minMs - elapsedMs;
  const dense = latency.typicalMs / 12;
  if (elapsedMs < latency.typicalMs / 2) return dense * 1.5;
  if (elapsedMs < latency.typicalMs * 1.5) return dense;
  return Math.min(Math.max(dense, elapsedMs / 10), latency.typicalMs);
}

/**
 * After an object has appeared, the operation is usually done within seconds. Poll after 1, 2 and 4 seconds (divided by the
 * speed-up of simulated models), then return to the schedule.
 * @param looksLeft 3, 2 or 1
 */
export function quickLookDelayMs(looksLeft: number, speedUp: number): number {
  return (1000 * 2 ** (3 - looksLeft)) / speedUp;
}

export const QUICK_LOOKS = 3;
