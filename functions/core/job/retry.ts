/**
 * The retry of a failed job: a new job. The failed job does not change (I6). The new job takes over the landed attempts, and
 * lands videos that were generated but not stored, so that neither is paid for again.
 */
import { defined } from '../defined.ts';
import { roundUsd } from './at-stake.ts';
import { attemptBaseOf } from './attempt.ts';
import type { AttemptIn, EndedAttempt } from './attempt-record.ts';
import { baseOf, type Job, type JobBase, type JobIn, liveAttemptOf } from './job.ts';
import { totalUsd } from './spend.ts';
import { landedAttempts, stageIndexOf, stagesOf } from './stages.ts';
import { newJob, type Step, withNewAttempt } from './step.ts';

export interface RetrySeed {
  readonly jobId: string;
  readonly estimateUsd: number;
  readonly deadlineAt: number;
  readonly trace?: string | undefined;
}

/** Why a retry might pay twice; undefined if it provably does not. */
export function doubleChargeRisk(job: JobIn<'failed'>): string | undefined {
  const live = liveAttemptOf(job);
  if (live) return `attempt ${live.attemptId} is still followed and may yet succeed`;
  const stage = stageIndexOf(job);
  const paid = job.attempts.find((attempt) => attempt.stage === stage && attempt.charged !== 'no');
  if (!paid || unlandedAttempt(job)) return undefined;
  const charge = paid.charged === 'yes' ? 'was charged' : 'may have been charged';
  return `attempt ${paid.attemptId} ${charge} ($${paid.reservedUsd})`;
}

/**
 * An attempt at the current stage whose videos were generated but could not be stored. It is not always the last attempt:
 * one that was given up and then followed again is moved to the end.
 */
function unlandedAttempt(job: JobIn<'failed'>): EndedAttempt | undefined {
  const stage = stageIndexOf(job);
  return job.attempts.findLast(
    (attempt) =>
      attempt.stage === stage && attempt.error?.code === 'LANDING_FAILED' && attempt.operation !== undefined,
  );
}

export function retryJob(job: JobIn<'failed'>, seed: RetrySeed, now: number): Step {
  const { caller, request, fingerprint, lane, batch } = job;
  const landed = landedAttempts(job);
  const { job: fresh, effects } = newJob({ ...seed, caller, request, fingerprint, lane, batch }, { now });
  // Only the base of the new job. If it succeeds at once, it must not keep a wake, or the sweep would find it forever.
  const base: JobBase = { ...baseOf(fresh), retryOf: { jobId: job.jobId, landed, lostUsd: lostUsd(job) } };
  const stage = stageIndexOf(base);
  const last = landed.at(-1);
  if (last && stage >= stagesOf(request).length) return { job: succeeded(base, last, now), effects: [] };
  const unlanded = unlandedAttempt(job);
  if (unlanded) return withNewAttempt(base, landingOf(unlanded, now), now);
  return { job: { ...fresh, ...base }, effects };
}

function lostUsd(job: Job): { charged: number; unknown: number } {
  const earlier = job.retryOf?.lostUsd ?? { charged: 0, unknown: 0 };
  const lost = job.attempts.filter(({ outcome }) => outcome !== 'landed');
  return {
    charged: roundUsd(earlier.charged + totalUsd(job, lost, 'yes')),
    unknown: roundUsd(earlier.unknown + totalUsd(job, lost, 'unknown')),
  };
}

/** Records the retry in the failed job. In a batch, the retry counts for the row instead. */
export function retriedBy<J extends Job>(job: J, by: string, now: number): J {
  const batch = job.batch ? { batch: { ...job.batch, supersededBy: by } } : {};
  return { ...job, ...batch, retriedBy: by, revision: job.revision + 1, updatedAt: now };
}

/** Lets the record of a batch's job expire (`letGoAt`), because the batch does not need it any more. */
export function releaseRecord(job: Job, now: number): Step | undefined {
  if (!job.batch || job.batch.letGoAt !== undefined) return undefined;
  const batch = { ...job.batch, letGoAt: now };
  return { job: { ...job, batch, revision: job.revision + 1 }, effects: [] };
}

function succeeded(base: JobBase, { videos = [], ...last }: EndedAttempt, now: number): Job {
  const { filteredCount = 0, filteredReasons = [] } = last;
  return { ...base, status: 'succeeded', finishedAt: now, videos, filteredCount, filteredReasons };
}

/** Lands under the prefix of the failed attempt. That attempt has been paid for, so nothing is reserved here. */
function landingOf(unlanded: EndedAttempt, now: number): AttemptIn<'landing'> {
  const { operation, polls, sourceUris = [], filteredCount = 0, filteredReasons = [] } = unlanded;
  return {
    ...attemptBaseOf(unlanded),
    state: 'landing',
    ...defined({ operation }),
    reservedUsd: 0,
    polls,
    result: { sources: sourceUris.map((uri) => ({ uri })), filteredCount, filteredReasons },
    doneAt: now,
    tries: 0,
  };
}
