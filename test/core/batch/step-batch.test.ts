/** The life of a batch, step by step. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Batch, batchSchema, batchWakeOf, NO_TOTALS } from '../../../functions/core/batch/batch.ts';
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

/** What happens, for whichever wake the batch has by then. */
type Told = (seq: number) => BatchEvent;
const later = (batch: Batch, ...events: readonly Told[]): Batch =>
  events.reduce(
    (now, event) => stepBatch(now, event(batchWakeOf(now)?.seq ?? 0), { now: NOW })?.batch ?? now,
    batch,
  );
const opened: Told = (seq) => ({ type: 'opened', seq, manifest });
const read =
  (...of: Parameters<typeof chunk>): Told =>
  (seq) => ({ type: 'chunk', seq, result: chunk(...of) });
const asked =
  (type: 'pause' | 'resume' | 'cancel' | 'retry'): Told =>
  () => ({ type });
const settled: Told = (seq) => ({ type: 'settled', seq });
const reported: Told = (seq) => ({ type: 'reported', seq, csv: 'a', jsonl: 'b', rows: 1 });

const anyEvent: fc.Arbitrary<Told> = fc.oneof(
  fc.constantFrom(
    opened,
    settled,
    reported,
    asked('pause'),
    asked('resume'),
    asked('cancel'),
    asked('retry'),
  ),
  fc.tuple(fc.nat(5), fc.boolean()).map(([rows, isEnd]) => read(rows, 0, isEnd)),
  fc.constantFrom<Told>(
    (seq) => ({ type: 'enqueueAgain', seq }),
    (seq) => ({ type: 'stillWaiting', seq }),
    (seq) => ({ type: 'unreadable', seq, error: { code: 'X', message: 'x' } }),
    (seq) => ({ type: 'wait', seq, untilMs: 5 }),
    (seq) => ({ type: 'reportPart', seq, afterRow: 10 }),
    (seq) => ({ type: 'retried', seq, afterRow: 1, left: 0, priceUsd: 1, isEnd: true }),
  ),
);

describe('a batch', () => {
  it('whatever happens to it, is one that the store can read back, and rings where work is left', () => {
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
            const isAtRest = ['paused', 'done', 'cancelled', 'failed'].includes(step.batch.status);
            expect(batchWakeOf(step.batch) === undefined).toBe(isAtRest);
            batch = step.batch;
          }
        },
      ),
    );
  });

  it('counts a chunk once, however often it was read', () => {
    const batch = later(start(), opened);
    const event = read(5)(2);
    const once = stepBatch(batch, event, { now: NOW })?.batch;
    expect(once?.totals.rows).toBe(5);
    expect(once && stepBatch(once, event, { now: NOW })).toBeUndefined();
  });

  it('that is strict goes through its manifest twice, and counts the second time only', () => {
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

  it('adds up money without the noise of binary fractions', () => {
    const chunks = Array.from({ length: 10 }, () => read(1));
    expect(later(start(), opened, ...chunks).totals.priceUsd).toBe(1);
  });

  it('that was paused goes on where it was', () => {
    const paused = later(start(), opened, read(5), asked('pause'));
    expect(paused).toMatchObject({ status: 'paused', cursor: { row: 5 } });
    expect(later(paused, asked('resume'))).toMatchObject({ status: 'expanding', cursor: { row: 5 } });
  });

  it('cannot be cancelled, paused or resumed once it is finished', () => {
    const done = later(start(), ...[opened, read(5, 0, true), settled, reported]);
    expect(done.status).toBe('done');
    for (const type of ['pause', 'resume', 'cancel'] as const)
      expect(stepBatch(done, { type }, { now: NOW })).toBeUndefined();
    expect(later(done, asked('retry')).status).toBe('retrying');
  });
});
