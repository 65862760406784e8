/** Making a failed job good. One retry per failed job, however often it is asked for; the retry has its own. */
import { roundUsd, unknownAttempts } from '../../core/job/at-stake.ts';
import type { Job, JobIn } from '../../core/job/job.ts';
import { estimateStageUsd } from '../../core/job/price.ts';
import { doubleChargeRisk, retriedBy, retryJob } from '../../core/job/retry.ts';
import { stageIndexOf, stagesOf } from '../../core/job/stages.ts';
import { announceNewJob, type Step } from '../../core/job/step.ts';
import { notFound, ProblemError } from '../../core/problem.ts';
import { jobTimes } from '../../core/request/job-times.ts';
import type { Services } from '../../ports.ts';
import { logFields, perform } from './advance.ts';

export interface RetryOptions {
  /** Pay for it again even where the failed attempt may have been charged. */
  readonly acceptDoubleCharge: boolean;
  readonly trace?: string | undefined;
}

/** The id of the job that makes this one good. */
export const retryIdOf = ({ ids }: Pick<Services, 'ids'>, jobId: string): string =>
  ids.jobIdOf(['retry', jobId]);

/** @throws ProblemError 409 for a job that has not failed, whose retry might pay twice, or is not kept any more */
export async function retry(
  services: Services,
  job: Job,
  { acceptDoubleCharge, trace }: RetryOptions,
): Promise<{ readonly job: Job; readonly created: boolean }> {
  const { clock, jobs, policy, catalogue, log } = services;
  const now = clock.now();
  const earlier = job.retriedBy === undefined ? await unmarkedRetry(services, job) : undefined;
  if (earlier) return { job: earlier, created: false };
  const updated = await jobs.update(job.jobId, (stored): Step | undefined => {
    if (stored.retriedBy !== undefined) return undefined;
    const jobId = retryIdOf(services, stored.jobId);
    if (stored.status !== 'failed') return undefined;
    const risk = doubleChargeRisk(stored);
    if (risk !== undefined && !acceptDoubleCharge) return undefined;
    const { deadlineAt } = jobTimes({}, stored.request, { now, policy, catalogue });
    const seed = { jobId, estimateUsd: remainingUsd(services, stored), deadlineAt, trace };
    const { job: made, effects } = announceNewJob(retryJob(stored, seed, now), { now, policy });
    return { job: retriedBy(stored, jobId, now), made, effects };
  });
  if (updated.kind === 'missing') throw notFound(`There is no job ${job.jobId}.`);
  if (updated.kind === 'unchanged') return { job: await markedRetry(services, updated.job), created: false };
  const { made, effects } = updated.step;
  if (!made) throw new Error(`job ${job.jobId} was marked as retried without a retry`);
  log('INFO', `job ${made.jobId}: accepted, retries ${job.jobId}`, {
    ...logFields(made),
    to: made.status,
  });
  await perform(services, made, effects);
  return { job: made, created: true };
}

/** One of before jobs were marked; its job is marked now. */
async function unmarkedRetry({ ids, jobs, clock }: Services, { jobId }: Job): Promise<Job | undefined> {
  const made = await jobs.get(retryIdOf({ ids }, jobId));
  if (made) {
    await jobs.update(jobId, (stored) =>
      stored.retriedBy === undefined
        ? { job: retriedBy(stored, made.jobId, clock.now()), effects: [] }
        : undefined,
    );
  }
  return made;
}

/**
 * The retry of a job that none was made of now.
 * @throws ProblemError 409 that says why, where there is none
 */
async function markedRetry({ jobs }: Services, job: Job): Promise<Job> {
  if (job.retriedBy === undefined) throw refusalOf(job);
  const made = await jobs.get(job.retriedBy);
  if (made) return made;
  // A failed job of unknown charge is kept for ever, its retry is not: made again, it would be paid for again.
  throw refused(
    'retried-before',
    `Job ${job.jobId} was retried as ${job.retriedBy}, which is not kept any more; a job is retried once. To make it ` +
      'once more, send its request as a new job.',
  );
}

function refusalOf(job: Job): ProblemError {
  if (job.status !== 'failed')
    return refused('not-failed', `Job ${job.jobId} is ${job.status}; only a failed job can be retried.`);
  // What was charged has been ruled on, or needs no ruling.
  const orElse =
    unknownAttempts(job).length > 0 ? ', or let an operator resolve the attempt first (POST …/resolve)' : '';
  return refused(
    'may-pay-twice',
    `Job ${job.jobId} may be paid for twice: ${doubleChargeRisk(job)}. Send {"acceptDoubleCharge": true} to retry all ` +
      `the same${orElse}.`,
  );
}

/** What has not landed yet. */
function remainingUsd({ catalogue }: Services, job: JobIn<'failed'>): number {
  const stages = stagesOf(job.request).slice(stageIndexOf(job));
  return roundUsd(stages.reduce((sum, stage) => sum + estimateStageUsd(catalogue, stage), 0));
}

const refused = (code: string, detail: string): ProblemError =>
  new ProblemError({ status: 409, code, title: 'The job cannot be retried', detail });
