/** The Firestore records of schedules and of batches whose end is not published yet. */
import { Firestore } from '@google-cloud/firestore';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFirestoreBatchStore } from '../../../functions/adapters/firestore-batch-store.ts';
import { createFirestoreSchedules } from '../../../functions/adapters/firestore-schedules.ts';
import { NEW_SCHEDULE, withFire } from '../../../functions/core/batch/schedules.ts';
import { newBatch, stepBatch } from '../../../functions/core/batch/step-batch.ts';
import type { BatchStore, ScheduleStore } from '../../../functions/ports.ts';
import { startFirestore } from '../../../infra/firestore/server.ts';

const closing: (() => Promise<unknown>)[] = [];
let schedules: ScheduleStore;
let batches: BatchStore;

beforeAll(async () => {
  const server = await startFirestore({});
  const db = new Firestore({
    projectId: 'schedules',
    host: `127.0.0.1:${server.port}`,
    ssl: false,
    ignoreUndefinedProperties: true,
  });
  schedules = createFirestoreSchedules(db);
  batches = createFirestoreBatchStore(db);
  closing.push(() => db.terminate(), server.stop);
});
afterAll(async () => {
  for (const close of closing) await close();
});

describe('the record of a schedule', () => {
  it('is empty at first, and contains all of eight fires that are settled concurrently', async () => {
    expect(await schedules.get('nightly')).toEqual(NEW_SCHEDULE);
    const saved = await Promise.all(
      Array.from({ length: 8 }, (_, at) =>
        schedules.update('nightly', (state) => withFire(state, { state: 'started', at, batchId: `b${at}` })),
      ),
    );
    expect(new Set(saved)).toEqual(new Set(['saved']));
    const { fires } = await schedules.get('nightly');
    expect(fires.map(({ at }) => at)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(await schedules.update('nightly', () => undefined)).toBe('unchanged');
    expect(await schedules.get('other')).toEqual(NEW_SCHEDULE);
  });
});

describe('batches whose end is not published yet', () => {
  it('are found, longest overdue first, until it is published', async () => {
    const source = { gcsUri: 'gs://in/a.csv', generation: '1', isInline: false };
    const settings = { strict: false, dryRun: true, lane: 'batch', reportPrefix: 'batches/' } as const;
    for (const [batchId, now] of [
      ['late', 20],
      ['early', 10],
    ] as const) {
      const seed = {
        batchId,
        caller: 'me',
        title: undefined,
        trace: undefined,
        fingerprint: 'f',
        source,
        settings,
      };
      await batches.create(newBatch(seed, { now: 0 }).batch);
      const error = { code: 'MANIFEST_GONE', message: 'm' };
      await batches.update(batchId, (batch) =>
        stepBatch(batch, { type: 'unreadable', error, seq: 1 }, { now, announce: true }),
      );
      const report = { csv: 'r.csv', jsonl: 'r.jsonl', rows: 0 };
      await batches.update(batchId, (batch) =>
        stepBatch(batch, { type: 'reported', ...report, seq: 2 }, { now, announce: true }),
      );
    }
    const ids = async (before: number) =>
      (await batches.unannounced(before, 9)).map(({ batchId }) => batchId);
    expect([await ids(9), await ids(10), await ids(99)]).toEqual([[], ['early'], ['early', 'late']]);
    await batches.update('early', (batch) => stepBatch(batch, { type: 'announced' }, { now: 30 }));
    expect(await ids(99)).toEqual(['late']);
  });
});
