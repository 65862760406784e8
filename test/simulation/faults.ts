/**
 * What goes wrong, and when. Every fault is one decision, taken by the seed and numbered in the order taken, so that a
 * failing run can be made smaller: whole classes are left out, then all decisions after the first so many.
 */
import type { Random } from './random.ts';

export const FAULT_CLASSES = [
  'crash',
  'store',
  'queue',
  'delivery',
  'event',
  'sweep',
  'bucket',
  'model',
  'stall',
  'clock',
  'client',
] as const;
export type FaultClass = (typeof FAULT_CLASSES)[number];

/** How likely a fault is each time it could happen, in the middle of the range that a run draws from. */
const RATES: Readonly<Record<FaultClass, number>> = {
  crash: 0.01,
  store: 0.03,
  queue: 0.05,
  delivery: 0.06,
  event: 0.2,
  sweep: 0.1,
  bucket: 0.08,
  model: 0.1,
  stall: 0.01,
  clock: 0.7,
  client: 0.2,
};

/** What the simulated world throws. Anything else that a handler throws is a defect of the handler. */
export class SimulatedFault extends Error {}

export interface FaultLimits {
  readonly without: ReadonlySet<FaultClass>;
  /** Only so many of the decisions take effect. */
  readonly faultsMax: number;
}

export class Faults {
  readonly counts = new Map<FaultClass, number>();
  /** Faults that happened. */
  fired = 0;
  /** Once set, nothing goes wrong any more. */
  quiet = false;
  readonly #rates: Readonly<Record<FaultClass, number>>;
  readonly #random: Random;
  readonly #limits: FaultLimits;

  constructor(random: Random, limits: FaultLimits) {
    this.#random = random;
    this.#limits = limits;
    const rates = { ...RATES };
    // Swarm testing: a run with few classes at a high rate finds what a run with a little of everything never does.
    const calm = random.chance(0.06);
    for (const kind of FAULT_CLASSES) {
      const strength = random.pick([0, 0.3, 1, 1, 3]);
      rates[kind] = calm ? 0 : Math.min(0.9, rates[kind] * strength);
    }
    this.#rates = rates;
  }

  /** @param weight of this occasion beside others of its class */
  happens(kind: FaultClass, weight = 1): boolean {
    // Drawn even when it cannot take effect: leaving out one class must not shift the others.
    const hit = this.#random.unit() < this.#rates[kind] * weight;
    if (!hit || this.quiet || this.#limits.without.has(kind) || this.fired >= this.#limits.faultsMax)
      return false;
    this.fired++;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    return true;
  }
}
