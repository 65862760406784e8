/** The sweep's part for batches: rings again for those whose wake was lost (I3). */
import type { Batch } from '../core/batch.ts';
import { batchWakeOf } from '../core/batch.ts';
import type { Services } from '../ports.ts';
import { advanceBatch } from './batch.ts';

/** A deployment has few batches at once; the rest is first in the next run. */
const BATCHES_PER_RUN = 50;

/** @returns how many were rung for */
export async function sweepBatches(services: Services): Promise<number> {
  const { batches, clock, policy, log } = services;
  let rung = 0;
  for (const batch of await batches.overdue(clock.now() - policy.ringAfterMs, BATCHES_PER_RUN)) {
    try {
      if (await sweepOne(services, batch)) rung++;
    } catch (error) {
      log('ERROR', `batch ${batch.batchId}: could not be swept`, {
        batch: batch.batchId,
        error: String(error),
      });
    }
  }
  return rung;
}

async function sweepOne(services: Services, batch: Batch): Promise<boolean> {
  const wake = batchWakeOf(batch);
  if (!wake) return false;
  const isWaiting = await services.tasks.isBatchWaiting({ batchId: batch.batchId, wake });
  const type = isWaiting ? 'stillWaiting' : 'ringAgain';
  await advanceBatch(services, batch.batchId, { type, seq: wake.seq });
  return !isWaiting;
}
