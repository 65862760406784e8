/** The arithmetic of a bench: ratios, the round in the middle, and whether a claim holds. */
import type { Claim, Measure } from './bench.ts';

export interface Verdict extends Measure {
  readonly bench: string;
  /** Of measured and baseline. */
  readonly ratio?: number;
  /** Absent where nothing is claimed. */
  readonly holds?: boolean;
}

export function verdictOf(bench: string, measure: Measure): Verdict {
  const { measured, baseline, claim } = measure;
  if (!baseline) {
    if (claim) throw new Error(`'${measure.what}' claims a ratio and has no baseline`);
    return { bench, ...measure };
  }
  const ratio = measured / baseline.value;
  return { bench, ...measure, ratio, ...(claim ? { holds: holds(claim, ratio) } : {}) };
}

/** A ratio that is no number keeps no promise. */
const holds = (claim: Claim, ratio: number): boolean =>
  'atMost' in claim ? ratio <= claim.atMost : ratio >= claim.atLeast;

/** What one round has measured, of the subject and of its baseline, a moment apart. */
export interface Round {
  readonly measured: number;
  readonly baseline: number;
}

/**
 * The round whose ratio is in the middle: on a machine that others use, too, some rounds are disturbed, and more often
 * on one side than on both.
 */
export function middleOf(rounds: readonly Round[]): Round {
  const byRatio = [...rounds].sort((a, b) => a.measured / a.baseline - b.measured / b.baseline);
  const middle = byRatio[Math.floor(byRatio.length / 2)];
  if (!middle) throw new Error('there was no round');
  return middle;
}
