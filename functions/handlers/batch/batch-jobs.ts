/** Steps of a batch that work on its jobs: wait for them, cancel them, retry the failed ones. */

import type { Batch, BatchIn } from '../../core/batch/batch.ts';
import type { JobIn } from '../../core/job/job.ts';
import { ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { advanceAndPerform } from '../job/advance.ts';
import { BatchRefusedError } from '../job/create-job.ts';
import { inParallel } from '../job/in-parallel.ts';
import { retry } from '../job/retry-job.ts';
import {
  backPressure,
  STEP_MS,
  type StepOutcome,
  stepEnd,
  stepGuard,
  UNFINISHED,
  UNFINISHED_MAX,
} from './batch-work.ts';
import { uncountedRows } from './uncounted-rows.ts';

/** How often a batch checks whether its jobs have finished: one count query, which is cheap compared to the jobs. */
const CHECK_INTERVAL_MS = 30_000;
const CANCELLED_PER_STEP = 200;
const CONCURRENCY = 8;
const RETRIED_PER_STEP = 50;
const RELEASED_PER_PAGE = 100;
/** A chunk that was running when the batch was cancelled reports its rows within a step's time and one more slice. */
const CHUNK_GRACE_MS = 2 * STEP_MS;

export async function checkJobs(
  { jobs, clock, policy }: Services,
  { batchId }: BatchIn<'running'>,
): Promise<StepOutcome> {
  const unfinished = await jobs.countOfBatch(batchId, UNFINISHED);
  if (unfinished === 0) return { type: 'settled' };
  return { type: 'wait', untilMs: clock.now() + CHECK_INTERVAL_MS / policy.speedUp };
}

export async function cancelJobs(services: Services, batch: BatchIn<'cancelling'>): Promise<StepOutcome> {
  const { jobs, clock } = services;
  const { batchId, cancelledAt } = batch;
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
  if (clock.now() < graceEnd) return { type: 'wait', untilMs: graceEnd };
  return { type: 'settled', uncounted: await uncountedRows(services, batch) };
}

/** Puts the jobs that a pause has held back into their submit queues. */
export async function releaseHeldJobs(services: Services, { batchId }: Batch): Promise<StepOutcome> {
  const isOver = stepEnd(services.clock);
  for (let afterRow = 0; ; ) {
    const query = { batchId, statuses: ['queued'], afterRow, limit: RELEASED_PER_PAGE } as const;
    const page = await services.jobs.listOfBatch(query);
    const heldJobs = page.filter((job) => job.status === 'queued' && job.heldAt !== undefined);
    await inParallel(heldJobs, CONCURRENCY, async ({ jobId }) => {
      await advanceAndPerform(services, jobId, { type: 'release' });
    });
    const last = page.at(-1)?.batch?.row;
    if (page.length < RELEASED_PER_PAGE || last === undefined) return { type: 'released' };
    afterRow = last;
    // The next step starts again at the first row, but the jobs released so far are no longer held.
    if (isOver()) return { type: 'wait', untilMs: services.clock.now() };
  }
}

/** Skips jobs that may be charged twice, so that a retry never exceeds what `maxSpendUsd` allowed. */
export async function retryJobs(services: Services, batch: BatchIn<'retrying'>): Promise<StepOutcome> {
  const { batchId } = batch;
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
    const answer = await retryOne(services, batch, job);
    if (answer === 'refused') {
      isCutShort = true;
      break;
    }
    if (answer === 'left') left++;
    afterRow = job.batch.row;
  }
  return { type: 'retried', afterRow, left, isEnd: page.length < limit && !isCutShort };
}

/** `refused`: the batch was paused or cancelled meanwhile. */
async function retryOne(
  services: Services,
  batch: BatchIn<'retrying'>,
  job: JobIn<'failed'>,
): Promise<'retried' | 'left' | 'refused'> {
  const { trace } = batch;
  try {
    await retry(services, job, { acceptDoubleCharge: false, trace, guard: stepGuard(batch) });
    return 'retried';
  } catch (error) {
    if (error instanceof ProblemError) return 'left';
    if (error instanceof BatchRefusedError) return 'refused';
    throw error;
  }
}
