/**
 * Rows that have a job and that no chunk has counted. A chunk makes several jobs at once, so that a pause or a cancel may
 * leave jobs after the first row without one. A chunk that crashed, or that is being read, has counted none of its jobs.
 */
import {
  type Batch,
  type BatchIn,
  type BatchTotals,
  countedRowOf,
  NO_TOTALS,
} from '../../core/batch/batch.ts';
import { sumOf } from '../../core/batch/step-batch.ts';
import type { Services } from '../../ports.ts';
import { END, faultsBetween } from './batch-report.ts';
import { estimateOf } from './batch-work.ts';

/** A chunk makes at most 100 jobs, so that one page is nearly always enough. */
const PAGE = 500;

/** Returns the batch with totals that contain every job that it had when it was read. */
export async function withUncountedJobs<B extends Batch>(services: Services, batch: B): Promise<B> {
  const countedRow = countedRowOf(batch);
  if (countedRow === undefined) return batch;
  const { totals } = await jobsAfter(services, batch.batchId, countedRow);
  return { ...batch, totals: sumOf(batch.totals, totals) };
}

/** The rows of a cancelled batch that the report lists and no chunk has counted. None if all rows had been read. */
export async function uncountedRows(services: Services, batch: BatchIn<'cancelling'>): Promise<BatchTotals> {
  const { batchId, countedRow } = batch;
  if (countedRow === undefined) return NO_TOTALS;
  const { rows, totals } = await jobsAfter(services, batchId, countedRow);
  const stored = await faultsBetween(services.results, { batchId }, countedRow, END);
  const faulty = new Set(stored.map(({ row }) => row));
  const faults = [...faulty].filter((row) => !rows.has(row)).length;
  return sumOf(totals, { ...NO_TOTALS, rows: faults, faults });
}

async function jobsAfter(
  services: Services,
  batchId: string,
  countedRow: number,
): Promise<{ readonly rows: ReadonlySet<number>; readonly totals: BatchTotals }> {
  const rows = new Set<number>();
  let totals = NO_TOTALS;
  for (let afterRow = countedRow; ; ) {
    const page = await services.jobs.listOfBatch({ batchId, afterRow, limit: PAGE });
    for (const { batch, request } of page) {
      afterRow = batch?.row ?? afterRow;
      if (rows.has(afterRow)) continue;
      rows.add(afterRow);
      const { seconds, priceUsd } = estimateOf(services, request);
      totals = sumOf(totals, { rows: 1, valid: 1, faults: 0, seconds, priceUsd });
    }
    if (page.length < PAGE) return { rows, totals };
  }
}
