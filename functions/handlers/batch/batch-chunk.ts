/**
 * Processes one chunk of a manifest: validates the rows after the cursor and, in the `admit` pass, creates their jobs.
 * A chunk can be repeated, also concurrently: the same rows give the same jobs, and the cursor moves once.
 */

import { Readable } from 'node:stream';
import type { BatchIn, BatchTotals, Manifest, RowFault } from '../../core/batch/batch.ts';
import { NO_TOTALS } from '../../core/batch/batch.ts';
import { type BodyRules, bodyOfRecord } from '../../core/batch/row-body.ts';
import { sumUsd } from '../../core/batch/step-batch.ts';
import { type Cursor, createRecordReader, type RawRecord } from '../../core/manifest/record-reader.ts';
import { type FieldError, ProblemError } from '../../core/problem.ts';
import { ObjectMissingError, type Services } from '../../ports.ts';
import {
  BatchRefusedError,
  createJob,
  type NewJob,
  type ValidatedRequest,
  validateRequest,
} from '../job/create-job.ts';
import { inParallel } from '../job/in-parallel.ts';
import {
  backPressure,
  type Estimate,
  estimateOf,
  faultsPrefixOf,
  manifestMissing,
  padded,
  rulesOf,
  type StepOutcome,
  stepEnd,
  stepGuard,
  UNFINISHED,
  UNFINISHED_MAX,
} from './batch-work.ts';
import { beginChunk, ChunkWatch } from './chunk-watch.ts';
import { faultOfFields, rowFaultOf, withOthers } from './row-fault.ts';

/** Jobs per chunk: a few seconds of work, so that little is repeated after a crash. */
const ADMITTED_PER_CHUNK = 100;
/** Faults are held in memory until the chunk is saved. */
const FAULTS_PER_CHUNK = 5_000;
/** Rows that are validated and made into jobs at a time. A pause or a cancel ends the chunk within a slice. */
const SLICE = 25;
const CONCURRENCY = 8;
/** Rows per chunk of the `check` pass: some seconds of work, so that callers see progress. */
const CHECKED_PER_CHUNK = 25_000;
/** Holds a few hundred rows. Larger windows are hardly faster and create much more garbage. */
const WINDOW_BYTES = 128 * 1024;
/** An overlong line is skipped in larger windows, because none of it is kept. */
const SKIPPED_WINDOW_BYTES = 4 * 1024 * 1024;
/** After this many enqueues (each means many tries) a row that cannot be validated is reported as a fault. */
const POISON_ENQUEUES = 3;

type Expanding = BatchIn<'expanding'>;

export async function expandChunk(
  services: Services,
  batch: Expanding,
  manifest: Manifest,
): Promise<StepOutcome | undefined> {
  const isAdmitting = batch.pass === 'admit';
  let rowsMax = CHECKED_PER_CHUNK;
  let existing: ReadonlyMap<number, Estimate> = new Map();
  if (isAdmitting) {
    const unfinished = await services.jobs.countOfBatch(batch.batchId, UNFINISHED);
    rowsMax = Math.min(ADMITTED_PER_CHUNK, UNFINISHED_MAX - unfinished);
    if (rowsMax <= 0) return backPressure(services);
  }
  if (!(await beginChunk(services, batch))) return undefined;
  if (isAdmitting) existing = await existingJobs(services, batch);
  const chunk = new Chunk(batch, manifest, existing);
  try {
    await readChunk(services, chunk, rowsMax);
  } catch (error) {
    if (error instanceof ManifestMissingError) return manifestMissing(batch);
    throw error;
  }
  await storeFaults(services, batch, chunk.faults);
  const { cursor, totals, faults, isEnd, cappedAtRow } = chunk;
  return {
    type: 'chunk',
    result: { cursor, totals, firstFaults: faults.slice(0, 20), isEnd, cappedAtRow },
  };
}

/** Distinguishes a missing manifest from the missing image of a row, which is only a fault of that row. */
class ManifestMissingError extends Error {}

async function bytesOf(
  { inputs }: Services,
  { gcsUri, generation }: Manifest,
  start: number,
  end: number,
): Promise<Uint8Array> {
  try {
    return await inputs.readRange(gcsUri, start, end, generation);
  } catch (error) {
    if (error instanceof ObjectMissingError) throw new ManifestMissingError(gcsUri, { cause: error });
    throw error;
  }
}

