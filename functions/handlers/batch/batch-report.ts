/**
 * Writes the report of a batch, one line per row. Each step writes one part, because a million rows take longer than a
 * task may run; the last step joins the parts. Memory is constant: a part has a few megabytes, the join is streamed.
 */
import { Readable } from 'node:stream';
import { stringify } from 'csv-stringify/sync';
import { z } from 'zod';
import type { Batch, BatchIn, RowFault } from '../../core/batch/batch.ts';
import { batchPrefixOf } from '../../core/batch/batch.ts';
import { sumUsd } from '../../core/batch/step-batch.ts';
import { type Job, liveAttemptOf } from '../../core/job/job.ts';
import { totalUsd } from '../../core/job/spend.ts';
import { landedAttempts } from '../../core/job/stages.ts';
import { createRecordReader } from '../../core/manifest/record-reader.ts';
import type { ResultStore, Services } from '../../ports.ts';
import { faultsPrefixOf, padded, type StepOutcome } from './batch-work.ts';

/** Jobs are read a page at a time; faults are smaller. */
const ROWS_PER_PART = { withJobs: 2_000, faultsOnly: 50_000 } as const;
const PAGE = 500;
const WINDOW_BYTES = 1024 * 1024;

const rowSchema = z.object({
  row: z.number(),
  /** Line in the manifest, for an invalid row. */
  line: z.number().nullable(),
  job: z.string().nullable(),
  /** The job's status, or `invalid` or `not-admitted`. */
  status: z.string(),
  uris: z.array(z.string()),
  /** Seconds of generated video. */
  seconds: z.number(),
  /** What was charged; `unknownUsd` is what may have been charged. */
  priceUsd: z.number(),
  unknownUsd: z.number(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
type ReportRow = z.infer<typeof rowSchema>;
const COLUMNS = [
  'row',
  'line',
  'job',
  'status',
  'uris',
  'seconds',
  'priceUsd',
  'unknownUsd',
  'errorCode',
  'error',
];

type Reporting = BatchIn<'reporting'>;

export async function writeReport(services: Services, batch: Reporting): Promise<StepOutcome> {
  const { totals, settings, afterRow, parts } = batch;
  const hasRows = settings.dryRun ? totals.faults > 0 : totals.rows > 0 || parts === 0;
  if (!hasRows || afterRow >= END) return joined(services, batch);
  const size = settings.dryRun ? ROWS_PER_PART.faultsOnly : ROWS_PER_PART.withJobs;
  // The last part has no upper limit: a cancelled chunk may have created jobs beyond the counted rows.
  const upTo = afterRow + size >= totals.rows ? END : afterRow + size;
  const rows = await rowsBetween(services, batch, afterRow, upTo);
  const name = `${partsPrefixOf(batch)}${padded(afterRow)}.jsonl`;
  const body = Readable.from(lines(rows), { objectMode: false });
  await services.results.writeOnce(name, 'application/jsonl', body);
  return { type: 'reportPart', afterRow: upTo };
}

export const END = Number.MAX_SAFE_INTEGER;

const partsPrefixOf = ({ batchId, retries }: Reporting): string =>
  `${batchPrefixOf(batchId)}report-parts/${retries}/`;

function* lines(rows: readonly ReportRow[]): Generator<Buffer> {
  for (const row of rows) yield Buffer.from(`${JSON.stringify(row)}\n`);
}

/** Jobs and faults of these rows, in order. A row that has both was read twice; its job is reported. */
async function rowsBetween(
  services: Services,
  batch: Reporting,
  afterRow: number,
  upTo: number,
): Promise<readonly ReportRow[]> {
  const rows = new Map<number, ReportRow>();
  for (let from = afterRow; !batch.settings.dryRun; ) {
    const page = await services.jobs.listOfBatch({ batchId: batch.batchId, afterRow: from, limit: PAGE });
    // The newest job of a row comes first.
    for (const job of page) {
      const row = job.batch?.row ?? 0;
      if (row <= upTo && !rows.has(row)) rows.set(row, rowOfJob(job, row));
      from = row;
    }
    if (page.length < PAGE || from > upTo) break;
  }
  const faults =
    batch.totals.faults === 0 ? [] : await faultsBetween(services.results, batch, afterRow, upTo);
  for (const fault of faults) {
    if (!rows.has(fault.row)) rows.set(fault.row, rowOfFault(fault));
  }
  const capped = batch.cappedAtRow;
  if (capped !== undefined && capped > afterRow && capped <= upTo) rows.set(capped, rowOfCap(batch, capped));
  return [...rows.values()].sort((a, b) => a.row - b.row);
}

const faultSchema = z.object({ row: z.number(), line: z.number(), fault: z.string() });

/** The faults that the chunks of the batch have stored for these rows, in no order. */
export async function faultsBetween(
  results: ResultStore,
  { batchId }: Pick<Batch, 'batchId'>,
  afterRow: number,
  upTo: number,
): Promise<RowFault[]> {
  const faults: RowFault[] = [];
  const prefix = faultsPrefixOf(batchId);
  for (const { name, bytes } of await results.list(prefix)) {
    const [, first, last] = /^(\d+)-(\d+)-/.exec(name.slice(prefix.length)) ?? [];
    if (Number(last) <= afterRow || Number(first) > upTo) continue;
    const text = Buffer.from(await results.readRange(name, 0, bytes - 1)).toString('utf8');
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const fault = faultSchema.parse(JSON.parse(line));
      if (fault.row > afterRow && fault.row <= upTo) faults.push(fault);
    }
  }
  return faults;
}

const NOTHING = { line: null, job: null, uris: [], seconds: 0, priceUsd: 0, unknownUsd: 0 };

function rowOfJob(job: Job, row: number): ReportRow {
  const videos = job.status === 'succeeded' ? job.videos : [];
  const paid = [...(job.retryOf?.landed ?? []), ...job.attempts];
  const { charged, unknown } = job.retryOf?.lostUsd ?? { charged: 0, unknown: 0 };
  // The operation of a cancelled job may still be running.
  const openUsd = liveAttemptOf(job)?.reservedUsd ?? 0;
  const landed = landedAttempts(job).flatMap((attempt) => attempt.videos ?? []);
  return {
    row,
    line: null,
    job: job.jobId,
    status: job.status,
    uris: videos.map(({ uri }) => uri),
    seconds: (videos.length > 0 ? videos : landed).reduce(
      (sum, video) => sum + (video.durationSeconds ?? 0),
      0,
    ),
    priceUsd: sumUsd(totalUsd(job, paid, 'yes'), charged),
    unknownUsd: sumUsd(totalUsd(job, paid, 'unknown'), unknown + openUsd),
    error: job.status === 'failed' ? { code: job.error.code, message: job.error.message } : null,
  };
}

const rowOfFault = ({ row, line, fault }: RowFault): ReportRow => ({
  row,
  ...NOTHING,
  line,
  status: 'invalid',
  error: { code: 'INVALID_ROW', message: fault },
});

const rowOfCap = ({ settings, totals }: Reporting, row: number): ReportRow => ({
  row,
  ...NOTHING,
  status: 'not-admitted',
  error: {
    code: 'MAX_SPEND',
    message:
      `The rows before cost $${totals.priceUsd}; this row would exceed maxSpendUsd ($${settings.maxSpendUsd}). ` +
      'This row and all later rows were not admitted.',
  },
});

async function joined({ results }: Services, batch: Reporting): Promise<StepOutcome> {
  const { batchId, settings, retries } = batch;
  const name = `${settings.reportPrefix}${batchId}/report${retries === 0 ? '' : `-${retries + 1}`}`;
  const parts = await results.list(partsPrefixOf(batch));
  const jsonl = `${name}.jsonl`;
  const csv = `${name}.csv`;
  let rows: number | undefined;
  const counted = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from(`${COLUMNS.join(',')}\n`);
    let count = 0;
    for await (const bytes of csvOf(bytesOf(results, parts))) {
      count += bytes.rows;
      yield bytes.csv;
    }
    rows = count;
  };
  await results.writeOnce(csv, 'text/csv; charset=utf-8', Readable.from(counted(), { objectMode: false }));
  const whole = Readable.from(bytesOf(results, parts), { objectMode: false });
  await results.writeOnce(jsonl, 'application/jsonl', whole);
  // After a crash the CSV may already exist. The bucket then refuses the upload before it has read all rows.
  return { type: 'reported', csv, jsonl, rows: rows ?? (await countOf(bytesOf(results, parts))) };
}

async function countOf(jsonl: AsyncIterable<Buffer>): Promise<number> {
  let rows = 0;
  for await (const bytes of csvOf(jsonl)) rows += bytes.rows;
  return rows;
}

async function* bytesOf(
  results: ResultStore,
  parts: readonly { readonly name: string; readonly bytes: number }[],
): AsyncGenerator<Buffer> {
  for (const { name, bytes } of parts) {
    for (let at = 0; at < bytes; at += WINDOW_BYTES) {
      yield Buffer.from(await results.readRange(name, at, Math.min(bytes, at + WINDOW_BYTES) - 1));
    }
  }
}

async function* csvOf(
  jsonl: AsyncIterable<Buffer>,
): AsyncGenerator<{ readonly csv: Buffer; readonly rows: number }> {
  const start = { byte: 0, row: 0, line: 0, isSkipping: false };
  const reader = createRecordReader({ format: 'jsonl' }, start);
  for await (const bytes of jsonl) {
    const records = reader.push(bytes);
    const rows = records.flatMap((record) =>
      record.kind === 'text' ? [rowSchema.parse(JSON.parse(record.text))] : [],
    );
    const cells = rows.map(({ error, uris, ...row }) => [
      ...[row.row, row.line, row.job, row.status, uris.join(' '), row.seconds, row.priceUsd, row.unknownUsd],
      ...[error?.code, error?.message],
    ]);
    // A provider's message or a manifest cell may look like a formula, and users open the report in Excel.
    yield { csv: Buffer.from(stringify(cells, { escape_formulas: true })), rows: rows.length };
  }
}
