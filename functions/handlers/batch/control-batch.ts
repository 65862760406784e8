/** Changes a batch at the request of its owner, and returns it with numbers that are right when the answer arrives. */
import { type Batch, interruptedChunkOf } from '../../core/batch/batch.ts';
import type { Services } from '../../ports.ts';
import { advanceBatch } from './batch.ts';
import { withUncountedJobs } from './uncounted-rows.ts';

/**
 * A chunk that makes jobs ends within a fraction of a second of a pause or a cancel. One that is loading the images of
 * its rows, or that crashed, may take longer. Its jobs are in the totals all the same, but its invalid rows are not yet.
 */
const CHUNK_WAIT_MS = 5_000;

/** @returns the batch, and whether the request changed it; nothing if the batch does not exist */
export async function controlBatch(
  services: Services,
  batchId: string,
  type: 'pause' | 'resume' | 'cancel' | 'retry',
): Promise<{ readonly batch: Batch; readonly isSaved: boolean } | undefined> {
  const advanced = await advanceBatch(services, batchId, { type });
  if (!advanced) return undefined;
  const batch = await afterChunk(services, advanced.batch);
  return { ...advanced, batch: await withUncountedJobs(services, batch) };
}

/** Waits until the rows of the interrupted chunk are counted. */
async function afterChunk({ batches, log }: Services, batch: Batch): Promise<Batch> {
  if (interruptedChunkOf(batch) === undefined) return batch;
  const { batchId } = batch;
  try {
    const isCounted = (stored: Batch): boolean => interruptedChunkOf(stored) === undefined;
    return (await batches.waitFor(batchId, isCounted, CHUNK_WAIT_MS)) ?? batch;
  } catch (error) {
    // The change is saved, so the request has succeeded.
    log('WARNING', `batch ${batchId}: the rows of its last chunk could not be awaited`, {
      batch: batchId,
      error: String(error),
    });
    return batch;
  }
}
