/** What has to hold of every batch when everything has come to rest. */
import { type Batch, type BatchIn, isBatchOver } from '../../../functions/core/batch/batch.ts';
import type { Job } from '../../../functions/core/job/job.ts';
import type { Engine } from '../engine.ts';
import type { Rest } from '../final-checks.ts';
import type { Ledger } from '../ledger.ts';
import type { BatchMonitor } from './batch-monitor.ts';
import type { InputBucket } from './input-bucket.ts';
import type { PlannedManifest } from './manifests.ts';
import type { Owners } from './owners.ts';
import { type ReportRow, reportOf } from './reports.ts';

const MINUTE = 60_000;
/** The last look at its jobs and its report in parts; a task may be as late as ten minutes, and a call as five. */
const AFTER_JOBS_MAX_MS = 20 * MINUTE;

/** Whoever still reads rows when their batch is cancelled is waited for; not as long as a call may hang. */
const LATE_MAX_MS = 25_000;

export type OverBatch = BatchIn<'done' | 'cancelled' | 'failed'>;

export interface BatchRest extends Pick<Rest, 'engine' | 'output' | 'monitor'> {
  readonly ledger: Ledger;
  readonly watched: BatchMonitor;
  readonly input: InputBucket;
  readonly owners: Owners;
  /** By the text of the manifest. */
  readonly plans: ReadonlyMap<string, PlannedManifest>;
}

export function checkBatches(rest: BatchRest): void {
  const { engine, watched, ledger } = rest;
  for (const batch of watched.batches.values()) {
    checkEnd(rest, batch);
    if (isBatchOver(batch)) checkOver(rest, batch);
  }
  const paid = new Set([...ledger.entries.values()].map(({ jobId }) => jobId));
  for (const jobId of watched.late.keys())
    if (paid.has(jobId) && !watched.jobs.get(jobId)?.retryOf)
      engine.violate('nothing is paid after a cancel', `${jobId} was made after its batch was cancelled`);
}

export function planOf(
  { input, plans }: Pick<BatchRest, 'input' | 'plans'>,
  { source }: Batch,
): PlannedManifest | undefined {
  const { gcsUri, generation } = source;
  const content = input.everStored(gcsUri.replace('gs://in/', ''), generation);
  return content && plans.get(Buffer.from(content).toString());
}

function checkEnd({ engine, watched, owners, monitor }: BatchRest, batch: Batch): void {
  const { batchId, status } = batch;
  if (!isBatchOver(batch)) {
    if (!owners.leaveAlone(batch)) engine.violate('every batch ends', `${batchId} is ${status}`);
    return;
  }
  const jobs = [...watched.jobs.values()].filter((job) => job.batch?.batchId === batchId);
  const terminalAts = jobs.map(({ jobId }) => monitor.terminalAt(jobId) ?? 0);
  const latest = Math.max(engine.quietAt, batch.createdAt, owners.lastAt.get(batchId) ?? 0, ...terminalAts);
  const lateMs = (watched.endedAt.get(batchId) ?? engine.now) - latest;
  if (lateMs > AFTER_JOBS_MAX_MS)
    engine.violate('every batch ends in time', `${batchId} was ${status} ${lateMs} ms after its last job`);
}

function checkOver(rest: BatchRest, batch: OverBatch): void {
  const { engine, watched } = rest;
  const { batchId } = batch;
  const plan = planOf(rest, batch);
  if (!plan) {
    engine.violate('a batch has its manifest', `${batchId} is of ${batch.source.gcsUri}`);
    return;
  }
  const report = reportOf(rest.output, batch);
  if ('wrong' in report) {
    engine.violate('every batch has its report', `${batchId}: ${report.wrong}`);
    return;
  }
  const jobs = [...watched.jobs.values()].filter((job) => job.batch?.batchId === batchId);
  checkStatus(rest, batch, plan);
  checkRows(engine, batch, plan, report.rows, jobs);
  for (const row of report.rows) checkRow(rest, batch, plan, row, jobs);
  if (batch.settings.strict && jobs.length > 0 && plan.rows.some(({ kind }) => kind === 'bad'))
    engine.violate('a strict batch makes all jobs or none', `${batchId} has ${jobs.length}`);
  const told = new Set(report.rows.map(({ job }) => job));
  for (const job of jobs) {
    const isLast = job.retriedBy === undefined;
    const isInTime = (watched.late.get(job.jobId) ?? 0) < LATE_MAX_MS;
    if (isLast && !told.has(job.jobId) && isInTime)
      engine.violate(
        'the report has every job',
        `${batchId} does not report ${job.jobId} of row ${job.batch?.row}`,
      );
  }
}

