/** The token bucket that limits a queue's dispatch rate. The caller passes the time. */

/** A token this close to 1 counts as whole. Otherwise a rounding error would cost an extra timer. */
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

  /** Changes the rate and the capacity. Tokens above the new capacity are lost. */
  configure(ratePerSecond: number, capacity: number, nowMs: number): void {
    this.#refill(nowMs);
    this.#ratePerSecond = ratePerSecond;
    this.#capacity = capacity;
    this.#tokens = Math.min(this.#tokens, capacity);
  }

  /** Takes a token and returns 0. Without a token it returns the milliseconds until the next one. */
  take(nowMs: number): number {
    this.#refill(nowMs);
    if (this.#tokens < 1 - TOLERANCE) return ((1 - this.#tokens) / this.#ratePerSecond) * 1000;
    this.#tokens -= 1;
    return 0;
  }

  #refill(nowMs: number): void {
    // A clock that was set back adds no tokens. Refilling continues from the new time.
    const elapsedMs = Math.max(0, nowMs - this.#atMs);
    this.#tokens = Math.min(this.#capacity, this.#tokens + (elapsedMs / 1000) * this.#ratePerSecond);
    this.#atMs = nowMs;
  }
}
