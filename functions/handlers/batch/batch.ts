/**
 * The `batch` function: each task runs one step of a batch. Steps can be repeated safely: job ids derive from rows
 * (I5), files are written once, and a step's result is saved only for its own wake (I4).
 */
import { type Batch, batchWakeOf, interruptedChunkOf } from '../../core/batch/batch.ts';
import type { BatchEvent } from '../../core/batch/step-batch.ts';
import { stepBatch } from '../../core/batch/step-batch.ts';
import type { BatchTask, Services } from '../../ports.ts';
import { tryToAnnounce } from '../job/announce.ts';
import { expandChunk } from './batch-chunk.ts';
import { cancelJobs, checkJobs, releaseHeldJobs, retryJobs } from './batch-jobs.ts';
import { openManifest } from './batch-manifest.ts';
import type { BatchMessage } from './batch-message.ts';
import { writeReport } from './batch-report.ts';
import type { StepOutcome } from './batch-work.ts';
import { writeManifestErrors } from './upload-errors.ts';

export async function handleBatch(services: Services, { batchId, seq }: BatchMessage): Promise<void> {
  const batch = await services.batches.get(batchId);
  if (!batch)
    return services.log('WARNING', `batch ${batchId} does not exist; its task is dropped`, {
      batch: batchId,
    });
  // The delivery before this one has failed. If it still runs, its rows are read again or counted at the end.
  if (interruptedChunkOf(batch) === seq) await advanceBatch(services, batchId, { type: 'chunkLost', seq });
  if (batchWakeOf(batch)?.seq !== seq) return;
  const outcome = await runStep(services, batch);
  if (outcome) await advanceBatch(services, batchId, { ...outcome, seq });
}

async function runStep(services: Services, batch: Batch): Promise<StepOutcome | undefined> {
  if ('held' in batch && batch.held) return releaseHeldJobs(services, batch);
  switch (batch.status) {
    case 'expanding':
      return batch.manifest ? expandChunk(services, batch, batch.manifest) : openManifest(services, batch);
    case 'running':
      return checkJobs(services, batch);
    case 'retrying':
      return retryJobs(services, batch);
    case 'cancelling':
      return cancelJobs(services, batch);
    case 'reporting': {
      const outcome = await writeReport(services, batch);
      if (outcome.type === 'reported') await writeManifestErrors(services, batch, outcome.csv);
      return outcome;
    }
    case 'paused':
    case 'done':
    case 'cancelled':
    case 'failed':
      return undefined;
  }
}

/** Loads, steps and saves the batch, logs the transition, enqueues the wake. Returns the stored batch, if it exists. */
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
      from,
      to: batch.status,
      totals: batch.totals,
    });
  }
  if (wake) await enqueueBatchTask(services, { batchId, wake });
  if (from !== batch.status) await tryToAnnounce(services, batch);
  return { batch, isSaved: true };
}

/** Enqueues a wake. On failure the sweep enqueues it later: the batch is already saved (I3). */
export async function enqueueBatchTask({ tasks, log }: Services, task: BatchTask): Promise<void> {
  try {
    await tasks.enqueueBatch(task);
  } catch (error) {
    log('ERROR', `batch ${task.batchId}: its wake could not be enqueued; the sweep tries again`, {
      batch: task.batchId,
      error: String(error),
    });
  }
}
