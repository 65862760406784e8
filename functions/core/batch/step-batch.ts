/**
 * The state machine of a batch: `stepBatch(batch, event, context)` returns the next batch and its new wake, or undefined if
 * the event changes nothing. Pure: the caller loads, steps and saves in one transaction (I4).
 *
 * ```
 * expanding                   retrying ◀── done, cancelled, failed
 *     │ all rows read             │          pause, resume: expanding, running, retrying ⇄ paused
 *     ▼                           ▼
 *  running ◀──────────────────────┘     cancel: expanding, paused, running, retrying → cancelling
 *     │ all jobs terminal                                                                 │
 *     ▼                                                                                   │
 *  reporting ◀────────────────────────────────────────────────────────────────────────────┘
 *     └──▶ done, cancelled, failed
 * ```
 * Work is reported with the `seq` of the wake that it was done for, so that a chunk that ran twice is counted once. A
 * chunk that a pause or a cancel interrupted is counted too: its jobs exist.
 */

import { defined } from '../defined.ts';
import type { Wake } from '../job/job.ts';
import type { Cursor } from '../manifest/record-reader.ts';
import type {
  Batch,
  BatchBase,
  BatchEnding,
  BatchError,
  BatchIn,
  BatchTotals,
  Manifest,
  Pass,
  RowFault,
} from './batch.ts';
import {
  batchAnnouncementDueAt,
  batchBaseOf,
  batchWakeOf,
  interruptedChunkOf,
  isBatchOver,
  NO_TOTALS,
} from './batch.ts';

/** The result of one chunk of the manifest. */
export interface ChunkResult {
  readonly cursor: Cursor;
  readonly totals: BatchTotals;
  readonly firstFaults: readonly RowFault[];
  /** No rows follow. */
  readonly isEnd: boolean;
  /** The row that would have exceeded `maxSpendUsd`. The cursor is before it. */
  readonly cappedAtRow?: number | undefined;
}

/** Work that was done for the wake `seq`. It is ignored if the batch has another wake by then. */
type Work =
  | { readonly type: 'opened'; readonly manifest: Manifest }
  /** The manifest, or the rest of it, cannot be read. */
  | { readonly type: 'unreadable'; readonly error: BatchError }
  | { readonly type: 'chunk'; readonly result: ChunkResult }
  /** A task begins to read a chunk. */
  | { readonly type: 'chunkBegun' }
  /** The task that read the chunk failed, and its repetition found the batch paused or cancelled. */
  | { readonly type: 'chunkLost' }
  /** No work could be done yet. */
  | { readonly type: 'wait'; readonly untilMs: number }
  /** Every job is terminal. `uncounted`: jobs of rows that no chunk has counted, because a cancel interrupted it. */
  | { readonly type: 'settled'; readonly uncounted?: BatchTotals }
  /** The jobs that a pause held are back in their submit queues. */
  | { readonly type: 'released' }
  | {
      readonly type: 'retried';
      readonly afterRow: number;
      readonly left: number;
      readonly isEnd: boolean;
    }
  | { readonly type: 'reportPart'; readonly afterRow: number }
  | { readonly type: 'reported'; readonly csv: string; readonly jsonl: string; readonly rows: number };

export type BatchEvent =
  | (Work & { readonly seq: number })
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  | { readonly type: 'cancel' }
  | { readonly type: 'retry' }
  /** The end of the batch has been published. */
  | { readonly type: 'announced' }
  /** The release of the jobs' records has begun, or is done. */
  | { readonly type: 'releaseRecords'; readonly progress: 'begun' | 'done' }
  /** The sweep found the wake overdue and its task missing (`enqueueAgain`) or still in the queue (`stillWaiting`). */
  | { readonly type: 'enqueueAgain'; readonly seq: number }
  | { readonly type: 'stillWaiting'; readonly seq: number };

export interface BatchContext {
  readonly now: number;
  /** Whether the ends of batches are published. */
  readonly announce?: boolean;
}

export interface BatchStep {
  readonly batch: Batch;
  /** To enqueue after the save. If that fails, the sweep re-enqueues it (I3). */
  readonly wake: Wake | undefined;
}

/** How many faults the record keeps, for a quick look. The report has all of them. */
const FIRST_FAULTS_MAX = 20;

