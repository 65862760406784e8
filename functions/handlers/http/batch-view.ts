/** The JSON of a batch for callers. */
import { type Batch, interruptedChunkOf } from '../../core/batch/batch.ts';
import { defined } from '../../core/defined.ts';
import { JOB_STATUSES } from '../../core/job/job.ts';
import type { Services } from '../../ports.ts';
import { rfc3339 } from './job-view.ts';

/** JSON of a batch, without job counts. Times are RFC 3339, money is in US dollars. */
export function batchView(batch: Batch) {
  const { totals, settings, source, manifest, cappedAtRow } = batch;
  const { gcsUri, generation, isInline } = source;
  return {
    id: batch.batchId,
    caller: batch.caller,
    status: batch.status,
    ...defined({ title: batch.title }),
    createdAt: rfc3339(batch.createdAt),
    updatedAt: rfc3339(batch.updatedAt),
    ...('finishedAt' in batch ? { finishedAt: rfc3339(batch.finishedAt) } : {}),
    ...('pass' in batch && batch.pass ? { pass: batch.pass } : {}),
    ...(isInline ? {} : { manifest: { gcsUri, generation, ...defined({ format: manifest?.format }) } }),
    ...(manifest && manifest.ignoredColumns.length > 0 ? { ignoredColumns: manifest.ignoredColumns } : {}),
    ...settings,
    rows: {
      read: totals.rows,
      valid: totals.valid,
      invalid: totals.faults,
      // The invalid rows of the interrupted chunk are not known yet.
      ...(interruptedChunkOf(batch) === undefined ? {} : { counting: true }),
    },
    /** Seconds of video and maximum price of the valid rows read so far. */
    estimate: { seconds: totals.seconds, priceUsd: totals.priceUsd },
    ...(manifest && 'cursor' in batch && batch.cursor
      ? { progress: manifest.bytes === 0 ? 1 : batch.cursor.byte / manifest.bytes }
      : {}),
    ...(batch.firstFaults.length > 0 ? { firstInvalid: batch.firstFaults } : {}),
    ...defined({ cappedAtRow }),
    ...(batch.retries > 0 ? { retries: { rounds: batch.retries, left: batch.retriesLeft } } : {}),
    ...(batch.status === 'failed' ? { error: batch.error } : {}),
    ...('report' in batch
      ? {
          report: {
            ...batch.report,
            href: {
              csv: `/v1/batches/${batch.batchId}/report?format=csv`,
              jsonl: `/v1/batches/${batch.batchId}/report?format=jsonl`,
            },
          },
        }
      : {}),
  };
}

/** Adds job counts by status. Eight count queries avoid a shared counter that every job would have to update. */
export async function fullBatchView({ jobs }: Services, batch: Batch) {
  const view = batchView(batch);
  if (batch.settings.dryRun) return view;
  const counts = await Promise.all(
    JOB_STATUSES.map(async (status) => [status, await jobs.countOfBatch(batch.batchId, [status])] as const),
  );
  return { ...view, jobs: Object.fromEntries(counts) };
}
