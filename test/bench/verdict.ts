/** The arithmetic of a bench: ratios, the median round, and whether a claim holds. */
import type { Claim, Measure } from './bench.ts';

export interface Verdict extends Measure {
  readonly bench: string;
  /** measured / baseline. */
  readonly ratio?: number;
  /** Whether the claim holds. Absent without a claim. */
  readonly holds?: boolean;
}

export function verdictOf(bench: string, measure: Measure): Verdict {
  const { measured, baseline, claim } = measure;
  if (!baseline) {
    if (claim) throw new Error(`'${measure.what}' claims a ratio, but has no baseline`);
    return { bench, ...measure };
  }
  const ratio = measured / baseline.value;
  return { bench, ...measure, ratio, ...(claim ? { holds: holds(claim, ratio) } : {}) };
}

/** No claim holds for NaN. */
const holds = (claim: Claim, ratio: number): boolean =>
  'atMost' in claim ? ratio <= claim.atMost : ratio >= claim.atLeast;

/** One round: the subject and its baseline, measured directly after each other. */
export interface Round {
  readonly measured: number;
  readonly baseline: number;
}

/**
 * The round with the median ratio. Other load on the machine disturbs some rounds, and more often one of the two values
 * than both.
 */
export function medianOf(rounds: readonly Round[]): Round {
  const byRatio = [...rounds].sort((a, b) => a.measured / a.baseline - b.measured / b.baseline);
  const median = byRatio[Math.floor(byRatio.length / 2)];
  if (!median) throw new Error('there are no rounds to take the median of');
  return median;
}