/** The progress within a chunk. */
class Chunk {
  readonly batch: Expanding;
  readonly manifest: Manifest;
  readonly rules: BodyRules;
  readonly existing: ReadonlyMap<number, Estimate>;
  readonly faults: RowFault[] = [];
  cursor: Cursor;
  totals: BatchTotals = NO_TOTALS;
  isEnd = false;
  cappedAtRow: number | undefined;
  /** Set by the spending cap, a fault in a strict batch, a pause, a cancel, or another run of the chunk: later rows are not processed. */
  isStopped = false;

  constructor(batch: Expanding, manifest: Manifest, existing: ReadonlyMap<number, Estimate>) {
    this.batch = batch;
    this.existing = existing;
    this.manifest = manifest;
    this.rules = rulesOf(batch, manifest.columns);
    this.cursor = batch.cursor;
  }

  progress(): Progress {
    const { cursor, totals, cappedAtRow, faults } = this;
    return { cursor, totals, cappedAtRow, faults: faults.length };
  }

  /** Forgets the rows that were read after this progress. They have to be read again. */
  stopAt({ cursor, totals, cappedAtRow, faults }: Progress): void {
    this.cursor = cursor;
    this.totals = totals;
    this.cappedAtRow = cappedAtRow;
    this.faults.length = faults;
    this.isStopped = true;
  }
}

interface Progress extends Pick<Chunk, 'cursor' | 'totals' | 'cappedAtRow'> {
  readonly faults: number;
}

async function readChunk(services: Services, chunk: Chunk, rowsMax: number): Promise<void> {
  const { batch, manifest } = chunk;
  const { format, delimiter, bytes } = manifest;
  const isOver = stepEnd(services.clock);
  const watch = new ChunkWatch(services, batch);
  const reader = createRecordReader(format === 'csv' ? { format, delimiter } : { format }, batch.cursor);
  for (let at = batch.cursor.byte; ; ) {
    const end = Math.min(bytes, at + (reader.cursor().isSkipping ? SKIPPED_WINDOW_BYTES : WINDOW_BYTES));
    const isLast = end >= bytes;
    const records = at < end ? reader.push(await bytesOf(services, manifest, at, end - 1)) : [];
    if (isLast) records.push(...reader.end());
    at = end;
    for (let n = 0; n < records.length; n += SLICE) {
      const room = Math.min(SLICE, rowsMax - chunk.totals.rows);
      const slice = records.slice(n, n + room);
      await processSlice(services, chunk, watch, slice);
      const isFull = chunk.totals.rows >= rowsMax || chunk.faults.length >= FAULTS_PER_CHUNK;
      const isAllOfIt = isLast && n + slice.length >= records.length;
      if (chunk.isStopped) return;
      if (!isAllOfIt && (isFull || isOver())) return;
    }
    // After trailing blank or overlong lines, which give no record.
    chunk.cursor = reader.cursor();
    chunk.isEnd = isLast;
    if (isLast || isOver()) return;
  }
}

type Row = { readonly record: RawRecord } & (
  | { readonly fault: string; readonly errors?: readonly FieldError[] }
  | (Estimate & { readonly body: unknown; readonly validated: ValidatedRequest })
  | (Estimate & { readonly hasJob: true })
);

