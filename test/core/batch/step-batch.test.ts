/** The state machine of a batch. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Batch,
  batchSchema,
  batchWakeOf,
  countedRowOf,
  interruptedChunkOf,
  NO_TOTALS,
} from '../../../functions/core/batch/batch.ts';
import { type BatchEvent, newBatch, stepBatch } from '../../../functions/core/batch/step-batch.ts';

const NOW = 1000;
const start = (over: Partial<Batch['settings']> = {}): Batch =>
  newBatch(
    {
      ...{ batchId: 'bat_1', caller: 'me', title: undefined, trace: undefined, fingerprint: 'f' },
      source: { gcsUri: 'gs://in/x', generation: '1', isInline: false },
      settings: { strict: false, dryRun: false, lane: 'batch', reportPrefix: 'batches/', ...over },
    },
    { now: NOW },
  ).batch;
const cursor = (row: number) => ({ byte: row * 10, row, line: row, isSkipping: false });
const manifest: NonNullable<Batch['manifest']> = {
  ...{ gcsUri: 'gs://in/x', generation: '1', bytes: 100, format: 'jsonl', columns: [], delimiter: ',' },
  ...{ ignoredColumns: [], start: cursor(0) },
};
const chunk = (rows: number, faults = 0, isEnd = false) => ({
  cursor: cursor(rows),
  totals: { ...NO_TOTALS, rows, faults, valid: rows - faults, priceUsd: 0.1 * (rows - faults) },
  firstFaults: [],
  isEnd,
});

/** An event for the wake that the batch has when it is applied. */
type EventFor = (seq: number) => BatchEvent;
const later = (batch: Batch, ...events: readonly EventFor[]): Batch =>
  events.reduce(
    (now, event) => stepBatch(now, event(batchWakeOf(now)?.seq ?? 0), { now: NOW })?.batch ?? now,
    batch,
  );
const opened: EventFor = (seq) => ({ type: 'opened', seq, manifest });
const read =
  (...of: Parameters<typeof chunk>): EventFor =>
  (seq) => ({ type: 'chunk', seq, result: chunk(...of) });
const begun: EventFor = (seq) => ({ type: 'chunkBegun', seq });
const requested =
  (type: 'pause' | 'resume' | 'cancel' | 'retry'): EventFor =>
  () => ({ type });
const settled: EventFor = (seq) => ({ type: 'settled', seq });
const reported: EventFor = (seq) => ({ type: 'reported', seq, csv: 'a', jsonl: 'b', rows: 1 });

const anyEvent: fc.Arbitrary<EventFor> = fc.oneof(
  fc.constantFrom(
    opened,
    begun,
    settled,
    reported,
    requested('pause'),
    requested('resume'),
    requested('cancel'),
    requested('retry'),
  ),
  fc.tuple(fc.nat(5), fc.boolean()).map(([rows, isEnd]) => read(rows, 0, isEnd)),
  fc.constantFrom<EventFor>(
    (seq) => ({ type: 'enqueueAgain', seq }),
    (seq) => ({ type: 'stillWaiting', seq }),
    (seq) => ({ type: 'unreadable', seq, error: { code: 'X', message: 'x' } }),
    (seq) => ({ type: 'wait', seq, untilMs: 5 }),
    (seq) => ({ type: 'reportPart', seq, afterRow: 10 }),
    (seq) => ({ type: 'chunkLost', seq }),
    (seq) => ({ type: 'retried', seq, afterRow: 1, left: 0, priceUsd: 1, isEnd: true }),
  ),
);

