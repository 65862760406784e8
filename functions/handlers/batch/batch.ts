/**
 * The `batch` function: one step of a batch per task. What is done may be done again any number of times: jobs follow
 * from their rows (I5), files are written once, and what it came to is saved only for the wake it was done for (I4).
 */
import { type Batch, batchWakeOf } from '../../core/batch/batch.ts';
import type { BatchEvent } from '../../core/batch/step-batch.ts';
import { stepBatch } from '../../core/batch/step-batch.ts';
import type { BatchTask, Services } from '../../ports.ts';
import { tryToAnnounce } from '../job/announce.ts';
import { expandChunk } from './batch-chunk.ts';
import { cancelJobs, lookAtJobs, retryJobs } from './batch-jobs.ts';
import { openManifest } from './batch-manifest.ts';
import type { BatchMessage } from './batch-message.ts';
import { writeReport } from './batch-report.ts';
import type { Work } from './batch-work.ts';
import { tellManifestFaults } from './upload-errors.ts';

export async function handleBatch(services: Services, { batchId, seq }: BatchMessage): Promise<void> {
  const batch = await services.batches.get(batchId);
  if (!batch)
    return services.log('WARNING', `batch ${batchId} does not exist; its task is dropped`, {
      batch: batchId,
    });
  if (batchWakeOf(batch)?.seq !== seq) return;
  const work = await workOf(services, batch);
  if (work) await advanceBatch(services, batchId, { ...work, seq });
}

async function workOf(services: Services, batch: Batch): Promise<Work | undefined> {
  switch (batch.status) {
    case 'expanding':
      return batch.manifest ? expandChunk(services, batch, batch.manifest) : openManifest(services, batch);
    case 'running':
      return lookAtJobs(services, batch);
    case 'retrying':
      return retryJobs(services, batch);
    case 'cancelling':
      return cancelJobs(services, batch);
    case 'reporting': {
      const work = await writeReport(services, batch);
      if (work.type === 'reported') await tellManifestFaults(services, batch, work.csv);
      return work;
    }
    case 'paused':
    case 'done':
    case 'cancelled':
    case 'failed':
      return undefined;
  }
}

/** Load, step, save, tell the log, ring. Returns the batch as it is now, if it is there. */
export async function advanceBatch(
  services: Services,
  batchId: string,
  event: BatchEvent,
): Promise<{ readonly batch: Batch; readonly isSaved: boolean } | undefined> {
  const { batches, clock, log, policy } = services;
  let from: Batch['status'] | undefined;
  const updated = await batches.update(batchId, (stored) => {
    from = stored.status;
    return stepBatch(stored, event, { now: clock.now(), announce: policy.announce });
  });
  if (updated.kind === 'missing') return undefined;
  if (updated.kind === 'unchanged') return { batch: updated.batch, isSaved: false };
  const { batch, wake } = updated.step;
  if (from !== batch.status) {
    const severity = batch.status === 'failed' ? 'WARNING' : 'INFO';
    log(severity, `batch ${batchId}: ${from} → ${batch.status}`, {
      batch: batchId,
      trace: batch.trace,
      ...{ from, to: batch.status, totals: batch.totals },
    });
  }
  if (wake) await enqueueBatchTask(services, { batchId, wake });
  if (from !== batch.status) await tryToAnnounce(services, batch);
  return { batch, isSaved: true };
}

/** One that fails is left to the sweep: the batch is already saved (I3). */
export async function enqueueBatchTask({ tasks, log }: Services, task: BatchTask): Promise<void> {
  try {
    await tasks.enqueueBatch(task);
  } catch (error) {
    log('ERROR', `batch ${task.batchId}: its wake could not be enqueued; the sweep will see to it`, {
      batch: task.batchId,
      error: String(error),
    });
  }
}
