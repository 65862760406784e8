/**
 * Injected delivery faults: duplicates, delay, loss and reordering. One random source decides all of them, and a fault
 * with rate 0 draws no random number, so that a seed replays a run.
 */

export interface TaskFaults {
  /** Share of deliveries (0 to 1) that are made twice. The second follows within `maxDelayMs`. */
  readonly duplicateRate: number;
  /** Share of deliveries that are late by up to `maxDelayMs`. */
  readonly delayRate: number;
  readonly maxDelayMs: number;
  /** Share of deliveries that are not made: the task is deleted as if it had succeeded. */
  readonly lossRate: number;
  /** Dispatch due tasks in random order instead of by schedule time. */
  readonly reorder: boolean;
}

const NO_FAULTS: TaskFaults = {
  duplicateRate: 0,
  delayRate: 0,
  maxDelayMs: 0,
  lossRate: 0,
  reorder: false,
};

export class FaultInjector {
  readonly #random: () => number;
  #faults: TaskFaults = NO_FAULTS;

  constructor(random: () => number, faults: Partial<TaskFaults>) {
    this.#random = random;
    this.set(faults);
  }

  /** Changes only the given fields. @throws RangeError for a rate outside 0 to 1 or a negative delay */
  set(changes: Partial<TaskFaults>): void {
    const faults = { ...this.#faults, ...changes };
    for (const name of ['duplicateRate', 'delayRate', 'lossRate'] as const) {
      const rate = faults[name];
      if (!(rate >= 0 && rate <= 1)) throw new RangeError(`${name} must be between 0 and 1, got ${rate}.`);
    }
    if (!(faults.maxDelayMs >= 0 && Number.isFinite(faults.maxDelayMs))) {
      throw new RangeError(`maxDelayMs must be 0 or more milliseconds, got ${faults.maxDelayMs}.`);
    }
    this.#faults = faults;
  }

  get reorders(): boolean {
    return this.#faults.reorder;
  }

  loses(): boolean {
    return this.#happens(this.#faults.lossRate);
  }

  /** The delay of a delivery; 0 when it is not delayed. */
  delayMs(): number {
    return this.#happens(this.#faults.delayRate) ? this.#random() * this.#faults.maxDelayMs : 0;
  }

  /** The time between the first delivery and a duplicate; undefined when there is no duplicate. */
  duplicateAfterMs(): number | undefined {
    return this.#happens(this.#faults.duplicateRate) ? this.#random() * this.#faults.maxDelayMs : undefined;
  }

  /** A random index from 0 to `count - 1`. */
  pick(count: number): number {
    return Math.min(count - 1, Math.floor(this.#random() * count));
  }

  #happens(rate: number): boolean {
    return rate > 0 && this.#random() < rate;
  }
}