export function newBatch(
  seed: Pick<BatchBase, 'batchId' | 'caller' | 'title' | 'trace' | 'fingerprint' | 'source' | 'settings'>,
  { now }: BatchContext,
): BatchStep {
  const { dryRun, strict } = seed.settings;
  const wake = { at: now, seq: 1, ring: 0 };
  const batch: Batch = {
    ...seed,
    status: 'expanding',
    pass: dryRun || strict ? 'check' : 'admit',
    cursor: { byte: 0, row: 0, line: 0, isSkipping: false },
    createdAt: now,
    updatedAt: now,
    revision: 1,
    wakes: 1,
    wake,
    totals: NO_TOTALS,
    firstFaults: [],
    retries: 0,
    retriesLeft: 0,
  };
  return { batch, wake };
}

export function stepBatch(batch: Batch, event: BatchEvent, ctx: BatchContext): BatchStep | undefined {
  const isCurrent = !('seq' in event) || batchWakeOf(batch)?.seq === event.seq;
  const next = isCurrent ? transition(batch, event, ctx) : afterInterruption(batch, event);
  if (!next) return undefined;
  const isHousekeeping = event.type === 'announced' || event.type === 'releaseRecords';
  const updatedAt = isHousekeeping ? batch.updatedAt : ctx.now;
  const isNewlyOver = ctx.announce === true && isBatchOver(next) && !isBatchOver(batch);
  const announcement = isNewlyOver ? { announcement: { dueAt: ctx.now } } : {};
  const saved: Batch = { ...next, ...announcement, revision: batch.revision + 1, updatedAt };
  const before = batchWakeOf(batch);
  const wake = batchWakeOf(saved);
  const isNew = wake && (wake.seq !== before?.seq || wake.ring !== before.ring);
  return { batch: saved, wake: isNew ? wake : undefined };
}

function transition(batch: Batch, event: BatchEvent, { now }: BatchContext): Batch | undefined {
  switch (event.type) {
    case 'opened':
      return batch.status === 'expanding' ? afterOpening(batch, event.manifest, now) : undefined;
    case 'unreadable':
      return batch.status === 'expanding'
        ? afterRows(batch, { status: 'failed', error: event.error }, batch.pass, now)
        : undefined;
    case 'chunk':
      return batch.status === 'expanding' ? afterChunk(batch, event.result, now) : undefined;
    case 'chunkBegun':
      return batch.status === 'expanding' && batch.reading !== batch.wake.seq
        ? { ...batch, reading: batch.wake.seq }
        : undefined;
    case 'chunkLost':
      return undefined;
    case 'wait':
      return 'wake' in batch ? { ...batch, ...nextWake(batch, event.untilMs) } : undefined;
    case 'settled':
      return afterJobs(batch, event.uncounted, now);
    case 'released':
      return afterRelease(batch, now);
    case 'retried':
      return batch.status === 'retrying' ? afterRetries(batch, event, now) : undefined;
    case 'reportPart':
      if (batch.status !== 'reporting') return undefined;
      return {
        ...batch,
        afterRow: event.afterRow,
        parts: batch.parts + 1,
        ...nextWake(batch, now),
      };
    case 'reported':
      return batch.status === 'reporting' ? finish(batch, event, now) : undefined;
    case 'pause':
      return pause(batch);
    case 'resume':
      return batch.status === 'paused' ? resume(batch, now) : undefined;
    case 'cancel':
      return cancel(batch, now);
    case 'retry':
      return startRetries(batch, now);
    case 'announced':
      return batchAnnouncementDueAt(batch) === undefined
        ? undefined
        : { ...batch, announcement: { sentAt: now } };
    case 'releaseRecords':
      return releaseRecords(batch, event.progress);
    case 'enqueueAgain':
    case 'stillWaiting': {
      if (!('wake' in batch)) return undefined;
      const ring = batch.wake.ring + (event.type === 'enqueueAgain' ? 1 : 0);
      return { ...batch, wake: { ...batch.wake, at: now, ring } };
    }
  }
}

function afterOpening(batch: BatchIn<'expanding'>, manifest: Manifest, now: number): Batch {
  return { ...batch, manifest, cursor: manifest.start, ...nextWake(batch, now) };
}

function afterChunk(batch: BatchIn<'expanding'>, result: ChunkResult, now: number): Batch {
  const { settings } = batch;
  const next: BatchIn<'expanding'> = {
    ...batch,
    cursor: result.cursor,
    ...counted(batch, result),
    ...defined({ cappedAtRow: result.cappedAtRow }),
  };
  const { faults, rows } = next.totals;
  // The first pass of a strict batch collects all faults. In the second pass the first fault ends the batch.
  const isOver =
    result.isEnd ||
    result.cappedAtRow !== undefined ||
    (batch.pass === 'admit' && settings.strict && faults > 0);
  if (!isOver) return { ...next, ...nextWake(batch, now) };
  return afterRows(next, endingOf(rows, faults, next), batch.pass, now);
}

