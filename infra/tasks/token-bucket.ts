/** The token bucket that limits a queue's dispatches. It reads no clock: the caller says what time it is. */

/** A token that is this close to whole counts as whole, or rounding would cost a wake-up more. */
const TOLERANCE = 1e-6;

export class TokenBucket {
  #ratePerSecond: number;
  #capacity: number;
  #tokens: number;
  #atMs: number;

  /** Starts full. */
  constructor(ratePerSecond: number, capacity: number, nowMs: number) {
    this.#ratePerSecond = ratePerSecond;
    this.#capacity = capacity;
    this.#tokens = capacity;
    this.#atMs = nowMs;
  }

  /** Changes rate and capacity from now on; tokens beyond the new capacity are lost. */
  configure(ratePerSecond: number, capacity: number, nowMs: number): void {
    this.#refill(nowMs);
    this.#ratePerSecond = ratePerSecond;
    this.#capacity = capacity;
    this.#tokens = Math.min(this.#tokens, capacity);
  }

  /** Takes a token if there is one and returns 0; otherwise the milliseconds until there will be one. */
  take(nowMs: number): number {
    this.#refill(nowMs);
    if (this.#tokens < 1 - TOLERANCE) return ((1 - this.#tokens) / this.#ratePerSecond) * 1000;
    this.#tokens -= 1;
    return 0;
  }

  #refill(nowMs: number): void {
    // A clock that was set back adds nothing, and counts on from there.
    const elapsedMs = Math.max(0, nowMs - this.#atMs);
    this.#tokens = Math.min(this.#capacity, this.#tokens + (elapsedMs / 1000) * this.#ratePerSecond);
    this.#atMs = nowMs;
  }
}
