/** A job store against a model, under random commands. See `test/support/model-run.ts` for replaying a failure. */
import { Firestore } from '@google-cloud/firestore';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFirestoreJobStore } from '../../../functions/adapters/firestore-job-store.ts';
import type { JobStore } from '../../../functions/ports.ts';
import { assertCommands, MODEL_TEST_TIMEOUT_MS, type Search } from '../../support/model-run.ts';
import { endWaits, JobsModel, jobStoreCommands, updateAtOnce } from './job-store-commands.ts';
import { newJobs, note } from './job-store-decisions.ts';

interface EmptyStore {
  readonly store: JobStore;
  readonly close: () => Promise<void>;
}

export const CLAIM = 'behaves like a map of jobs under random commands';

export const assertLikeModel = (search: Omit<Search, 'maxCommands'>, open: () => EmptyStore): Promise<void> =>
  assertCommands(jobStoreCommands, { ...search, maxCommands: 40 }, async (commands) => {
    const { store, close } = open();
    try {
      const model = new JobsModel();
      await fc.asyncModelRun(() => ({ model, real: store }), commands);
      await endWaits(model, store);
    } finally {
      await close();
    }
  });

let projects = 0;

/** Each store has a project of its own, which isolates it like a server of its own. */
function openFirestore(host: string): EmptyStore {
  const db = new Firestore({
    projectId: `job-store-model-${projects++}`,
    host,
    ssl: false,
    ignoreUndefinedProperties: true,
  });
  return { store: createFirestoreJobStore(db), close: () => db.terminate() };
}

/** The claims on a job store in Firestore, whichever server is behind it. */
export function firestoreJobStore(
  name: string,
  search: Omit<Search, 'maxCommands'>,
  start: () => Promise<{ readonly host: string; readonly stop: () => Promise<void> }>,
): void {
  describe(`the job store on ${name}`, () => {
    let server: Awaited<ReturnType<typeof start>>;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server?.stop());

    it(CLAIM, () => assertLikeModel(search, () => openFirestore(server.host)), MODEL_TEST_TIMEOUT_MS);

    // Not more than four: the client tries five times, so more could exhaust the last one's tries.
    it('applies four concurrent changes of a job one after the other', async () => {
      const { store, close } = openFirestore(server.host);
      const model = new JobsModel();
      const [job] = fc.sample(newJobs, { numRuns: 1, seed: 1 });
      if (!job) throw new Error('There is no job.');
      await store.create(job);
      model.push(job);
      await updateAtOnce(model, store, job.jobId, ['1', '2', '3', '4'].map(note));
      expect([...(model.now(job.jobId)?.trace ?? '')].sort()).toEqual(['1', '2', '3', '4']);
      await close();
    });
  });
}
