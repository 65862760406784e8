/** Claims about several documents: batches, bulk writes, getAll, lists. */
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { codeOf, DATABASE, freshCollection, type UnderTest } from './under-test.ts';

export function batchClaims(server: UnderTest): void {
  describe.concurrent('several documents', () => {
    it('are written atomically by a batch', async () => {
      const docs = freshCollection(server);
      await docs.doc('old').set({ n: 1 });
      const results = await server
        .client()
        .batch()
        .set(docs.doc('new'), { n: 1 })
        .update(docs.doc('old'), { n: 2 })
        .commit();
      expect(results[0]?.writeTime).toEqual(results[1]?.writeTime);
      expect((await docs.get()).docs.map((doc) => [doc.id, doc.get('n')])).toEqual([
        ['new', 1],
        ['old', 2],
      ]);
    });

    it('are not written by a batch when one write is refused', async () => {
      const docs = freshCollection(server);
      const batch = server
        .client()
        .batch()
        .set(docs.doc('a'), { n: 1 })
        .update(docs.doc('missing'), { n: 1 });
      expect(await codeOf(batch.commit())).toBe(status.NOT_FOUND);
      expect((await docs.get()).empty).toBe(true);
    });

    it('see earlier writes of the same batch', async () => {
      const docs = freshCollection(server);
      const ref = docs.doc('a');
      await server.client().batch().create(ref, { n: 1 }).update(ref, { m: 2 }).commit();
      expect((await ref.get()).data()).toEqual({ n: 1, m: 2 });
      await server.client().batch().delete(ref).create(ref, { again: true }).commit();
      expect((await ref.get()).data()).toEqual({ again: true });
    });

    it('are written independently by a BulkWriter', async () => {
      const docs = freshCollection(server);
      await docs.doc('7').set({ taken: true });
      const writer = server.client().bulkWriter();
      const outcomes = Array.from({ length: 60 }, (_, i) => codeOf(writer.create(docs.doc(`${i}`), { i })));
      await writer.close();
      const codes = await Promise.all(outcomes);
      expect(codes.filter((code) => code !== 0)).toEqual([status.ALREADY_EXISTS]);
      expect((await docs.count().get()).data().count).toBe(60);
    });

    it('are refused by BatchWrite when one occurs twice', async () => {
      const name = `${DATABASE}/documents/${freshCollection(server).doc('a').path}`;
      const reply = await server.raw().call('BatchWrite', {
        database: DATABASE,
        writes: [{ update: { name } }, { delete: name }],
      });
      expect(reply.code).toBe(status.INVALID_ARGUMENT);
    });

    it('are written commit by commit on a write stream', async () => {
      const ref = freshCollection(server).doc('d');
      const write = (n: number, more: object = {}): object => ({
        update: { name: `${DATABASE}/documents/${ref.path}`, fields: { n: { integerValue: n } } },
        ...more,
      });
      const writes = [[write(1)], [write(2), write(3)], [write(4, { currentDocument: { exists: false } })]];
      const stream = server.raw().open('Write', ({ streamToken }) => {
        stream.send({ writes: writes.shift() ?? [], streamToken });
      });
      stream.send({ database: DATABASE });
      expect(await stream.status).toBe(status.ALREADY_EXISTS);
      expect((await ref.get()).get('n')).toBe(3);
    });

    it('are read by getAll in the requested order, including missing ones, with only the masked fields', async () => {
      const docs = freshCollection(server);
      await docs.doc('a').set({ x: 1, y: { z: 2, w: 3 } });
      await docs.doc('b').set({ y: { w: 4 } });
      const found = await server
        .client()
        .getAll(docs.doc('b'), docs.doc('none'), docs.doc('a'), { fieldMask: ['x', 'y.z'] });
      expect(found.map((doc) => [doc.id, doc.exists, doc.data()])).toEqual([
        ['b', true, {}],
        ['none', false, undefined],
        ['a', true, { x: 1, y: { z: 2 } }],
      ]);
    });

    it('are listed together with missing parents of documents', async () => {
      const docs = freshCollection(server);
      await docs.doc('b').set({});
      await docs.doc('a/sub/x').set({});
      await docs.doc('c/sub/y/deep/z').set({});
      expect((await docs.listDocuments()).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
      expect((await docs.get()).docs.map(({ id }) => id)).toEqual(['b']);
    });

    it('list their subcollections', async () => {
      const ref = freshCollection(server).doc('d');
      await ref.collection('two').doc('x').set({});
      await ref.collection('one').doc('missing').collection('deep').doc('x').set({});
      expect((await ref.listCollections()).map(({ id }) => id)).toEqual(['one', 'two']);
      await ref.collection('two').doc('x').delete();
      expect((await ref.listCollections()).map(({ id }) => id)).toEqual(['one']);
    });

    it('are listed in pages without gaps or repetition', async () => {
      const docs = freshCollection(server);
      const writer = server.client().bulkWriter();
      for (let i = 0; i < 25; i++) void writer.set(docs.doc(`d${i}`), {});
      await writer.close();
      const names: unknown[] = [];
      let pageToken = '';
      do {
        const { messages } = await server.raw().call('ListDocuments', {
          parent: `${DATABASE}/documents`,
          collectionId: docs.id,
          pageSize: 10,
          pageToken,
        });
        const [page] = messages;
        names.push(...(Array.isArray(page?.['documents']) ? page['documents'].map(({ name }) => name) : []));
        pageToken = String(page?.['nextPageToken'] ?? '');
      } while (pageToken !== '');
      expect(new Set(names).size).toBe(25);
      expect(names.length).toBe(25);
    });

    it('are deleted recursively', async () => {
      const docs = freshCollection(server);
      await docs.doc('a').set({});
      await docs.doc('a/sub/x').set({});
      await docs.doc('missing/sub/y').set({});
      await server.client().recursiveDelete(docs);
      expect(await docs.listDocuments()).toEqual([]);
    });
  });
}
