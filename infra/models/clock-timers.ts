/** Timers on an injected clock: the real one, or one that a test sets. */

/** The longest delay that setTimeout accepts. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

interface ClockTimer {
  readonly atMs: number;
  readonly resolve: () => void;
  timeout: NodeJS.Timeout | undefined;
}

export class ClockTimers {
  readonly #now: () => number;
  readonly #pending = new Set<ClockTimer>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Resolves once the clock has reached `atMs`. Never resolves after `clear`. */
  waitUntil(atMs: number): Promise<void> {
    if (this.#now() >= atMs) return Promise.resolve();
    return new Promise((resolve) => {
      const timer: ClockTimer = { atMs, resolve, timeout: undefined };
      this.#pending.add(timer);
      this.#schedule(timer);
    });
  }

  /** Fires every timer that is due. A test calls it after it has set the clock. */
  fireDue(): void {
    for (const timer of this.#pending) if (this.#now() >= timer.atMs) this.#fire(timer);
  }

  clear(): void {
    for (const timer of this.#pending) clearTimeout(timer.timeout);
    this.#pending.clear();
  }

  #schedule(timer: ClockTimer): void {
    const delayMs = Math.max(1, Math.min(timer.atMs - this.#now(), MAX_TIMEOUT_MS));
    // setTimeout can fire early: check the clock again before firing.
    timer.timeout = setTimeout(
      () => (this.#now() >= timer.atMs ? this.#fire(timer) : this.#schedule(timer)),
      delayMs,
    );
  }

  #fire(timer: ClockTimer): void {
    clearTimeout(timer.timeout);
    this.#pending.delete(timer);
    timer.resolve();
  }
}
