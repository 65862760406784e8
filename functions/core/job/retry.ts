/**
 * A failed job, made good by a new one. The old one stays what it is (I6); the new one takes over what has been landed,
 * and brings home what was made and never landed, so that none of it is paid for again.
 */
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

/** Why a retry might pay twice, or nothing where it is proven that it does not. */
export function doubleChargeRisk(job: JobIn<'failed'>): string | undefined {
  const live = liveAttemptOf(job);
  if (live) return `attempt ${live.attemptId} is still followed; its outcome may come`;
  const stage = stageIndexOf(job);
  const paid = job.attempts.find((attempt) => attempt.stage === stage && attempt.charged !== 'no');
  if (!paid || madeAndLost(job)) return undefined;
  const said = paid.charged === 'yes' ? 'was charged' : 'may have been charged';
  return `attempt ${paid.attemptId} ${said} ($${paid.reservedUsd})`;
}

/**
 * What was made at the job's stage, and only its way home failed. Not always the last attempt: one that was given up and
 * followed again stands behind it.
 */
function madeAndLost(job: JobIn<'failed'>): EndedAttempt | undefined {
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
  // Not the whole of it: one that has succeeded at once would keep the wake of a queued one, and be swept for ever.
  const base: JobBase = { ...baseOf(fresh), retryOf: { jobId: job.jobId, landed, lostUsd: lostUsd(job) } };
  const stage = stageIndexOf(base);
  const last = landed.at(-1);
  if (last && stage >= stagesOf(request).length) return { job: succeeded(base, last, now), effects: [] };
  const lost = madeAndLost(job);
  if (lost) return withNewAttempt(base, landingAgain(lost, now), now);
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

/** From now on the job knows its retry, which also stands for its row of a batch. */
export function retriedBy<J extends Job>(job: J, by: string, now: number): J {
  const batch = job.batch ? { batch: { ...job.batch, supersededBy: by } } : {};
  return { ...job, ...batch, retriedBy: by, revision: job.revision + 1, updatedAt: now };
}

/** The batch does not need the record any more. */
export function letGo(job: Job, now: number): Step | undefined {
  if (!job.batch || job.batch.letGoAt !== undefined) return undefined;
  const batch = { ...job.batch, letGoAt: now };
  return { job: { ...job, batch, revision: job.revision + 1 }, effects: [] };
}

function succeeded(base: JobBase, { videos = [], ...last }: EndedAttempt, now: number): Job {
  const { filteredCount = 0, filteredReasons = [] } = last;
  return { ...base, status: 'succeeded', finishedAt: now, videos, filteredCount, filteredReasons };
}

/** Under its old prefix; the job before has paid for it, so nothing is reserved here. */
function landingAgain(lost: EndedAttempt, now: number): AttemptIn<'landing'> {
  const { operation, polls, sourceUris = [], filteredCount = 0, filteredReasons = [] } = lost;
  return {
    ...attemptBaseOf(lost),
    state: 'landing',
    ...(operation ? { operation } : {}),
    reservedUsd: 0,
    polls,
    result: { sources: sourceUris.map((uri) => ({ uri })), filteredCount, filteredReasons },
    doneAt: now,
    tries: 0,
  };
}
