/** Attempts whose charge is unknown, and what they cost at most. */
import type { EndedAttempt, LiveAttempt } from './attempt-record.ts';
import { type Job, liveAttemptOf } from './job.ts';

export type UnknownAttempt = Extract<LiveAttempt, { state: 'uncertain' }> | EndedAttempt;

/** Attempts that may have been charged: ended ones with an unknown charge, and a live one that is `uncertain`. */
export function unknownAttempts(job: Job): readonly UnknownAttempt[] {
  const live = liveAttemptOf(job);
  return [
    ...job.attempts.filter(({ charged }) => charged === 'unknown'),
    ...(live?.state === 'uncertain' ? [live] : []),
  ];
}

/** The sum of what these attempts reserved, in US dollars: the most that they can have cost. */
export const atStakeUsd = (job: Job): number =>
  roundUsd(unknownAttempts(job).reduce((sum, { reservedUsd }) => sum + reservedUsd, 0));

/** Rounds to a hundredth of a cent, which removes the noise that sums of binary fractions have. */
export const roundUsd = (usd: number): number => Math.round(usd * 10_000) / 10_000;
