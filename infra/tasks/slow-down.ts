/**
 * System throttling. The service lowers the effective rate of a whole queue when the target answers 429 or 503, leaves
 * the queue's settings as they are, and does not say by how much. This is a modest form of it: the rate is halved at
 * most once a second, down to a sixteenth, and doubles again with every five seconds without such an answer. A queue
 * at the bottom is back at its full rate after 20 s. It reads no clock.
 */

/** Answers of one burst count once. */
const CUT_INTERVAL_MS = 1000;
const MIN_FACTOR = 1 / 16;
const DOUBLING_MS = 5000;

export class SlowDown {
  #factor = 1;
  #lastCutMs = Number.NEGATIVE_INFINITY;
  #lastRefusalMs = Number.NEGATIVE_INFINITY;

  /** Tells of an answer's HTTP status. */
  heard(status: number, nowMs: number): void {
    if (status !== 429 && status !== 503) return;
    const current = this.factor(nowMs);
    this.#lastRefusalMs = nowMs;
    if (nowMs - this.#lastCutMs >= CUT_INTERVAL_MS) {
      this.#lastCutMs = nowMs;
      this.#factor = Math.max(MIN_FACTOR, current / 2);
    } else {
      this.#factor = current;
    }
  }

  /** By what to multiply the rate now: from 1/16 to 1. */
  factor(nowMs: number): number {
    if (this.#factor === 1) return 1;
    const quietMs = Math.max(0, nowMs - this.#lastRefusalMs);
    return Math.min(1, this.#factor * 2 ** (quietMs / DOUBLING_MS));
  }
}
