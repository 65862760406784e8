/** The sweep's part for batches: rings again for those whose wake was lost (I3), and lets go what has been kept long enough. */
import type { Batch } from '../../core/batch/batch.ts';
import { batchWakeOf } from '../../core/batch/batch.ts';
import { releaseRecord } from '../../core/job/retry.ts';
import type { Services } from '../../ports.ts';
import { inParallel } from '../job/in-parallel.ts';
import { advanceBatch } from './batch.ts';

/** A deployment has few batches at once; the rest is first in the next run. */
const BATCHES_PER_RUN = 50;
const CONCURRENCY = 10;

/** @returns how many were rung for */
export async function sweepBatches(services: Services): Promise<number> {
  const { batches, clock, policy, log } = services;
  let reEnqueued = 0;
  for (const batch of await batches.overdue(clock.now() - policy.overdueAfterMs, BATCHES_PER_RUN)) {
    try {
      if (await sweepOne(services, batch)) reEnqueued++;
    } catch (error) {
      log('ERROR', `batch ${batch.batchId}: could not be swept`, {
        batch: batch.batchId,
        error: String(error),
      });
    }
  }
  return reEnqueued;
}

/** A page a run: nobody waits for it, and it must not hold up what somebody waits for. */
const LET_GO_PER_RUN = 500;

/** A batch holds the records of its jobs until it has been over for as long as records are kept. */
export async function releaseJobs(services: Services): Promise<void> {
  const { batches, jobs, clock } = services;
  const [batch] = await batches.toLetGo(clock.now(), 1);
  if (!batch) return;
  const { batchId } = batch;
  // First: from here on no retry begins that would need them.
  if (batch.lettingGo === undefined)
    await advanceBatch(services, batchId, { type: 'releaseRecords', progress: 'begun' });
  const held = await jobs.heldByBatch(batchId, LET_GO_PER_RUN);
  await inParallel(held, CONCURRENCY, async ({ jobId }) => {
    await jobs.update(jobId, (job) => releaseRecord(job, clock.now()));
  });
  if (held.length === 0) await advanceBatch(services, batchId, { type: 'releaseRecords', progress: 'done' });
}

async function sweepOne(services: Services, batch: Batch): Promise<boolean> {
  const wake = batchWakeOf(batch);
  if (!wake) return false;
  const isWaiting = await services.tasks.isBatchWaiting({ batchId: batch.batchId, wake });
  const type = isWaiting ? 'stillWaiting' : 'enqueueAgain';
  await advanceBatch(services, batch.batchId, { type, seq: wake.seq });
  return !isWaiting;
}