export const sumOf = (a: BatchTotals, b: BatchTotals): BatchTotals => ({
  rows: a.rows + b.rows,
  valid: a.valid + b.valid,
  faults: a.faults + b.faults,
  seconds: a.seconds + b.seconds,
  priceUsd: sumUsd(a.priceUsd, b.priceUsd),
});

const counted = (
  { totals, firstFaults }: BatchBase,
  result: ChunkResult,
): Pick<BatchBase, 'totals' | 'firstFaults'> => ({
  totals: sumOf(totals, result.totals),
  firstFaults: [...firstFaults, ...result.firstFaults].slice(0, FIRST_FAULTS_MAX),
});

/** Counts the chunk that was read when the batch was paused or cancelled. Ignores all other outdated work. */
function afterInterruption(batch: Batch, event: BatchEvent): Batch | undefined {
  if (!('seq' in event) || event.seq !== interruptedChunkOf(batch)) return undefined;
  const isEndOfChunk = event.type === 'chunk' || event.type === 'unreadable' || event.type === 'chunkLost';
  if (!isEndOfChunk) return undefined;
  const result = event.type === 'chunk' ? event.result : undefined;
  if (batch.status === 'cancelling') {
    const { reading: _, ...rest } = batch;
    return result ? { ...rest, ...counted(batch, result), countedRow: result.cursor.row } : rest;
  }
  if (batch.status !== 'paused') return undefined;
  const { reading: _, ...rest } = batch;
  // In the second pass of a strict batch a fault ends the batch. The resumed batch reads these rows again.
  const endsBatch = batch.settings.strict && batch.pass === 'admit' && (result?.totals.faults ?? 0) > 0;
  return result && !endsBatch ? { ...rest, cursor: result.cursor, ...counted(batch, result) } : rest;
}

function endingOf(
  rows: number,
  faults: number,
  { settings, pass, cappedAtRow }: BatchIn<'expanding'>,
): BatchEnding {
  if (rows === 0 && cappedAtRow === undefined) {
    return { status: 'failed', error: { code: 'MANIFEST_EMPTY', message: 'The manifest has no rows.' } };
  }
  if (settings.strict && faults > 0) {
    const jobs = pass === 'check' ? 'no jobs were created' : 'no further jobs were created';
    const message = `${faults} of ${rows} rows are not valid, and the batch is strict: ${jobs}. The report lists the faults.`;
    return { status: 'failed', error: { code: 'ROWS_FAULTY', message } };
  }
  return { status: 'done' };
}

/** All rows have been read, or the rest is not read. */
function afterRows(batch: BatchIn<'expanding'>, ending: BatchEnding, pass: Pass, now: number): Batch {
  const base = batchBaseOf(batch);
  const { settings, manifest } = batch;
  if (pass === 'admit') return { ...base, status: 'running', ending, ...nextWake(batch, now) };
  if (settings.dryRun || ending.status !== 'done' || !manifest) return startReport(batch, ending, now);
  const fresh = { ...base, totals: NO_TOTALS, firstFaults: [] };
  return { ...fresh, status: 'expanding', pass: 'admit', cursor: manifest.start, ...nextWake(batch, now) };
}

function afterJobs(batch: Batch, uncounted: BatchTotals | undefined, now: number): Batch | undefined {
  if (batch.status === 'running') return startReport(batch, batch.ending, now);
  if (batch.status !== 'cancelling') return undefined;
  const totals = sumOf(batch.totals, uncounted ?? NO_TOTALS);
  return startReport({ ...batch, totals }, { status: 'cancelled' }, now);
}

const startReport = (batch: Batch, ending: BatchEnding, now: number): Batch => ({
  ...batchBaseOf(batch),
  status: 'reporting',
  ending,
  afterRow: 0,
  parts: 0,
  ...nextWake(batch, now),
});

function finish(
  batch: BatchIn<'reporting'>,
  { csv, jsonl, rows }: { readonly csv: string; readonly jsonl: string; readonly rows: number },
  now: number,
): Batch {
  const end = { finishedAt: now, report: { csv, jsonl, rows } };
  return { ...batchBaseOf(batch), ...batch.ending, ...end };
}

