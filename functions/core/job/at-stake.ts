/** What nobody knows the price of yet. */
import type { EndedAttempt, LiveAttempt } from './attempt-record.ts';
import { type Job, liveAttemptOf } from './job.ts';

export type UnknownAttempt = Extract<LiveAttempt, { state: 'uncertain' }> | EndedAttempt;

/** Attempts that may have been charged, and nobody can say: still looked for, or given up. */
export function unknownAttempts(job: Job): readonly UnknownAttempt[] {
  const live = liveAttemptOf(job);
  return [
    ...job.attempts.filter(({ charged }) => charged === 'unknown'),
    ...(live?.state === 'uncertain' ? [live] : []),
  ];
}

/** The most that these may have cost, in US dollars. */
export const atStakeUsd = (job: Job): number =>
  roundUsd(unknownAttempts(job).reduce((sum, { reservedUsd }) => sum + reservedUsd, 0));

/** To a hundredth of a cent: sums of binary fractions show what nobody charged. */
export const roundUsd = (usd: number): number => Math.round(usd * 10_000) / 10_000;
