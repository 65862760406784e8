/** The job stores in memory and on the embedded Firestore against a model, under random commands. */
import { describe, it } from 'vitest';
import { startFirestore } from '../../../infra/firestore/server.ts';
import { MemoryJobStore } from '../../support/memory-jobs.ts';
import { MODEL_TEST_TIMEOUT_MS } from '../../support/model-run.ts';
import { assertLikeModel, CLAIM, firestoreJobStore } from './job-store-model.ts';

describe('the job store in memory', () => {
  it(
    CLAIM,
    () =>
      assertLikeModel({ runs: 200 }, () => ({ store: new MemoryJobStore(), close: async () => undefined })),
    MODEL_TEST_TIMEOUT_MS,
  );
});

firestoreJobStore('the embedded Firestore', { runs: 24, lanes: 6 }, async () => {
  const { port, stop } = await startFirestore();
  return { host: `127.0.0.1:${port}`, stop };
});