async function processSlice(
  services: Services,
  chunk: Chunk,
  watch: ChunkWatch,
  records: readonly RawRecord[],
): Promise<void> {
  // undefined: not validated, because the batch was paused or cancelled.
  const rows: (Row | undefined)[] = records.map(() => undefined);
  await inParallel([...records.entries()], CONCURRENCY, async ([n, record]) => {
    if (await watch.isWanted()) rows[n] = await validateRow(services, chunk, record);
  });
  const { settings, batchId, caller, trace, pass, totals: before } = chunk.batch;
  const admitted: (Row & { readonly before: Progress })[] = [];
  for (const row of rows) {
    if (!row) {
      chunk.isStopped = true;
      break;
    }
    const { record } = row;
    const progress = chunk.progress();
    const { rows: count, valid, faults, seconds, priceUsd } = chunk.totals;
    if ('fault' in row) {
      chunk.faults.push(rowFaultOf(record, row));
      chunk.totals = { ...chunk.totals, rows: count + 1, faults: faults + 1 };
    } else {
      const spentUsd = sumUsd(priceUsd, row.priceUsd);
      const isTooMuch =
        sumUsd(sumUsd(before.priceUsd, spentUsd), laterJobsUsd(chunk, record.row)) >
        (settings.maxSpendUsd ?? Number.POSITIVE_INFINITY);
      if (isTooMuch && pass === 'admit' && !('hasJob' in row)) {
        chunk.cappedAtRow = record.row;
        chunk.isStopped = true;
        break;
      }
      admitted.push({ ...row, before: progress });
      chunk.totals = {
        rows: count + 1,
        valid: valid + 1,
        faults,
        seconds: seconds + row.seconds,
        priceUsd: spentUsd,
      };
    }
    chunk.cursor = record.next;
    if (settings.strict && pass === 'admit' && 'fault' in row) {
      chunk.isStopped = true;
      break;
    }
  }
  if (pass === 'check') return;
  // Validation takes time. Another task may have counted these rows meanwhile, or the batch was paused or cancelled.
  let isRefused = !(await watch.isWantedNow());
  const guard = stepGuard(chunk.batch);
  const refused: (typeof admitted)[number][] = [];
  await inParallel(admitted, CONCURRENCY, async (row) => {
    if (!('validated' in row)) return;
    const { body, validated, record } = row;
    const job = { caller, body, trace, validated, batch: { batchId, row: record.row }, guard };
    if (!isRefused && (await isCreated(services, job))) return;
    isRefused = true;
    refused.push(row);
  });
  // The rows before the first one without a job are counted, also for a batch that was paused or cancelled.
  const [first] = refused.sort((a, b) => a.record.row - b.record.row);
  if (first) chunk.stopAt(first.before);
  else if (isRefused) chunk.isStopped = true;
}

async function isCreated(services: Services, job: NewJob): Promise<boolean> {
  try {
    await createJob(services, job);
    return true;
  } catch (error) {
    if (error instanceof BatchRefusedError) return false;
    throw error;
  }
}

/** The price of the existing jobs of later rows. */
function laterJobsUsd({ existing }: Chunk, after: number): number {
  let priceUsd = 0;
  for (const [row, estimate] of existing) if (row > after) priceUsd = sumUsd(priceUsd, estimate.priceUsd);
  return priceUsd;
}

async function validateRow(
  services: Services,
  { batch, rules, existing }: Chunk,
  record: RawRecord,
): Promise<Row> {
  const estimate = existing.get(record.row);
  if (estimate) return { record, hasJob: true, ...estimate };
  const read = bodyOfRecord(record, rules);
  if ('fault' in read) return { record, fault: read.fault };
  try {
    const validated = await validateRequest(services, batch.caller, read.body);
    if (read.errors.length > 0) return { record, ...faultOfFields(read.errors) };
    return { record, body: read.body, validated, ...estimateOf(services, validated.complete) };
  } catch (error) {
    if (error instanceof ProblemError) {
      const { detail, errors = [{ field: '', detail }] } = error.problem;
      return { record, ...faultOfFields(withOthers(read.errors, errors)) };
    }
    if (read.errors.length > 0) return { record, ...faultOfFields(read.errors) };
    if (batch.wake.ring < POISON_ENQUEUES) throw error;
    return { record, fault: `could not be validated after repeated tries: ${String(error)}` };
  }
}

/**
 * Returns the rows after the cursor that already have jobs, from an earlier run of this chunk that was not saved. They
 * are not validated again: an input image may have been deleted or uploaded since, but the job's price is spent anyway.
 */
async function existingJobs(
  services: Services,
  { batchId, cursor }: Expanding,
): Promise<ReadonlyMap<number, Estimate>> {
  const limit = ADMITTED_PER_CHUNK;
  const page = await services.jobs.listOfBatch({ batchId, afterRow: cursor.row, limit });
  return new Map(
    page.flatMap(({ batch, request }) => (batch ? [[batch.row, estimateOf(services, request)]] : [])),
  );
}

/** The name contains a content hash: a repeated chunk may end at another row, and none of its faults may be lost. */
async function storeFaults(
  { results, ids }: Services,
  { batchId }: Expanding,
  faults: readonly RowFault[],
): Promise<void> {
  const [first] = faults;
  const last = faults.at(-1);
  if (!first || !last) return;
  const text = faults.map((fault) => `${JSON.stringify(fault)}\n`).join('');
  const name = `${faultsPrefixOf(batchId)}${padded(first.row)}-${padded(last.row)}-${ids.hash([text])}.jsonl`;
  await results.writeOnce(name, 'application/jsonl', Readable.from([Buffer.from(text)]));
}
