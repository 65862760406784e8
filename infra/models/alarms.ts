/** Waits for moments of a clock that may be the real one or a test's. */

/** setTimeout cannot wait longer. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

interface Alarm {
  readonly atMs: number;
  readonly ring: () => void;
  timer: NodeJS.Timeout | undefined;
}

export class Alarms {
  readonly #now: () => number;
  readonly #waiting = new Set<Alarm>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Resolves once the clock has reached `atMs`; never after `clear`. */
  at(atMs: number): Promise<void> {
    if (this.#now() >= atMs) return Promise.resolve();
    return new Promise((resolve) => {
      const alarm: Alarm = { atMs, ring: resolve, timer: undefined };
      this.#waiting.add(alarm);
      this.#arm(alarm);
    });
  }

  /** Looks at the clock and rings what is due; for clocks that are moved by hand. */
  wake(): void {
    for (const alarm of this.#waiting) if (this.#now() >= alarm.atMs) this.#ring(alarm);
  }

  clear(): void {
    for (const alarm of this.#waiting) clearTimeout(alarm.timer);
    this.#waiting.clear();
  }

  #arm(alarm: Alarm): void {
    const leftMs = Math.max(1, Math.min(alarm.atMs - this.#now(), MAX_TIMEOUT_MS));
    // A timer may fire a little early: look again before ringing.
    alarm.timer = setTimeout(
      () => (this.#now() >= alarm.atMs ? this.#ring(alarm) : this.#arm(alarm)),
      leftMs,
    );
  }

  #ring(alarm: Alarm): void {
    clearTimeout(alarm.timer);
    this.#waiting.delete(alarm);
    alarm.ring();
  }
}
