/**
 * Which faults happen, and when. Every fault is one decision of the seed. The decisions are counted in order, so that a
 * failing run can shrink: first without whole classes, then without all decisions after the first n.
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

/** The probability of a fault at each occasion. A run multiplies each by a factor from 0 to 3. */
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

/** An error of the simulated world. Any other error that a handler throws is a defect, unless it is an expected one. */
export class SimulatedFault extends Error {}

export interface FaultLimits {
  readonly without: ReadonlySet<FaultClass>;
  /** Only the first so many faults take effect. */
  readonly faultsMax: number;
}

export class Faults {
  readonly counts = new Map<FaultClass, number>();
  /** The number of faults that took effect. */
  fired = 0;
  /** Once set, no fault happens. */
  quiet = false;
  readonly #rates: Readonly<Record<FaultClass, number>>;
  readonly #random: Random;
  readonly #limits: FaultLimits;

  constructor(random: Random, limits: FaultLimits) {
    this.#random = random;
    this.#limits = limits;
    const rates = { ...RATES };
    // Swarm testing: a run with few fault classes at high rates finds defects that a run with all classes does not.
    const calm = random.chance(0.06);
    for (const kind of FAULT_CLASSES) {
      const strength = random.pick([0, 0.3, 1, 1, 3]);
      rates[kind] = calm ? 0 : Math.min(0.9, rates[kind] * strength);
    }
    this.#rates = rates;
  }

  /** @param weight multiplies the probability of this occasion */
  happens(kind: FaultClass, weight = 1): boolean {
    // Draws even when the fault cannot take effect, so that leaving out one class does not shift the others.
    const hit = this.#random.unit() < this.#rates[kind] * weight;
    if (!hit || this.quiet || this.#limits.without.has(kind) || this.fired >= this.#limits.faultsMax)
      return false;
    this.fired++;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    return true;
  }
}
