/**
 * One chunk of a manifest: rows from the cursor on, judged, and made jobs unless this is the checking pass. It can be
 * repeated, also while another runs: the same rows give the same jobs, and the cursor moves once.
 */

import { Readable } from 'node:stream';
import type { BatchIn, BatchTotals, Manifest, RowFault } from '../../core/batch/batch.ts';
import { batchWakeOf, NO_TOTALS } from '../../core/batch/batch.ts';
import { type BodyRules, bodyOfRecord } from '../../core/batch/row-body.ts';
import { sumUsd } from '../../core/batch/step-batch.ts';
import { estimateUsd } from '../../core/job/price.ts';
import { stagesOf } from '../../core/job/stages.ts';
import type { VideoRequest } from '../../core/job/video-request.ts';
import { type Cursor, createRecordReader, type RawRecord } from '../../core/manifest/record-reader.ts';
import { ProblemError } from '../../core/problem.ts';
import { ObjectGoneError, type Services } from '../../ports.ts';
import { createJob, type ValidatedRequest, validateRequest } from '../job/create-job.ts';
import { inParallel } from '../job/in-parallel.ts';
import {
  backPressure,
  faultsPrefixOf,
  gone,
  padded,
  rulesOf,
  stepEnd,
  UNFINISHED,
  UNFINISHED_MAX,
  type Work,
} from './batch-work.ts';

/** Jobs per chunk: a few seconds of work, so that a crash repeats little. */
const ADMITTED_PER_CHUNK = 100;
/** Kept in memory until the chunk is saved. */
const FAULTS_PER_CHUNK = 5_000;
/** Rows between two looks at whether the batch was paused or cancelled meanwhile, each before their jobs are made. */
const SLICE = 25;
const CONCURRENCY = 8;
/** Rows that are only judged: some seconds of work, and a progress that can be watched. */
const CHECKED_PER_CHUNK = 25_000;
/** Holds some hundred rows. More at once is faster by little, and leaves much more for the garbage collector. */
const WINDOW_BYTES = 128 * 1024;
/** Of a line that is too long nothing is kept. */
const SKIPPED_WINDOW_BYTES = 4 * 1024 * 1024;
/** After so many rings, each of which stands for many tries, a row that cannot be judged is at fault itself. */
const POISON_ENQUEUES = 3;

type Expanding = BatchIn<'expanding'>;

export async function expandChunk(services: Services, batch: Expanding, manifest: Manifest): Promise<Work> {
  const isAdmitting = batch.pass === 'admit';
  let rowsMax = CHECKED_PER_CHUNK;
  let made: ReadonlyMap<number, Estimate> = new Map();
  if (isAdmitting) {
    const unfinished = await services.jobs.countOfBatch(batch.batchId, UNFINISHED);
    rowsMax = Math.min(ADMITTED_PER_CHUNK, UNFINISHED_MAX - unfinished);
    if (rowsMax <= 0) return backPressure(services);
    made = await madeBefore(services, batch);
  }
  const chunk = new Chunk(batch, manifest, made);
  try {
    await readChunk(services, chunk, rowsMax);
  } catch (error) {
    if (error instanceof ManifestGoneError) return gone(batch);
    throw error;
  }
  await storeFaults(services, batch, chunk.faults);
  const { cursor, totals, faults, isEnd, cappedAtRow } = chunk;
  return {
    type: 'chunk',
    result: { cursor, totals, firstFaults: faults.slice(0, 20), isEnd, cappedAtRow },
  };
}

/** A picture of a row may be gone just so, which is the row's own affair. */
class ManifestGoneError extends Error {}

async function bytesOf(
  { inputs }: Services,
  { gcsUri, generation }: Manifest,
  start: number,
  end: number,
): Promise<Uint8Array> {
  try {
    return await inputs.readRange(gcsUri, start, end, generation);
  } catch (error) {
    if (error instanceof ObjectGoneError) throw new ManifestGoneError(gcsUri, { cause: error });
    throw error;
  }
}

/** What has been done of a chunk so far. */
class Chunk {
  readonly batch: Expanding;
  readonly manifest: Manifest;
  readonly rules: BodyRules;
  readonly made: ReadonlyMap<number, Estimate>;
  readonly faults: RowFault[] = [];
  cursor: Cursor;
  totals: BatchTotals = NO_TOTALS;
  isEnd = false;
  cappedAtRow: number | undefined;
  /** By the cap, a fault of a strict batch, or whoever came between: nothing after it is wanted. */
  isStopped = false;

  constructor(batch: Expanding, manifest: Manifest, made: ReadonlyMap<number, Estimate>) {
    this.batch = batch;
    this.made = made;
    this.manifest = manifest;
    this.rules = rulesOf(batch, manifest.columns);
    this.cursor = batch.cursor;
  }
}

async function readChunk(services: Services, chunk: Chunk, rowsMax: number): Promise<void> {
  const { batch, manifest } = chunk;
  const { format, delimiter, bytes } = manifest;
  const isOver = stepEnd(services.clock);
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
      await takeSlice(services, chunk, slice);
      const isFull = chunk.totals.rows >= rowsMax || chunk.faults.length >= FAULTS_PER_CHUNK;
      const isAllOfIt = isLast && n + slice.length >= records.length;
      if (chunk.isStopped) return;
      if (!isAllOfIt && (isFull || isOver())) return;
    }
    // Past what is blank, or too long; otherwise after the last record.
    chunk.cursor = reader.cursor();
    chunk.isEnd = isLast;
    if (isLast || isOver()) return;
  }
}