/** The `seq` of the chunk that a task is reading. `reading` may be of an earlier one. */
const chunkOf = ({ reading, wake }: BatchIn<'expanding'>): number | undefined =>
  reading === wake.seq ? reading : undefined;

function pause(batch: Batch): Batch | undefined {
  const base = { ...batchBaseOf(batch), status: 'paused' } as const;
  switch (batch.status) {
    case 'expanding':
      return { ...base, pass: batch.pass, cursor: batch.cursor, ...defined({ reading: chunkOf(batch) }) };
    case 'running':
      return { ...base, ending: batch.ending };
    case 'retrying':
      return { ...base, ending: batch.ending, afterRow: batch.afterRow };
    default:
      return undefined;
  }
}

function resume(batch: BatchIn<'paused'>, now: number): Batch | undefined {
  const { pass, cursor, ending, afterRow } = batch;
  const base = { ...batchBaseOf(batch), held: true, ...nextWake(batch, now) } as const;
  if (pass !== undefined && cursor !== undefined) return { ...base, status: 'expanding', pass, cursor };
  if (ending === undefined) return undefined;
  return afterRow === undefined
    ? { ...base, status: 'running', ending }
    : { ...base, status: 'retrying', ending, afterRow };
}

function afterRelease(batch: Batch, now: number): Batch | undefined {
  if (batch.status !== 'expanding' && batch.status !== 'running' && batch.status !== 'retrying')
    return undefined;
  const { held: _, ...rest } = batch;
  return { ...rest, ...nextWake(batch, now) };
}

function cancel(batch: Batch, now: number): Batch | undefined {
  const cancelled = { status: 'cancelling', cancelledAt: now } as const;
  switch (batch.status) {
    case 'expanding':
    case 'paused': {
      const reading = batch.status === 'paused' ? batch.reading : chunkOf(batch);
      const rows = defined({ reading, countedRow: batch.cursor?.row });
      return { ...batchBaseOf(batch), ...cancelled, ...rows, ...nextWake(batch, now) };
    }
    case 'running':
    case 'retrying':
      return { ...batchBaseOf(batch), ...cancelled, ...nextWake(batch, now) };
    default:
      return undefined;
  }
}

function startRetries(batch: Batch, now: number): Batch | undefined {
  if (
    batch.status !== 'running' &&
    batch.status !== 'done' &&
    batch.status !== 'cancelled' &&
    batch.status !== 'failed'
  )
    return undefined;
  if (batch.settings.dryRun || batch.lettingGo !== undefined) return undefined;
  // A retry removes the announcement, so this end would never be published.
  if (batchAnnouncementDueAt(batch) !== undefined) return undefined;
  const ending: BatchEnding =
    batch.status === 'running'
      ? batch.ending
      : batch.status === 'failed'
        ? { status: 'failed', error: batch.error }
        : { status: batch.status };
  const base = { ...batchBaseOf(batch), retries: batch.retries + 1, retriesLeft: 0 };
  const held = 'held' in batch && batch.held ? { held: true as const } : {};
  return { ...base, status: 'retrying', afterRow: 0, ending, ...held, ...nextWake(batch, now) };
}

function afterRetries(
  batch: BatchIn<'retrying'>,
  { afterRow, left, isEnd }: Extract<Work, { type: 'retried' }>,
  now: number,
): Batch {
  const next = { ...batch, retriesLeft: batch.retriesLeft + left };
  if (!isEnd) return { ...next, afterRow, ...nextWake(batch, now) };
  return { ...batchBaseOf(next), status: 'running', ending: batch.ending, ...nextWake(batch, now) };
}

/** Changes nothing if the batch is being retried: a retry needs the records. */
function releaseRecords(batch: Batch, progress: 'begun' | 'done'): Batch | undefined {
  const before = progress === 'begun' ? undefined : 'begun';
  return isBatchOver(batch) && batch.lettingGo === before ? { ...batch, lettingGo: progress } : undefined;
}

const nextWake = ({ wakes }: BatchBase, at: number) => ({
  wakes: wakes + 1,
  wake: { at, seq: wakes + 1, ring: 0 },
});

/** Rounds to hundredths of a cent, the unit of estimates, so that a sum of a million estimates is exact. */
export const sumUsd = (a: number, b: number): number => Math.round((a + b) * 10_000) / 10_000;
