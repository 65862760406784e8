/** Making a failed job good. One retry per failed job, however often it is asked for; the retry has its own. */

import { roundUsd } from '../core/at-stake.ts';
import type { Job, JobIn } from '../core/job.ts';
import { jobTimes } from '../core/job-times.ts';
import { estimateStageUsd } from '../core/price.ts';
import { ProblemError } from '../core/problem.ts';
import { doubleChargeRisk, retryJob, superseded } from '../core/retry.ts';
import { stageIndexOf, stagesOf } from '../core/stages.ts';
import { announcing } from '../core/step.ts';
import type { Services } from '../ports.ts';
import { logFields, perform } from './advance.ts';

export interface RetryOptions {
  /** Pay for it again even where the failed attempt may have been charged. */
  readonly acceptDoubleCharge: boolean;
  readonly trace?: string | undefined;
}

/** The id of the job that makes this one good. */
export const retryIdOf = ({ ids }: Pick<Services, 'ids'>, jobId: string): string =>
  ids.jobIdOf(['retry', jobId]);

/** @throws ProblemError 409 for a job that has not failed, or whose retry might pay twice */
export async function retry(
  services: Services,
  job: Job,
  { acceptDoubleCharge, trace }: RetryOptions,
): Promise<{ readonly job: Job; readonly created: boolean }> {
  const { clock, jobs, policy, catalogue, log } = services;
  const jobId = retryIdOf(services, job.jobId);
  const earlier = await jobs.get(jobId);
  if (earlier) {
    await supersede(services, job, jobId);
    return { job: earlier, created: false };
  }
  if (job.status !== 'failed') {
    throw refused('not-failed', `Job ${job.jobId} is ${job.status}; only a failed job can be retried.`);
  }
  const risk = doubleChargeRisk(job);
  if (risk !== undefined && !acceptDoubleCharge) {
    throw refused(
      'may-pay-twice',
      `Job ${job.jobId} may be paid for twice: ${risk}. Send {"acceptDoubleCharge": true} to retry all the same, or ` +
        'let an operator resolve the attempt first.',
    );
  }
  const now = clock.now();
  const { deadlineAt } = jobTimes({}, job.request, { now, policy, catalogue });
  const seed = { jobId, estimateUsd: remainingUsd(services, job), deadlineAt, trace };
  const first = announcing(retryJob(job, seed, now), { now, policy });
  if ((await jobs.create(first.job)) === 'exists') {
    const other = await jobs.get(jobId);
    if (!other) throw new Error(`job ${jobId} exists and cannot be read`);
    return { job: other, created: false };
  }
  log('INFO', `job ${jobId}: accepted, retries ${job.jobId}`, {
    ...logFields(first.job),
    to: first.job.status,
  });
  await perform(services, first.job, first.effects);
  await supersede(services, job, jobId);
  return { job: first.job, created: true };
}

/** Repeated with the retry, so that a crash in between leaves nothing for long. */
async function supersede({ jobs, clock }: Services, job: Job, by: string): Promise<void> {
  if (job.batch) await jobs.update(job.jobId, (stored) => superseded(stored, by, clock.now()));
}

/** What has not landed yet. */
function remainingUsd({ catalogue }: Services, job: JobIn<'failed'>): number {
  const stages = stagesOf(job.request).slice(stageIndexOf(job));
  return roundUsd(stages.reduce((sum, stage) => sum + estimateStageUsd(catalogue, stage), 0));
}

const refused = (code: string, detail: string): ProblemError =>
  new ProblemError({ status: 409, code, title: 'The job cannot be retried', detail });
