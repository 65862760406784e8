/**
 * What at-least-once delivery permits, made frequent on purpose: duplicates, delay, loss and disorder. Every draw comes
 * from one random source, and a fault whose rate is 0 draws nothing, so a seed replays a run.
 */

export interface TaskFaults {
  /** Share of deliveries (0 to 1) that are made twice. The second comes up to `maxDelayMs` later. */
  readonly duplicateRate: number;
  /** Share of deliveries that come later than scheduled, by up to `maxDelayMs`. */
  readonly delayRate: number;
  readonly maxDelayMs: number;
  /** Share of deliveries instead of which the task vanishes, as if it had run. */
  readonly lossRate: number;
  /** Due tasks go in random order instead of by schedule time. */
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

  /** Changes what is named; the rest stays. @throws RangeError for a rate outside 0 to 1 or a negative delay */
  set(changes: Partial<TaskFaults>): void {
    const faults = { ...this.#faults, ...changes };
    for (const name of ['duplicateRate', 'delayRate', 'lossRate'] as const) {
      const rate = faults[name];
      if (!(rate >= 0 && rate <= 1)) throw new RangeError(`${name} must be between 0 and 1, got ${rate}.`);
    }
    if (!(faults.maxDelayMs >= 0 && Number.isFinite(faults.maxDelayMs))) {
      throw new RangeError(`maxDelayMs must be a number of milliseconds, got ${faults.maxDelayMs}.`);
    }
    this.#faults = faults;
  }

  get reorders(): boolean {
    return this.#faults.reorder;
  }

  loses(): boolean {
    return this.#happens(this.#faults.lossRate);
  }

  /** By how much a delivery comes late: mostly 0. */
  delayMs(): number {
    return this.#happens(this.#faults.delayRate) ? this.#random() * this.#faults.maxDelayMs : 0;
  }

  /** How long after the first delivery a second one comes; undefined for none. */
  duplicateAfterMs(): number | undefined {
    return this.#happens(this.#faults.duplicateRate) ? this.#random() * this.#faults.maxDelayMs : undefined;
  }

  /** One of `0` to `count - 1`. */
  pick(count: number): number {
    return Math.min(count - 1, Math.floor(this.#random() * count));
  }

  #happens(rate: number): boolean {
    return rate > 0 && this.#random() < rate;
  }
}