async function isStillWanted({ batches }: Services, { batch }: Chunk): Promise<boolean> {
  const stored = await batches.get(batch.batchId);
  return stored !== undefined && batchWakeOf(stored)?.seq === batch.wake.seq;
}

interface Estimate {
  readonly priceUsd: number;
  readonly seconds: number;
}

type Row = { readonly record: RawRecord } & (
  | { readonly fault: string }
  | (Estimate & { readonly body: unknown; readonly validated: ValidatedRequest })
  | (Estimate & { readonly isMade: true })
);

async function takeSlice(services: Services, chunk: Chunk, records: readonly RawRecord[]): Promise<void> {
  const rows: Row[] = [];
  await inParallel([...records.entries()], CONCURRENCY, async ([n, record]) => {
    rows[n] = await validateRow(services, chunk, record);
  });
  const { settings, batchId, caller, trace, pass, totals: before } = chunk.batch;
  const admitted: Row[] = [];
  for (const row of rows) {
    const { record } = row;
    const { rows: count, valid, faults, seconds, priceUsd } = chunk.totals;
    if ('fault' in row) {
      chunk.faults.push({ row: record.row, line: record.line, fault: shortened(row.fault) });
      chunk.totals = { ...chunk.totals, rows: count + 1, faults: faults + 1 };
    } else {
      const spentUsd = sumUsd(priceUsd, row.priceUsd);
      const isTooMuch =
        sumUsd(sumUsd(before.priceUsd, spentUsd), madeAfter(chunk, record.row)) >
        (settings.maxSpendUsd ?? Number.POSITIVE_INFINITY);
      if (isTooMuch && pass === 'admit' && !('isMade' in row)) {
        chunk.cappedAtRow = record.row;
        chunk.isStopped = true;
        break;
      }
      admitted.push(row);
      chunk.totals = {
        ...{ rows: count + 1, valid: valid + 1, faults, seconds: seconds + row.seconds },
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
  // Judging takes its time, and somebody else may have counted these rows, or the batch be cancelled.
  if (!(await isStillWanted(services, chunk))) {
    chunk.isStopped = true;
    return;
  }
  await inParallel(admitted, CONCURRENCY, async (row) => {
    if (!('validated' in row)) return;
    const { body, validated, record } = row;
    await createJob(services, { caller, body, trace, validated, batch: { batchId, row: record.row } });
  });
}

/** What the jobs of later rows come to. */
function madeAfter({ made }: Chunk, after: number): number {
  let priceUsd = 0;
  for (const [row, estimate] of made) if (row > after) priceUsd = sumUsd(priceUsd, estimate.priceUsd);
  return priceUsd;
}

async function validateRow(
  services: Services,
  { batch, rules, made }: Chunk,
  record: RawRecord,
): Promise<Row> {
  const estimate = made.get(record.row);
  if (estimate) return { record, isMade: true, ...estimate };
  const read = bodyOfRecord(record, rules);
  if ('fault' in read) return { record, fault: read.fault };
  try {
    const validated = await validateRequest(services, batch.caller, read.body);
    return { record, body: read.body, validated, ...estimateOf(services, validated.complete) };
  } catch (error) {
    const isFaulty = error instanceof ProblemError;
    if (!isFaulty && batch.wake.ring < POISON_ENQUEUES) throw error;
    const fault = isFaulty
      ? error.problem.detail
      : `could not be validated, however often it was tried: ${String(error)}`;
    return { record, fault };
  }
}

/**
 * Rows after the cursor that have their jobs: a chunk was read before this one, in whole or in part, and not counted.
 * They are not judged again. A picture that was there may be gone, and another be there now that was not; what such a
 * row costs is spent all the same.
 */
async function madeBefore(
  services: Services,
  { batchId, cursor }: Expanding,
): Promise<ReadonlyMap<number, Estimate>> {
  const limit = ADMITTED_PER_CHUNK;
  const page = await services.jobs.listOfBatch({ batchId, afterRow: cursor.row, limit });
  return new Map(
    page.flatMap(({ batch, request }) => (batch ? [[batch.row, estimateOf(services, request)]] : [])),
  );
}

/** A fault tells what the row said, which may be a megabyte; the first ones stand in the batch's own record. */
const FAULT_CHARACTERS_MAX = 1_000;
const shortened = (fault: string): string =>
  fault.length <= FAULT_CHARACTERS_MAX ? fault : `${fault.slice(0, FAULT_CHARACTERS_MAX)}…`;

const estimateOf = ({ catalogue }: Services, request: VideoRequest): Estimate => ({
  priceUsd: estimateUsd(catalogue, request),
  seconds: stagesOf(request).reduce(
    (sum, stage) => sum + (stage.kind === 'image' ? 0 : stage.durationSeconds * stage.sampleCount),
    0,
  ),
});

/** Named by their content too: a chunk that is repeated may end elsewhere, and none of its faults may be lost. */
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
