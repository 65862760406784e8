/** The Firestore records of uploads that wait for another file. */
import { Firestore } from '@google-cloud/firestore';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFirestoreUploadWaits } from '../../../functions/adapters/firestore-upload-waits.ts';
import type { UploadWaits } from '../../../functions/ports.ts';
import { type RunningFirestore, startFirestore } from '../../../infra/firestore/server.ts';

let server: RunningFirestore;
let db: Firestore;
let waits: UploadWaits;

beforeAll(async () => {
  server = await startFirestore({});
  db = new Firestore({ projectId: 'waits', host: `127.0.0.1:${server.port}`, ssl: false });
  waits = createFirestoreUploadWaits(db);
});
afterAll(async () => {
  await db.terminate();
  await server.stop();
});

it('a wait is due from its time on, longest overdue first, until it is removed', async () => {
  const wait = (waitId: string, dueAt: number) => ({
    waitId,
    dueAt,
    name: `u/${waitId}.txt`,
    generation: '7',
  });
  const [late, early, later] = [wait('late', 20), wait('early', 10), wait('later', 30)];
  for (const each of [late, early, later]) await waits.put(each);
  expect(await waits.due(20, 10)).toEqual([early, late]);
  expect(await waits.due(20, 1)).toEqual([early]);
  await waits.put({ ...early, dueAt: 25 });
  expect(await waits.due(25, 10)).toEqual([late, { ...early, dueAt: 25 }]);
  await waits.remove('late');
  await waits.remove('late');
  expect(await waits.due(100, 10)).toEqual([{ ...early, dueAt: 25 }, later]);
});
