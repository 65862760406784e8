/** Conformance suite for every batch store. */
import { Firestore } from '@google-cloud/firestore';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFirestoreBatchStore } from '../../../functions/adapters/firestore-batch-store.ts';
import { type Batch, batchBaseOf } from '../../../functions/core/batch/batch.ts';
import { newBatch, stepBatch } from '../../../functions/core/batch/step-batch.ts';
import type { BatchStore } from '../../../functions/ports.ts';
import { startFirestore } from '../../../infra/firestore/server.ts';
import { MemoryBatchStore } from '../../support/memory-batches.ts';

const T0 = Date.UTC(2026, 10, 21);
const KEEP_MS = 1000;

const makeBatch = (batchId: string, { caller = 'me', at = T0 } = {}): Batch =>
  newBatch(
    {
      ...{ batchId, caller, title: undefined, trace: undefined, fingerprint: 'f' },
      source: { gcsUri: 'gs://in/x.csv', generation: '1', isInline: false },
      settings: {
        // Names that a database could treat as paths or as reserved.
        template: { 'a.b': { __name__: [[1], [2]] }, prompt: 'a `cat` in {city}' },
        ...{ strict: false, dryRun: false, lane: 'batch', reportPrefix: 'batches/' },
      },
    },
    { now: at },
  ).batch;

function suite(
  name: string,
  open: () => Promise<{ store: BatchStore; close: () => Promise<unknown> }>,
): void {
  describe(`batch store: ${name}`, () => {
    let store: BatchStore;
    let close: () => Promise<unknown>;
    beforeAll(async () => {
      ({ store, close } = await open());
    });
    afterAll(async () => void (await close()));

    it('returns a created batch unchanged, with any template', async () => {
      const batch = makeBatch('one');
      expect(await store.create(batch)).toBe('created');
      expect(await store.get('one')).toEqual(JSON.parse(JSON.stringify(batch)));
    });

    it('creates a batch once when ten try concurrently', async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => store.create(makeBatch('two'))));
      expect(answers.filter((answer) => answer === 'created')).toHaveLength(1);
    });

    it('returns nothing for an unknown batch', async () => {
      expect(await store.get('nowhere')).toBeUndefined();
      expect(await store.update('nowhere', () => undefined)).toEqual({ kind: 'missing' });
    });

    it('saves one of five concurrent steps for the same wake', async () => {
      await store.create(makeBatch('three'));
      const updates = await Promise.all(
        Array.from({ length: 5 }, (_, n) =>
          store.update('three', (batch) =>
            stepBatch(batch, { type: 'wait', seq: 1, untilMs: T0 + n }, { now: T0 }),
          ),
        ),
      );
      expect(updates.filter(({ kind }) => kind === 'saved')).toHaveLength(1);
      expect(await store.get('three')).toMatchObject({ revision: 2, wakes: 2, wake: { seq: 2 } });
    });

    it('waits for a change and returns the changed batch', async () => {
      await store.create(makeBatch('wait_1'));
      const waiting = store.waitFor('wait_1', ({ status }) => status === 'paused', 10_000);
      await store.update('wait_1', (batch) =>
        stepBatch(batch, { type: 'wait', seq: 1, untilMs: T0 }, { now: T0 }),
      );
      await store.update('wait_1', (batch) => stepBatch(batch, { type: 'pause' }, { now: T0 }));
      expect(await waiting).toMatchObject({ status: 'paused', revision: 3 });
    });

    it('returns the batch unchanged when the wait times out, and nothing for an unknown batch', async () => {
      await store.create(makeBatch('wait_2'));
      expect(await store.waitFor('wait_2', () => false, 50)).toMatchObject({ revision: 1 });
      expect(await store.waitFor('nowhere', () => false, 5000)).toBeUndefined();
    });

    it('lists the batches of one caller or of all, newest first, in pages', async () => {
      for (let n = 0; n < 5; n++)
        await store.create(makeBatch(`list_${n}`, { caller: 'lister', at: T0 + n }));
      const first = await store.list({ caller: 'lister', pageSize: 3 });
      expect(first.map(({ batchId }) => batchId)).toEqual(['list_4', 'list_3', 'list_2']);
      const after = { createdAt: T0 + 2, batchId: 'list_2' };
      const rest = await store.list({ caller: 'lister', pageSize: 3, after });
      expect(rest.map(({ batchId }) => batchId)).toEqual(['list_1', 'list_0']);
      expect((await store.list({ pageSize: 100 })).length).toBeGreaterThanOrEqual(8);
    });

    it('finds batches with an overdue wake, most overdue first, and no paused ones', async () => {
      const early = T0 - 10_000;
      for (const n of [3, 1, 2]) await store.create(makeBatch(`due_${n}`, { at: early + n }));
      await store.update('due_2', (batch) => stepBatch(batch, { type: 'pause' }, { now: early }));
      const overdue = await store.overdue(early + 3, 10);
      expect(overdue.map(({ batchId }) => batchId)).toEqual(['due_1', 'due_3']);
    });

    it('finds batches whose jobs may be released because they ended long ago, until the jobs are released', async () => {
      const over = (batchId: string): Batch => ({
        ...batchBaseOf(makeBatch(batchId)),
        ...{ status: 'done', finishedAt: T0, report: { csv: 'a', jsonl: 'b', rows: 0 } },
      });
      await store.create(over('over_1'));
      await store.create(makeBatch('not_over'));
      const due = async (now: number): Promise<string[]> =>
        (await store.dueForRelease(now, 9)).map(({ batchId }) => batchId);
      expect(await due(T0 + KEEP_MS - 1)).toEqual([]);
      expect(await due(T0 + KEEP_MS)).toEqual(['over_1']);
      for (const progress of ['begun', 'done'] as const) {
        expect(await due(T0 + KEEP_MS)).toEqual(['over_1']);
        const event = { type: 'releaseRecords', progress } as const;
        await store.update('over_1', (batch) => stepBatch(batch, event, { now: T0 }));
      }
      expect(await due(T0 + KEEP_MS)).toEqual([]);
    });
  });
}

suite('in memory', async () => {
  const store = new MemoryBatchStore();
  store.keepFinishedMs = KEEP_MS;
  return { store, close: async () => undefined };
});

suite('Firestore, on the local server', async () => {
  const server = await startFirestore({});
  const db = new Firestore({
    projectId: 'batch-store',
    host: `127.0.0.1:${server.port}`,
    ssl: false,
    ignoreUndefinedProperties: true,
  });
  return {
    store: createFirestoreBatchStore(db, { keepFinishedMs: KEEP_MS }),
    close: async () => {
      await db.terminate();
      await server.stop();
    },
  };
});