describe('a batch', () => {
  it('can be parsed from the store after any events, and has a wake if and only if work is left', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.boolean(),
        fc.array(anyEvent, { maxLength: 25 }),
        (strict, dryRun, events) => {
          let batch = start({ strict, dryRun });
          for (const event of events) {
            const step = stepBatch(batch, event(batchWakeOf(batch)?.seq ?? 0), { now: NOW });
            if (!step) continue;
            expect(batchSchema.parse(JSON.parse(JSON.stringify(step.batch)))).toEqual(
              JSON.parse(JSON.stringify(step.batch)),
            );
            expect(step.batch.revision).toBe(batch.revision + 1);
            const isIdle = ['paused', 'done', 'cancelled', 'failed'].includes(step.batch.status);
            expect(batchWakeOf(step.batch) === undefined).toBe(isIdle);
            batch = step.batch;
          }
        },
      ),
    );
  });

  it('counts a chunk once, even if it is reported twice', () => {
    const batch = later(start(), opened);
    const event = read(5)(2);
    const once = stepBatch(batch, event, { now: NOW })?.batch;
    expect(once?.totals.rows).toBe(5);
    expect(once && stepBatch(once, event, { now: NOW })).toBeUndefined();
  });

  it('that is strict reads its manifest twice, and its totals are those of the second pass', () => {
    const checked = later(start({ strict: true }), opened, read(5, 0, true));
    expect(checked).toMatchObject({
      status: 'expanding',
      pass: 'admit',
      cursor: { row: 0 },
      totals: NO_TOTALS,
    });
    expect(later(checked, read(5, 0, true))).toMatchObject({
      status: 'running',
      totals: { rows: 5 },
    });
  });

  it('adds prices without rounding errors of binary fractions', () => {
    const chunks = Array.from({ length: 10 }, () => read(1));
    expect(later(start(), opened, ...chunks).totals.priceUsd).toBe(1);
  });

  it('that was paused resumes at its cursor', () => {
    const paused = later(start(), opened, read(5), requested('pause'));
    expect(paused).toMatchObject({ status: 'paused', cursor: { row: 5 } });
    expect(later(paused, requested('resume'))).toMatchObject({ status: 'expanding', cursor: { row: 5 } });
  });

  describe.each(['pause', 'cancel'] as const)('whose chunk is interrupted by a %s', (type) => {
    const interrupted = later(start(), opened, read(5), begun, requested(type));
    const next = (event: BatchEvent): Batch | undefined => stepBatch(interrupted, event, { now: NOW })?.batch;

    it('waits for the result of that chunk only, and counts it once', () => {
      expect(interruptedChunkOf(interrupted)).toBe(3);
      expect(next(read(9)(2))).toBeUndefined();
      const counted = next(read(9)(3));
      expect(counted).toMatchObject({ totals: { rows: 14 } });
      expect(counted && [interruptedChunkOf(counted), countedRowOf(counted)]).toEqual([undefined, 9]);
      expect(counted && stepBatch(counted, read(9)(3), { now: NOW })).toBeUndefined();
    });

    it('does not wait for a chunk that failed or could not be read', () => {
      const error = { code: 'X', message: 'x' };
      for (const event of [
        { type: 'chunkLost', seq: 3 },
        { type: 'unreadable', seq: 3, error },
      ] as const) {
        const lost = next(event);
        expect(lost).toMatchObject({ totals: { rows: 5 } });
        expect(lost && [interruptedChunkOf(lost), countedRowOf(lost)]).toEqual([undefined, 5]);
      }
    });

    it('waits through a late wake of the sweep', () => {
      for (const late of ['enqueueAgain', 'stillWaiting', 'chunkBegun'] as const)
        expect(next({ type: late, seq: 3 })).toBeUndefined();
    });

    it('waits for nothing if no task had begun the chunk', () => {
      const idle = later(start(), opened, begun, read(5), requested(type));
      expect(interruptedChunkOf(idle)).toBeUndefined();
      expect(stepBatch(idle, read(9)(3), { now: NOW })).toBeUndefined();
    });
  });

  it('can be retried but not cancelled, paused or resumed after it has finished', () => {
    const done = later(start(), ...[opened, read(5, 0, true), settled, reported]);
    expect(done.status).toBe('done');
    for (const type of ['pause', 'resume', 'cancel'] as const)
      expect(stepBatch(done, { type }, { now: NOW })).toBeUndefined();
    expect(later(done, requested('retry')).status).toBe('retrying');
  });
});
