/**
 * The sweep's part for batches: re-enqueues wakes whose task was lost (I3), and releases the jobs of a batch after the
 * retention period. Stored names differ: `ring` counts the enqueues of a wake, `letGoAt` is the time of the release.
 */
import type { Batch } from '../../core/batch/batch.ts';
import { batchWakeOf } from '../../core/batch/batch.ts';
import { releaseRecord } from '../../core/job/retry.ts';
import type { Services } from '../../ports.ts';
import { inParallel } from '../job/in-parallel.ts';
import { advanceBatch } from './batch.ts';

/** A deployment has few batches at a time. The rest stays overdue and is first in the next run. */
const BATCHES_PER_RUN = 50;
const CONCURRENCY = 10;

/** @returns the number of re-enqueued wakes */
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

/** One page per run: the release is not urgent and must not delay the rest of the sweep. */
const RELEASED_PER_RUN = 500;

/** Releases one page of jobs of a batch whose retention period has passed; until then it keeps their records. */
export async function releaseJobs(services: Services): Promise<void> {
  const { batches, jobs, clock } = services;
  const [batch] = await batches.dueForRelease(clock.now(), 1);
  if (!batch) return;
  const { batchId } = batch;
  // Mark the batch first: from then on no retry can start that would need the records.
  if (batch.lettingGo === undefined)
    await advanceBatch(services, batchId, { type: 'releaseRecords', progress: 'begun' });
  const held = await jobs.heldByBatch(batchId, RELEASED_PER_RUN);
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
