/** Checks of every batch in the final state. */
import { type Batch, type BatchIn, isBatchOver } from '../../../functions/core/batch/batch.ts';
import type { Job } from '../../../functions/core/job/job.ts';
import type { Engine } from '../engine.ts';
import type { FinalState } from '../final-checks.ts';
import type { Ledger } from '../ledger.ts';
import type { BatchMonitor } from './batch-monitor.ts';
import type { InputBucket } from './input-bucket.ts';
import type { PlannedManifest } from './manifests.ts';
import type { Owners } from './owners.ts';
import { type ReportRow, reportOf } from './reports.ts';

const MINUTE = 60_000;
/** For the last check of its jobs and the parts of its report. A task may be ten minutes late, and a call five. */
const AFTER_JOBS_MAX_MS = 20 * MINUTE;

/** A cancelled batch waits this long for a task that is still reading rows. A call may hang for longer. */
const LATE_MAX_MS = 25_000;

export type OverBatch = BatchIn<'done' | 'cancelled' | 'failed'>;

export interface BatchFinalState extends Pick<FinalState, 'engine' | 'output' | 'monitor'> {
  readonly ledger: Ledger;
  readonly batchMonitor: BatchMonitor;
  readonly input: InputBucket;
  readonly owners: Owners;
  /** Keyed by the text of the manifest. */
  readonly plans: ReadonlyMap<string, PlannedManifest>;
}

export function checkBatches(final: BatchFinalState): void {
  const { engine, batchMonitor, ledger } = final;
  for (const batch of batchMonitor.batches.values()) {
    checkEnd(final, batch);
    if (isBatchOver(batch)) checkOver(final, batch);
  }
  const paid = new Set([...ledger.entries.values()].map(({ jobId }) => jobId));
  for (const jobId of batchMonitor.late.keys())
    if (paid.has(jobId) && !batchMonitor.jobs.get(jobId)?.retryOf)
      engine.violate(
        'nothing is paid after a cancel',
        `${jobId} was made and paid for after its batch was cancelled`,
      );
}

export function planOf(
  { input, plans }: Pick<BatchFinalState, 'input' | 'plans'>,
  { source }: Batch,
): PlannedManifest | undefined {
  const { gcsUri, generation } = source;
  const content = input.everStored(gcsUri.replace('gs://in/', ''), generation);
  return content && plans.get(Buffer.from(content).toString());
}

function checkEnd({ engine, batchMonitor, owners, monitor }: BatchFinalState, batch: Batch): void {
  const { batchId, status } = batch;
  if (!isBatchOver(batch)) {
    if (!owners.isLeftPaused(batch)) engine.violate('every batch ends', `${batchId} is ${status}`);
    return;
  }
  const jobs = [...batchMonitor.jobs.values()].filter((job) => job.batch?.batchId === batchId);
  const terminalAts = jobs.map(({ jobId }) => monitor.terminalAt(jobId) ?? 0);
  const latest = Math.max(engine.quietAt, batch.createdAt, owners.lastAt.get(batchId) ?? 0, ...terminalAts);
  const lateMs = (batchMonitor.endedAt.get(batchId) ?? engine.now) - latest;
  if (lateMs > AFTER_JOBS_MAX_MS)
    engine.violate('every batch ends in time', `${batchId} was ${status} ${lateMs} ms after its last job`);
}

function checkOver(final: BatchFinalState, batch: OverBatch): void {
  const { engine, batchMonitor } = final;
  const { batchId } = batch;
  const plan = planOf(final, batch);
  if (!plan) {
    engine.violate('a batch has its manifest', `${batchId} reads ${batch.source.gcsUri}`);
    return;
  }
  const report = reportOf(final.output, batch);
  if ('wrong' in report) {
    engine.violate('every batch has its report', `${batchId}: ${report.wrong}`);
    return;
  }
  const jobs = [...batchMonitor.jobs.values()].filter((job) => job.batch?.batchId === batchId);
  checkStatus(final, batch, plan);
  checkRows(engine, batch, plan, report.rows, jobs, batchMonitor.interrupted.has(batchId));
  for (const row of report.rows) checkRow(final, batch, plan, row, jobs);
  if (batch.settings.strict && jobs.length > 0 && plan.rows.some(({ kind }) => kind === 'bad'))
    engine.violate('a strict batch makes all jobs or none', `${batchId} has ${jobs.length}`);
  const reported = new Set(report.rows.map(({ job }) => job));
  for (const job of jobs) {
    const isLast = job.retriedBy === undefined;
    const isInTime = (batchMonitor.late.get(job.jobId) ?? 0) < LATE_MAX_MS;
    if (isLast && !reported.has(job.jobId) && isInTime)
      engine.violate(
        'the report has every job',
        `${batchId} does not report ${job.jobId} of row ${job.batch?.row}`,
      );
  }
}

