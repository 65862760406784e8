/** Steps of a batch that work on its jobs: wait for them, cancel them, retry the failed ones. */

import type { BatchIn } from '../../core/batch/batch.ts';
import type { JobIn } from '../../core/job/job.ts';
import { ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { advanceAndPerform } from '../job/advance.ts';
import { inParallel } from '../job/in-parallel.ts';
import { retry } from '../job/retry-job.ts';
import {
  backPressure,
  STEP_MS,
  type StepOutcome,
  stepEnd,
  UNFINISHED,
  UNFINISHED_MAX,
} from './batch-work.ts';

/** How often a batch checks whether its jobs have finished: one count query, which is cheap compared to the jobs. */
const CHECK_INTERVAL_MS = 30_000;
const CANCELLED_PER_STEP = 200;
const CONCURRENCY = 8;
const RETRIED_PER_STEP = 50;
/** A chunk that was running when the batch was cancelled may create jobs for a step's time and one more slice. */
const CHUNK_GRACE_MS = 2 * STEP_MS;

export async function checkJobs(
  { jobs, clock, policy }: Services,
  { batchId }: BatchIn<'running'>,
): Promise<StepOutcome> {
  const unfinished = await jobs.countOfBatch(batchId, UNFINISHED);
  if (unfinished === 0) return { type: 'settled' };
  return { type: 'wait', untilMs: clock.now() + CHECK_INTERVAL_MS / policy.speedUp };
}

export async function cancelJobs(
  services: Services,
  { batchId, cancelledAt }: BatchIn<'cancelling'>,
): Promise<StepOutcome> {
  const { jobs, clock } = services;
  const page = await jobs.listOfBatch({
    batchId,
    statuses: UNFINISHED,
    afterRow: 0,
    limit: CANCELLED_PER_STEP,
  });
  await inParallel(page, CONCURRENCY, async ({ jobId }) => {
    await advanceAndPerform(services, jobId, { type: 'cancel' });
  });
  if (page.length > 0) return { type: 'wait', untilMs: clock.now() };
  const graceEnd = cancelledAt + CHUNK_GRACE_MS;
  return clock.now() >= graceEnd ? { type: 'settled' } : { type: 'wait', untilMs: graceEnd };
}

/** Skips jobs that may be charged twice, so that a retry never exceeds what `maxSpendUsd` allowed. */
export async function retryJobs(services: Services, batch: BatchIn<'retrying'>): Promise<StepOutcome> {
  const { batchId, trace } = batch;
  const isOver = stepEnd(services.clock);
  const room = UNFINISHED_MAX - (await services.jobs.countOfBatch(batchId, UNFINISHED));
  if (room <= 0) return backPressure(services);
  const limit = Math.min(RETRIED_PER_STEP, room);
  const query = { batchId, statuses: ['failed'], afterRow: batch.afterRow, limit } as const;
  const page = await services.jobs.listOfBatch(query);
  let { afterRow } = batch;
  let left = 0;
  let isCutShort = false;
  for (const job of page) {
    if (job.status !== 'failed' || job.batch === undefined) continue;
    if (isOver()) {
      isCutShort = true;
      break;
    }
    if (!(await wasRetried(services, job, trace))) left++;
    afterRow = job.batch.row;
  }
  return { type: 'retried', afterRow, left, isEnd: page.length < limit && !isCutShort };
}

async function wasRetried(
  services: Services,
  job: JobIn<'failed'>,
  trace: string | undefined,
): Promise<boolean> {
  try {
    await retry(services, job, { acceptDoubleCharge: false, trace });
    return true;
  } catch (error) {
    if (error instanceof ProblemError) return false;
    throw error;
  }
}
