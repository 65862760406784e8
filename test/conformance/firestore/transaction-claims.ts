/** Claims about transactions: any interleaving is equivalent to some serial order. */
import { FieldValue, type Transaction } from '@google-cloud/firestore';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { codeOf, DATABASE, freshCollection, type UnderTest } from './under-test.ts';

export function transactionClaims(server: UnderTest): void {
  const transact = <T>(body: (transaction: Transaction) => Promise<T>, maxAttempts = 20): Promise<T> =>
    server.client().runTransaction(body, { maxAttempts });

  describe.concurrent('transactions', () => {
    it('lose no update when many increment concurrently', async () => {
      const ref = freshCollection(server).doc('counter');
      await ref.set({ n: 0 });
      const count = (): Promise<unknown> =>
        transact(async (transaction) => {
          const { n } = (await transaction.get(ref)).data() ?? {};
          transaction.update(ref, { n: n + 1 });
        });
      await Promise.all(Array.from({ length: 8 }, count));
      expect((await ref.get()).get('n')).toBe(8);
    });

    it('lose no update to concurrent plain writes', async () => {
      const ref = freshCollection(server).doc('counter');
      await ref.set({ n: 0 });
      const counting = transact(async (transaction) => {
        const { n } = (await transaction.get(ref)).data() ?? {};
        transaction.update(ref, { n: n + 1 });
      });
      await Promise.all([counting, ref.update({ n: FieldValue.increment(10) })]);
      expect((await ref.get()).get('n')).toBe(11);
    });

    it('preserve an invariant across two documents (no write skew)', async () => {
      const doctors = freshCollection(server);
      const names = ['alice', 'bob'];
      for (const name of names) await doctors.doc(name).set({ onCall: true });
      const leave = (name: string): Promise<boolean> =>
        transact(async (transaction) => {
          const all = await transaction.getAll(...names.map((other) => doctors.doc(other)));
          if (all.filter((doc) => doc.get('onCall')).length < 2) return false;
          transaction.update(doctors.doc(name), { onCall: false });
          return true;
        });
      const left = await Promise.all(names.map(leave));
      expect(left.filter(Boolean)).toHaveLength(1);
    });

    it('preserve an invariant on a query result (no phantom)', async () => {
      const bookings = freshCollection(server);
      const book = (who: string): Promise<boolean> =>
        transact(async (transaction) => {
          const taken = await transaction.get(bookings.where('room', '==', 1).limit(1));
          if (!taken.empty) return false;
          transaction.create(bookings.doc(who), { room: 1 });
          return true;
        });
      const booked = await Promise.all(['a', 'b', 'c'].map(book));
      expect(booked.filter(Boolean)).toHaveLength(1);
      expect((await bookings.get()).size).toBe(1);
    });

    it('preserve an invariant on an aggregation', async () => {
      const stock = freshCollection(server);
      await stock.doc('initial').set({ n: 1 });
      const take = (who: string): Promise<boolean> =>
        transact(async (transaction) => {
          const total = await transaction.get(stock.count());
          if (total.data().count > 1) return false;
          transaction.create(stock.doc(who), { n: 1 });
          return true;
        });
      const took = await Promise.all(['a', 'b'].map(take));
      expect(took.filter(Boolean)).toHaveLength(1);
    });

    it('create a document once when several try concurrently', async () => {
      const ref = freshCollection(server).doc('d');
      const create = (who: string): Promise<boolean> =>
        transact(async (transaction) => {
          if ((await transaction.get(ref)).exists) return false;
          transaction.create(ref, { who });
          return true;
        });
      const created = await Promise.all(['a', 'b', 'c'].map(create));
      expect(created.filter(Boolean)).toHaveLength(1);
    });

    it('read one snapshot regardless of concurrent writes', async () => {
      const docs = freshCollection(server);
      await docs.doc('a').set({ n: 1 });
      await docs.doc('b').set({ n: 1 });
      const read = await server.client().runTransaction(
        async (transaction) => {
          const a = await transaction.get(docs.doc('a'));
          await server
            .client()
            .batch()
            .update(docs.doc('a'), { n: 2 })
            .update(docs.doc('b'), { n: 2 })
            .commit();
          const b = await transaction.get(docs.doc('b'));
          const both = await transaction.get(docs);
          return [a.get('n'), b.get('n'), ...both.docs.map((doc) => doc.get('n'))];
        },
        { readOnly: true },
      );
      expect(read).toEqual([1, 1, 1, 1]);
    });

    it('read at a given time in the past', async () => {
      const docs = freshCollection(server);
      const ref = docs.doc('a');
      const { writeTime: first } = await ref.set({ n: 1 });
      const { writeTime: deleted } = await ref.delete();
      await ref.set({ n: 2 });
      const readAt = (readTime: typeof first): Promise<unknown[]> =>
        server
          .client()
          .runTransaction(
            async (transaction) => [
              (await transaction.get(ref)).get('n'),
              (await transaction.get(docs.where('n', '>', 0))).size,
            ],
            { readOnly: true, readTime },
          );
      expect(await readAt(first)).toEqual([1, 1]);
      expect(await readAt(deleted)).toEqual([undefined, 0]);
    });

    it('write nothing when they throw', async () => {
      const ref = freshCollection(server).doc('d');
      const failing = transact(async (transaction) => {
        transaction.set(ref, { n: 1 });
        throw new Error('changed my mind');
      });
      await expect(failing).rejects.toThrow('changed my mind');
      expect((await ref.get()).exists).toBe(false);
    });

    it('write nothing when one of their writes is refused', async () => {
      const docs = freshCollection(server);
      const failing = transact(async (transaction) => {
        transaction.set(docs.doc('a'), { n: 1 });
        transaction.update(docs.doc('missing'), { n: 1 });
      });
      expect(await codeOf(failing)).toBe(status.NOT_FOUND);
      expect((await docs.get()).empty).toBe(true);
    });

    it('end with commit or rollback and cannot be reused', async () => {
      const database = DATABASE;
      const raw = server.raw();
      const documents = [`${database}/documents/x/y`];
      const begin = async (options: object = {}): Promise<unknown> =>
        (await raw.call('BeginTransaction', { database, options })).messages[0]?.['transaction'];
      const committed = await begin();
      expect((await raw.call('Commit', { database, transaction: committed })).code).toBe(status.OK);
      const rolledBack = await begin();
      expect((await raw.call('Rollback', { database, transaction: rolledBack })).code).toBe(status.OK);
      for (const transaction of [committed, rolledBack, Buffer.from('never begun')]) {
        expect((await raw.call('Commit', { database, transaction })).code).toBe(status.INVALID_ARGUMENT);
        expect((await raw.call('BatchGetDocuments', { database, transaction, documents })).code).toBe(
          status.INVALID_ARGUMENT,
        );
      }
      const writes = [{ delete: documents[0] }];
      const readOnly = await begin({ readOnly: {} });
      expect((await raw.call('Commit', { database, transaction: readOnly, writes })).code).toBe(
        status.INVALID_ARGUMENT,
      );
    });

    it('cannot read at a time in the future', async () => {
      const database = DATABASE;
      const readTime = { seconds: String(Math.floor(Date.now() / 1000) + 3600), nanos: 0 };
      const reply = await server
        .raw()
        .call('BeginTransaction', { database, options: { readOnly: { readTime } } });
      expect(reply.code).toBe(status.INVALID_ARGUMENT);
    });
  });
}
