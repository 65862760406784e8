/** The state machine of a batch. */
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
const requested =
  (type: 'pause' | 'resume' | 'cancel' | 'retry'): EventFor =>
  () => ({ type });
const settled: EventFor = (seq) => ({ type: 'settled', seq });
const reported: EventFor = (seq) => ({ type: 'reported', seq, csv: 'a', jsonl: 'b', rows: 1 });

const anyEvent: fc.Arbitrary<EventFor> = fc.oneof(
  fc.constantFrom(
    opened,
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

  it('can be retried but not cancelled, paused or resumed after it has finished', () => {
    const done = later(start(), ...[opened, read(5, 0, true), settled, reported]);
    expect(done.status).toBe('done');
    for (const type of ['pause', 'resume', 'cancel'] as const)
      expect(stepBatch(done, { type }, { now: NOW })).toBeUndefined();
    expect(later(done, requested('retry')).status).toBe('retrying');
  });
});
