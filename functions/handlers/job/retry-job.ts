/** Retries a failed job. It has at most one retry, however often one is requested; a failed retry has its own. */
import { roundUsd, unknownAttempts } from '../../core/job/at-stake.ts';
import type { Job, JobIn } from '../../core/job/job.ts';
import { estimateStageUsd } from '../../core/job/price.ts';
import { doubleChargeRisk, retriedBy, retryJob } from '../../core/job/retry.ts';
import { stageIndexOf, stagesOf } from '../../core/job/stages.ts';
import { announceNewJob, type Step } from '../../core/job/step.ts';
import { notFound, ProblemError } from '../../core/problem.ts';
import { jobTimes } from '../../core/request/job-times.ts';
import type { BatchGuard, Services } from '../../ports.ts';
import { logFields, perform } from './advance.ts';
import { recoverLostAttempt } from './claim-notes.ts';
import { BatchRefusedError } from './create-job.ts';

export interface RetryOptions {
  /** Retry even if the failed attempt may have been charged. */
  readonly acceptDoubleCharge: boolean;
  readonly trace?: string | undefined;
  /** The retry is made only if the batch of the job allows that. */
  readonly guard?: BatchGuard | undefined;
}

/** I5: the id of the job that retries this one. */
export const retryIdOf = ({ ids }: Pick<Services, 'ids'>, jobId: string): string =>
  ids.jobIdOf(['retry', jobId]);

/**
 * @throws ProblemError 409 if the job has not failed, may be charged twice, or has a retry whose record was deleted
 * @throws BatchRefusedError if the guard refuses
 */
export async function retry(
  services: Services,
  job: Job,
  { acceptDoubleCharge, trace, guard }: RetryOptions,
): Promise<{ readonly job: Job; readonly created: boolean }> {
  const { clock, jobs, policy, catalogue, log } = services;
  const now = clock.now();
  const earlier = job.retriedBy === undefined ? await unmarkedRetry(services, job) : undefined;
  if (earlier) return { job: earlier, created: false };
  // A retry has an id of its own, so it would not find the claims of this job.
  if (!acceptDoubleCharge) await recoverLostAttempt(services, job);
  const decide = (stored: Job): Step | undefined => {
    if (stored.retriedBy !== undefined) return undefined;
    const jobId = retryIdOf(services, stored.jobId);
    if (stored.status !== 'failed') return undefined;
    const risk = doubleChargeRisk(stored);
    if (risk !== undefined && !acceptDoubleCharge) return undefined;
    const { deadlineAt } = jobTimes({}, stored.request, { now, policy, catalogue });
    const seed = { jobId, estimateUsd: remainingUsd(services, stored), deadlineAt, trace };
    const { job: made, effects } = announceNewJob(retryJob(stored, seed, now), { now, policy });
    return { job: retriedBy(stored, jobId, now), made, effects };
  };
  const updated = await jobs.update(job.jobId, decide, guard);
  if (updated.kind === 'unchanged' && updated.isRefused)
    throw new BatchRefusedError(`batch ${guard?.batchId} retries no jobs now`);
  if (updated.kind === 'missing') throw notFound(`Job ${job.jobId} does not exist.`);
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

/** Finds a retry from before jobs were marked as retried (`retriedBy`), and marks its job. */
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
 * Returns the existing retry of a job.
 * @throws ProblemError 409 with the reason if there is none
 */
async function markedRetry({ jobs }: Services, job: Job): Promise<Job> {
  if (job.retriedBy === undefined) throw refusalOf(job);
  const made = await jobs.get(job.retriedBy);
  if (made) return made;
  // A failed job with an unknown charge is kept for ever; its retry is not. A second retry would be paid for again.
  throw refused(
    'retried-before',
    `Job ${job.jobId} was retried as ${job.retriedBy}, whose record has been deleted. A job can be retried only once; ` +
      'send its request as a new job.',
  );
}

function refusalOf(job: Job): ProblemError {
  if (job.status !== 'failed')
    return refused('not-failed', `Job ${job.jobId} is ${job.status}; only a failed job can be retried.`);
  // Only an attempt with an unknown charge can be resolved.
  const orElse =
    unknownAttempts(job).length > 0 ? ', or have an operator resolve the attempt first (POST …/resolve)' : '';
  return refused(
    'may-pay-twice',
    `Job ${job.jobId} may be charged twice: ${doubleChargeRisk(job)}. Send {"acceptDoubleCharge": true} to retry ` +
      `anyway${orElse}.`,
  );
}

/** The price of the stages that have not landed yet. */
function remainingUsd({ catalogue }: Services, job: JobIn<'failed'>): number {
  const stages = stagesOf(job.request).slice(stageIndexOf(job));
  return roundUsd(stages.reduce((sum, stage) => sum + estimateStageUsd(catalogue, stage), 0));
}

const refused = (code: string, detail: string): ProblemError =>
  new ProblemError({ status: 409, code, title: 'The job cannot be retried', detail });
