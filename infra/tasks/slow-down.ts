/**
 * System throttling. When the target returns 429 or 503, the service lowers the effective rate of the whole queue. It does
 * not change the queue's settings, and its documentation does not say by how much. This is a moderate version: the rate is
 * halved at most once per second, down to 1/16, and doubles for every five seconds without such a response. A queue at the
 * minimum is back at its full rate after 20 s. The caller passes the time.
 */

/** Several 429 or 503 responses of one burst count once. */
const CUT_INTERVAL_MS = 1000;
const MIN_FACTOR = 1 / 16;
const DOUBLING_MS = 5000;

export class SlowDown {
  #factor = 1;
  #lastCutMs = Number.NEGATIVE_INFINITY;
  #lastRefusalMs = Number.NEGATIVE_INFINITY;

  /** Records the HTTP status of a response. */
  record(status: number, nowMs: number): void {
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

  /** The factor for the rate now: 1/16 to 1. */
  factor(nowMs: number): number {
    if (this.#factor === 1) return 1;
    const quietMs = Math.max(0, nowMs - this.#lastRefusalMs);
    return Math.min(1, this.#factor * 2 ** (quietMs / DOUBLING_MS));
  }
}