function checkStatus(
  { engine, input, watched, owners }: BatchRest,
  batch: OverBatch,
  plan: PlannedManifest,
): void {
  const { batchId, source, settings, retries } = batch;
  if (batch.status === 'cancelled' && !watched.cancelledAt.has(batchId))
    engine.violate('nothing is cancelled by itself', batchId);
  if (retries > 0 && !owners.retried.has(batchId)) engine.violate('nothing is retried by itself', batchId);
  if (batch.status !== 'failed') return;
  const { code, message } = batch.error;
  const name = source.gcsUri.replace('gs://in/', '');
  const isRight =
    code === 'ROWS_FAULTY'
      ? settings.strict && plan.rows.some(({ kind }) => kind !== 'good')
      : code === 'MANIFEST_GONE'
        ? input.peek(name, source.generation) === undefined
        : plan.rows.length === 0;
  if (!isRight) engine.violate('a batch fails for a reason', `${batchId}: ${code}: ${message}`);
}

/** Each row once, and all of them: of a batch that is through, of the whole manifest, or up to the first it could not pay. */
function checkRows(
  engine: Engine,
  batch: OverBatch,
  plan: PlannedManifest,
  rows: readonly ReportRow[],
  jobs: readonly Job[],
): void {
  const { batchId, totals, settings, cappedAtRow, status } = batch;
  const numbers = rows.map(({ row }) => row);
  if (numbers.some((row, n) => row <= (numbers[n - 1] ?? 0)))
    engine.violate('each row is reported once', `${batchId}: rows ${numbers.join()}`);
  // In the checking pass no row makes a job.
  const onlyFaults = settings.dryRun || (settings.strict && status !== 'done' && jobs.length === 0);
  if (onlyFaults) {
    // A row that was read twice may have been at fault once, and is told to have been.
    if (jobs.length > 0 || rows.length < totals.faults)
      engine.violate(
        'each fault is reported',
        `${batchId}: ${jobs.length} jobs, ${rows.length} rows for ${totals.faults} faults`,
      );
    const missed = plan.rows.findIndex(({ kind }, n) => kind === 'bad' && !numbers.includes(n + 1));
    if (missed >= 0 && missed < totals.rows)
      engine.violate('each fault is reported', `${batchId} does not report row ${missed + 1}`);
    if (settings.dryRun && status === 'done' && totals.rows !== plan.rows.length)
      engine.violate('every row is read', `${batchId} read ${totals.rows} of ${plan.rows.length}`);
    return;
  }
  const read = cappedAtRow ?? totals.rows;
  if (cappedAtRow !== undefined && cappedAtRow !== totals.rows + 1)
    engine.violate('every row is read', `${batchId} was capped at row ${cappedAtRow}, after ${totals.rows}`);
  if (status === 'done' && cappedAtRow === undefined && totals.rows !== plan.rows.length)
    engine.violate('every row is read', `${batchId} read ${totals.rows} of ${plan.rows.length}`);
  for (let row = 1; row <= read; row++)
    if (!numbers.includes(row))
      engine.violate('every row is reported', `${batchId} does not report row ${row} of ${read}`);
  // Beyond a row that could not be paid there are jobs where a chunk was read twice, and the row had no place before.
  if (status === 'done' && cappedAtRow === undefined && numbers.some((row) => row > read))
    engine.violate('only what was read is reported', `${batchId}: rows ${numbers.join()} of ${read}`);
}

function checkRow(
  { engine, watched }: BatchRest,
  { batchId, cappedAtRow }: OverBatch,
  plan: PlannedManifest,
  { row, job: jobId, status, error }: ReportRow,
  jobs: readonly Job[],
): void {
  const planned = plan.rows[row - 1];
  const ofRow = jobs.filter((job) => job.batch?.row === row);
  const wrong = (what: string): void => {
    engine.violate('a row is reported as it is', `${batchId} row ${row} ${what}`);
  };
  if (!planned) {
    wrong('is in no manifest');
    return;
  }
  if (jobId === null) {
    if (ofRow.length > 0) wrong(`has job ${ofRow[0]?.jobId} and is ${status}`);
    if (status === 'not-admitted' ? row !== cappedAtRow : status !== 'invalid') wrong(`is ${status}`);
    if (status === 'invalid' && planned.kind === 'good') wrong(`is good, and invalid: ${error?.message}`);
    return;
  }
  const job = ofRow.find((each) => each.jobId === jobId);
  if (!job) {
    wrong(`has job ${jobId}, which is not of it`);
    return;
  }
  if (job.retriedBy !== undefined && !watched.late.has(job.retriedBy))
    wrong(`has job ${jobId}, which was retried`);
  // One made as the report was written is not over.
  if (job.status !== status && !watched.late.has(jobId))
    wrong(`is ${status}; its job ${jobId} is ${job.status}`);
  if (job.request.prompt !== planned.prompt)
    wrong(`asks for '${planned.prompt}'; its job for '${job.request.prompt}'`);
  if (planned.kind === 'bad') wrong(`is no request; its job is ${jobId}`);
}
