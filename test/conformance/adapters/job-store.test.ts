import { Firestore } from '@google-cloud/firestore';
import { createFirestoreJobStore } from '../../../functions/adapters/firestore-job-store.ts';
import { startFirestore } from '../../../infra/firestore/server.ts';
import { MemoryJobStore } from '../../support/memory-jobs.ts';
import { jobStoreSuite } from './job-store-suite.ts';

jobStoreSuite('in memory', async () => ({ store: new MemoryJobStore(), close: async () => undefined }));

jobStoreSuite('Firestore, on the local server', async () => {
  const server = await startFirestore({});
  const db = new Firestore({
    projectId: 'job-store',
    host: `127.0.0.1:${server.port}`,
    ssl: false,
    ignoreUndefinedProperties: true,
  });
  return {
    store: createFirestoreJobStore(db),
    close: async () => {
      await db.terminate();
      await server.stop();
    },
  };
});
