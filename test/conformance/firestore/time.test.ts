/** Behaviour that depends on time or memory: expiry of transactions, reads in the past, limits of the history. */
import { Firestore } from '@google-cloud/firestore';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database, storedDocument } from '../../../infra/firestore/documents.ts';
import { type RunningFirestore, startFirestore } from '../../../infra/firestore/server.ts';
import { RawClient, type RawReply } from './raw-client.ts';
import { DATABASE, PROJECT_ID } from './under-test.ts';

const DOCUMENTS = `${DATABASE}/documents`;
const MINUTE_MS = 60_000;

describe('with an injected clock', () => {
  let nowMs = Date.UTC(2026, 0, 1);
  let server: RunningFirestore;
  let raw: RawClient;
  let db: Firestore;
  beforeAll(async () => {
    server = await startFirestore({ now: () => nowMs });
    raw = new RawClient(`127.0.0.1:${server.port}`, DATABASE);
    db = new Firestore({ projectId: PROJECT_ID, host: `127.0.0.1:${server.port}`, ssl: false });
  });
  afterAll(async () => {
    raw.close();
    await db.terminate();
    await server.stop();
  });
  beforeEach(() => server.reset());

  const begin = async (options: object = {}): Promise<unknown> =>
    (await raw.call('BeginTransaction', { database: DATABASE, options })).messages[0]?.['transaction'];
  const read = (transaction: unknown): Promise<RawReply> =>
    raw.call('BatchGetDocuments', { database: DATABASE, documents: [`${DOCUMENTS}/c/d`], transaction });

  it('a transaction expires after 60 s without use', async () => {
    const transaction = await begin();
    for (let i = 0; i < 3; i++) {
      nowMs += 59_000;
      expect((await read(transaction)).code).toBe(status.OK);
    }
    nowMs += 61_000;
    expect(await read(transaction)).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('transaction has expired'),
    });
  });

  it('a transaction expires 270 s after its start, even when it is used', async () => {
    const transaction = await begin();
    for (let i = 0; i < 9; i++) {
      nowMs += 30_000;
      expect((await read(transaction)).code).toBe(status.OK);
    }
    nowMs += 1_000;
    const commit = await raw.call('Commit', { database: DATABASE, transaction });
    expect(commit.code).toBe(status.INVALID_ARGUMENT);
  });

  it('the client library restarts an expired transaction', async () => {
    let attempts = 0;
    await db.runTransaction(async (transaction) => {
      attempts++;
      await transaction.get(db.doc('c/d'));
      if (attempts === 1) nowMs += 2 * MINUTE_MS;
      transaction.set(db.doc('c/d'), { attempts });
    });
    expect((await db.doc('c/d').get()).get('attempts')).toBe(2);
  });

  it('a transaction that conflicts with another transaction or with a plain write is ABORTED', async () => {
    const name = `${DOCUMENTS}/c/d`;
    const commit = async (n: number, transaction?: unknown): Promise<number> => {
      const writes = [{ update: { name, fields: { n: { integerValue: n } } } }];
      return (await raw.call('Commit', { database: DATABASE, writes, transaction })).code;
    };
    const [a, b, c] = [await begin(), await begin(), await begin()];
    for (const transaction of [a, b, c]) await read(transaction);
    expect(await commit(1, a)).toBe(status.OK);
    expect(await commit(2, b)).toBe(status.ABORTED);
    expect(await commit(3)).toBe(status.OK);
    expect(await commit(4, c)).toBe(status.ABORTED);
    expect((await db.doc('c/d').get()).get('n')).toBe(3);
  });

  it('a read-only transaction is never ABORTED', async () => {
    const transaction = await begin();
    await read(transaction);
    await db.doc('c/d').set({ n: 1 });
    expect((await raw.call('Commit', { database: DATABASE, transaction })).code).toBe(status.OK);
  });

  it('reads go back one hour; older reads are FAILED_PRECONDITION', async () => {
    const ref = db.doc('c/d');
    const { writeTime: readTime } = await ref.set({ n: 1 });
    nowMs += 1;
    await ref.set({ n: 2 });
    const readAgain = (): Promise<RawReply> =>
      raw.call('GetDocument', {
        name: `${DOCUMENTS}/c/d`,
        readTime: { seconds: String(readTime.seconds), nanos: readTime.nanoseconds },
      });
    nowMs += 59 * MINUTE_MS;
    await ref.set({ n: 3 });
    expect((await readAgain()).messages[0]?.['fields']).toMatchObject({ n: { integerValue: '1' } });
    nowMs += 2 * MINUTE_MS;
    await ref.set({ n: 4 });
    expect((await readAgain()).code).toBe(status.FAILED_PRECONDITION);
  });

  it('reset deletes everything and notifies listeners', async () => {
    await db.doc('c/d').set({});
    const sizes: number[] = [];
    await new Promise<void>((resolve) => {
      const stop = db.collection('c').onSnapshot(({ size }) => {
        sizes.push(size);
        if (size === 1) server.reset();
        else {
          stop();
          resolve();
        }
      });
    });
    expect(sizes).toEqual([1, 0]);
  });
});

describe('history', () => {
  const name = (id: string): string => `${DOCUMENTS}/c/${id}`;

  it('is trimmed at its byte limit, oldest first, and the rest stays exact', () => {
    const database = new Database(DATABASE, { historyBytes: 50_000 });
    const put = (time: number): void => {
      const fields = { n: { valueType: 'integerValue', integerValue: String(time) } } as const;
      database.apply(new Map([[name('d'), storedDocument(name('d'), fields, 1, time)]]), time);
    };
    for (let time = 1; time <= 1000; time++) put(time);
    expect(database.size.versions).toBeLessThan(100);
    expect(() => database.checkReadable(500)).toThrow('too old');
    for (let time = database.horizon; time <= 1000; time++)
      expect(database.get(name('d'), time)?.updateTime).toBe(time);
  });

  it('finally drops the records of deleted documents', () => {
    const database = new Database(DATABASE, { historyBytes: 50_000 });
    for (let i = 0; i < 1000; i++) {
      const document = storedDocument(name(`d${i}`), {}, 2 * i + 1, 2 * i + 1);
      database.apply(new Map([[document.name, document]]), 2 * i + 1);
      database.apply(new Map([[document.name, undefined]]), 2 * i + 2);
    }
    expect(database.size.records).toBeLessThan(100);
    database.dropHistoryBefore(5000);
    expect(database.size).toEqual({ records: 0, versions: 0 });
  });
});
