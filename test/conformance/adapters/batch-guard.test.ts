/** A guard of a job's write reads the batch in the same transaction, in every store. */
import { Firestore } from '@google-cloud/firestore';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFirestoreBatchStore } from '../../../functions/adapters/firestore-batch-store.ts';
import { createFirestoreJobStore } from '../../../functions/adapters/firestore-job-store.ts';
import { type Batch, NO_TOTALS } from '../../../functions/core/batch/batch.ts';
import { newBatch, stepBatch } from '../../../functions/core/batch/step-batch.ts';
import type { Job } from '../../../functions/core/job/job.ts';
import { newJob } from '../../../functions/core/job/step.ts';
import { stepGuard } from '../../../functions/handlers/batch/batch-work.ts';
import type { BatchStore, JobStore } from '../../../functions/ports.ts';
import { startFirestore } from '../../../infra/firestore/server.ts';
import { MemoryBatchStore } from '../../support/memory-batches.ts';
import { MemoryJobStore } from '../../support/memory-jobs.ts';

const T0 = Date.UTC(2026, 10, 21);

const makeBatch = (batchId: string, caller = 'me', now = T0): Batch =>
  newBatch(
    {
      ...{ batchId, caller, title: undefined, trace: undefined, fingerprint: 'f' },
      source: { gcsUri: 'gs://in/x.csv', generation: '1', isInline: false },
      settings: { strict: false, dryRun: false, lane: 'batch', reportPrefix: 'batches/' },
    },
    { now },
  ).batch;

const makeJob = (batchId: string, row: number): Job =>
  newJob(
    {
      ...{ jobId: `${batchId}-${row}`, caller: 'me', fingerprint: 'f', estimateUsd: 1, lane: 'batch' },
      request: {
        ...{ provider: 'vertex', model: 'veo-3.1-generate-001', prompt: 'a cat', durationSeconds: 8 },
        ...{ aspectRatio: '16:9', resolution: '720p', sampleCount: 1, generateAudio: true, seed: 0 },
      },
      deadlineAt: T0 + 86_400_000,
      batch: { batchId, row },
    },
    { now: T0 },
  ).job;

interface Stores {
  readonly jobs: JobStore;
  readonly batches: BatchStore;
  readonly close: () => Promise<unknown>;
}

function suite(name: string, open: () => Promise<Stores>): void {
  describe(`guards: ${name}`, () => {
    let stores: Stores;
    beforeAll(async () => {
      stores = await open();
    });
    afterAll(async () => void (await stores.close()));
    const pause = (batchId: string) =>
      stores.batches.update(batchId, (batch) => stepBatch(batch, { type: 'pause' }, { now: T0 }));

    it('create a job while the batch allows it, once, and refuse it afterwards', async () => {
      const batch = makeBatch('one');
      await stores.batches.create(batch);
      const guard = stepGuard(batch);
      expect(await stores.jobs.create(makeJob('one', 1), guard)).toBe('created');
      expect(await stores.jobs.create(makeJob('one', 1), guard)).toBe('exists');
      await pause('one');
      expect(await stores.jobs.create(makeJob('one', 2), guard)).toBe('refused');
      expect(await stores.jobs.get('one-2')).toBeUndefined();
    });

    it('leave a job unchanged if the batch refuses, or does not exist', async () => {
      const job = makeJob('two', 1);
      await stores.jobs.create(job);
      const update = () =>
        stores.jobs.update(
          job.jobId,
          (stored) => ({ job: { ...stored, revision: stored.revision + 1 }, effects: [] }),
          { batchId: 'two', allows: (batch) => batch?.status === 'expanding' },
        );
      expect(await update()).toMatchObject({ kind: 'unchanged', isRefused: true });
      await stores.batches.create(makeBatch('two'));
      expect(await update()).toMatchObject({ kind: 'saved' });
      await pause('two');
      expect(await update()).toMatchObject({ kind: 'unchanged', isRefused: true, job: { revision: 2 } });
    });

    it('create no job after a concurrent pause was answered', async () => {
      const batch = makeBatch('three');
      await stores.batches.create(batch);
      let isAnswered = false;
      const late: number[] = [];
      const rows = Array.from({ length: 40 }, (_, n) => n + 1);
      let made = (): void => undefined;
      const isOneMade = new Promise<void>((resolve) => {
        made = resolve;
      });
      const worker = async (): Promise<void> => {
        for (let row = rows.shift(); row !== undefined; row = rows.shift()) {
          const startedLate = isAnswered;
          const answer = await stores.jobs.create(makeJob('three', row), stepGuard(batch));
          made();
          if (startedLate && answer !== 'refused') late.push(row);
        }
      };
      const workers = Array.from({ length: 4 }, worker);
      await isOneMade;
      await pause('three');
      isAnswered = true;
      const count = () => stores.jobs.countOfBatch('three', ['queued']);
      const atAnswer = await count();
      await Promise.all(workers);
      expect([late, await count()]).toEqual([[], atAnswer]);
      expect(await stores.batches.get('three')).toMatchObject({ status: 'paused', totals: NO_TOTALS });
    });

    it('list the batches of many callers by page, newest first', async () => {
      const callers = Array.from({ length: 35 }, (_, n) => `schedule:s${n}`);
      for (const [n, caller] of callers.entries())
        await stores.batches.create(makeBatch(`of-${caller}`, caller, T0 + 1000 + n));
      await stores.batches.create(makeBatch('of-other', 'somebody', T0 + 5000));
      const first = await stores.batches.list({ callers, pageSize: 20 });
      const last = first.at(-1);
      if (!last) throw new Error('the page is empty');
      const rest = await stores.batches.list({ callers, pageSize: 20, after: last });
      expect([...first, ...rest].map(({ caller }) => caller)).toEqual(callers.toReversed());
    });
  });
}

suite('in memory', async () => {
  const jobs = new MemoryJobStore();
  const batches = new MemoryBatchStore();
  jobs.batches = batches;
  return { jobs, batches, close: async () => undefined };
});

suite('Firestore, on the local server', async () => {
  const server = await startFirestore({});
  const db = new Firestore({
    projectId: 'batch-guard',
    host: `127.0.0.1:${server.port}`,
    ssl: false,
    ignoreUndefinedProperties: true,
  });
  return {
    jobs: createFirestoreJobStore(db),
    batches: createFirestoreBatchStore(db),
    close: async () => {
      await db.terminate();
      await server.stop();
    },
  };
});
