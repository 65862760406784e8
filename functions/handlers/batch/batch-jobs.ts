/** Steps of a batch that go through its jobs: waiting for them, cancelling them, retrying the failed ones. */

import type { BatchIn } from '../../core/batch/batch.ts';
import type { JobIn } from '../../core/job/job.ts';
import { ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { advanceAndPerform } from '../job/advance.ts';
import { inParallel } from '../job/in-parallel.ts';
import { retry } from '../job/retry-job.ts';
import { backPressure, STEP_MS, stepEnd, UNFINISHED, UNFINISHED_MAX, type Work } from './batch-work.ts';

/** How often a batch looks whether its jobs are through: one count, cheap beside what the jobs cost. */
const LOOK_MS = 30_000;
const CANCELLED_PER_STEP = 200;
const CONCURRENCY = 8;
const RETRIED_PER_STEP = 50;
/** A chunk that was under way when the batch was cancelled may go on to make jobs for its time and a slice. */
const CHUNK_GRACE_MS = 2 * STEP_MS;

export async function lookAtJobs(
  { jobs, clock, policy }: Services,
  { batchId }: BatchIn<'running'>,
): Promise<Work> {
  const unfinished = await jobs.countOfBatch(batchId, UNFINISHED);
  if (unfinished === 0) return { type: 'settled' };
  return { type: 'wait', untilMs: clock.now() + LOOK_MS / policy.speedUp };
}

export async function cancelJobs(
  services: Services,
  { batchId, cancelledAt }: BatchIn<'cancelling'>,
): Promise<Work> {
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

/** What might be paid for twice is left: so a retry costs nothing that `maxSpendUsd` has not allowed for. */
export async function retryJobs(services: Services, batch: BatchIn<'retrying'>): Promise<Work> {
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