function checkStatus(
  { engine, input, batchMonitor, owners }: BatchFinalState,
  batch: OverBatch,
  plan: PlannedManifest,
): void {
  const { batchId, source, settings, retries } = batch;
  if (batch.status === 'cancelled' && !batchMonitor.cancelledAt.has(batchId))
    engine.violate('a cancelled batch was cancelled by its owner', batchId);
  if (retries > 0 && !owners.retried.has(batchId))
    engine.violate('a retried batch was retried by its owner', batchId);
  if (batch.status !== 'failed') return;
  const { code, message } = batch.error;
  const name = source.gcsUri.replace('gs://in/', '');
  const isRight =
    code === 'ROWS_FAULTY'
      ? settings.strict && plan.rows.some(({ kind }) => kind !== 'good')
      : code === 'MANIFEST_GONE'
        ? input.peek(name, source.generation) === undefined
        : plan.rows.length === 0;
  if (!isRight) engine.violate('a batch fails only for a real reason', `${batchId}: ${code}: ${message}`);
}

/** The report has each row once: of the whole manifest, of the part that was read, or up to the spending limit. */
function checkRows(
  engine: Engine,
  batch: OverBatch,
  plan: PlannedManifest,
  rows: readonly ReportRow[],
  jobs: readonly Job[],
  isInterrupted: boolean,
): void {
  const { batchId, totals, settings, cappedAtRow, status } = batch;
  const numbers = rows.map(({ row }) => row);
  if (numbers.some((row, n) => row <= (numbers[n - 1] ?? 0)))
    engine.violate('each row is reported once', `${batchId}: rows ${numbers.join()}`);
  // The check pass makes no jobs and reports only faulty rows.
  const onlyFaults = settings.dryRun || (settings.strict && status !== 'done' && jobs.length === 0);
  if (onlyFaults) {
    // A row that was read twice may have been faulty only once, and is reported anyway.
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
  if (isInterrupted) {
    // A cancel may leave rows without jobs between rows with jobs, because a chunk makes several jobs at once.
    const withJobs = rows.filter(({ job }) => job !== null).length;
    if (rows.length !== totals.rows || withJobs !== totals.valid)
      engine.violate(
        'a cancelled batch counts the rows that it reports',
        `${batchId} counts ${JSON.stringify(totals)} and reports ${rows.length} rows, ${withJobs} with jobs`,
      );
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
  // When a chunk was read twice, there may be jobs of rows after the row that reached the spending limit.
  if (status === 'done' && cappedAtRow === undefined && numbers.some((row) => row > read))
    engine.violate('only rows that were read are reported', `${batchId}: rows ${numbers.join()} of ${read}`);
}

function checkRow(
  { engine, batchMonitor }: BatchFinalState,
  { batchId, cappedAtRow }: OverBatch,
  plan: PlannedManifest,
  { row, job: jobId, status, error }: ReportRow,
  jobs: readonly Job[],
): void {
  const planned = plan.rows[row - 1];
  const ofRow = jobs.filter((job) => job.batch?.row === row);
  const violate = (what: string): void => {
    engine.violate('the report agrees with the row and its job', `${batchId} row ${row} ${what}`);
  };
  if (!planned) {
    violate('is not in the manifest');
    return;
  }
  if (jobId === null) {
    if (ofRow.length > 0) violate(`has job ${ofRow[0]?.jobId}, but is reported without a job as ${status}`);
    if (status === 'not-admitted' ? row !== cappedAtRow : status !== 'invalid')
      violate(`is reported without a job as ${status}`);
    if (status === 'invalid' && planned.kind === 'good')
      violate(`is valid, but is reported as invalid: ${error?.message}`);
    return;
  }
  const job = ofRow.find((each) => each.jobId === jobId);
  if (!job) {
    violate(`is reported with job ${jobId}, which belongs to another row`);
    return;
  }
  if (job.retriedBy !== undefined && !batchMonitor.late.has(job.retriedBy))
    violate(`is reported with job ${jobId}, which was retried`);
  // A job that was made while the report was written may not have ended.
  if (job.status !== status && !batchMonitor.late.has(jobId))
    violate(`is reported as ${status}; its job ${jobId} is ${job.status}`);
  if (job.request.prompt !== planned.prompt)
    violate(`has the prompt '${planned.prompt}'; its job has '${job.request.prompt}'`);
  if (planned.kind === 'bad') violate(`is not a valid request, but has job ${jobId}`);
}
