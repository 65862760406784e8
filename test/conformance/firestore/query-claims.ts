/** Claims about queries and aggregations. The differential test covers combinations of filters. */
import {
  AggregateField,
  type CollectionReference,
  FieldPath,
  FieldValue,
  Filter,
  GeoPoint,
  type Query,
  Timestamp,
} from '@google-cloud/firestore';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshCollection, idsOf, type UnderTest } from './under-test.ts';

/** In the order of values across all types. */
const ORDERED: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['false', false],
  ['true', true],
  ['nan', Number.NaN],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['-1', -1],
  ['1', 1],
  ['1.5', 1.5],
  ['2', 2],
  ['time', new Timestamp(1, 0)],
  ['time-later', new Timestamp(1, 1000)],
  ['text-empty', ''],
  ['text-a', 'a'],
  ['text-high', '\uffef'],
  ['text-higher', '😀'],
  ['bytes', Buffer.from([1])],
  ['bytes-longer', Buffer.from([1, 0])],
  ['geo', new GeoPoint(0, 1)],
  ['list-empty', []],
  ['list', [1]],
  ['map-empty', {}],
  ['map', { a: 1 }],
];

export function queryClaims(server: UnderTest): void {
  describe('queries', () => {
    let values: CollectionReference;
    let people: CollectionReference;
    beforeAll(async () => {
      values = freshCollection(server);
      people = freshCollection(server);
      const writer = server.client().bulkWriter();
      for (const [id, v] of ORDERED) void writer.set(values.doc(id), { v });
      const add = (id: string, age: number, city: string, tags: string[], more: object = {}): void => {
        void writer.set(people.doc(id), { age, city, tags, name: { first: id }, ...more });
      };
      add('ann', 30, 'paris', ['x', 'y']);
      add('bob', 20, 'rome', ['y'], { nickname: null });
      add('cid', 40, 'paris', [], { nickname: 'c' });
      add('dan', 30, 'oslo', ['z', 'x'], { nickname: Number.NaN });
      void writer.set(people.doc('ann/pets/rex'), { age: 3, kind: 'dog' });
      void writer.set(people.doc('bob/pets/tom'), { age: 5, kind: 'cat' });
      await writer.close();
    });
    const ids = async (query: Query): Promise<string> => idsOf(await query.get()).join(' ');

    describe.concurrent('find', () => {
      it('values of all types in one order', async () => {
        const order = ORDERED.map(([id]) => id);
        expect(idsOf(await values.orderBy('v').get())).toEqual(order);
        expect(idsOf(await values.orderBy('v', 'desc').get())).toEqual(order.toReversed());
      });

      it('with inequalities only values of the same type', async () => {
        expect(await ids(values.where('v', '>', 1))).toBe('1.5 2');
        expect(await ids(values.where('v', '<=', 'a'))).toBe('text-empty text-a');
        expect(await ids(values.where('v', '>=', false))).toBe('false true');
      });

      it('null and NaN only when asked for', async () => {
        expect(await ids(values.where('v', '==', null))).toBe('null');
        expect(await ids(values.where('v', '==', Number.NaN))).toBe('nan');
        expect(await ids(people.where('nickname', '!=', null))).toBe('dan cid');
        expect(await ids(people.where('nickname', '!=', 'c'))).toBe('dan');
        expect(await ids(people.where('nickname', 'in', [null, 'c']))).toBe('cid');
        expect(await ids(people.where('nickname', 'not-in', ['c']))).toBe('dan');
        expect(await ids(people.where('nickname', 'not-in', [null]))).toBe('');
      });

      it('lists by what they contain', async () => {
        expect(await ids(people.where('tags', 'array-contains', 'x'))).toBe('ann dan');
        expect(await ids(people.where('tags', 'array-contains-any', ['y', 'z']))).toBe('ann bob dan');
        expect(await ids(people.where('tags', '==', ['y']))).toBe('bob');
      });

      it('by AND and OR in each other', async () => {
        const filter = Filter.or(
          Filter.and(Filter.where('age', '==', 30), Filter.where('city', 'in', ['oslo', 'rome'])),
          Filter.where('city', '==', 'paris'),
        );
        expect(await ids(people.where(filter))).toBe('ann cid dan');
        expect(await ids(people.where(filter).where('age', '>', 30))).toBe('cid');
      });

      it('by inequalities on several fields, sorted by them', async () => {
        const query = people.where('age', '>=', 30).where('city', '>', 'oslo');
        expect(await ids(query)).toBe('ann cid');
        expect(await ids(query.orderBy('city').orderBy('age', 'desc'))).toBe('cid ann');
      });

      it('fields inside maps, and only documents that have the sort field', async () => {
        expect(await ids(people.where('name.first', '>', 'bob'))).toBe('cid dan');
        expect(await ids(people.orderBy('nickname'))).toBe('bob dan cid');
      });

      it('names', async () => {
        const name = FieldPath.documentId();
        expect(await ids(people.where(name, '>', 'bob'))).toBe('cid dan');
        expect(await ids(people.where(name, 'in', ['dan', 'ann', 'nobody']))).toBe('ann dan');
        expect(await ids(people.orderBy('age').orderBy(name, 'desc'))).toBe('bob dan ann cid');
      });

      it('collection groups, from anywhere or below a document', async () => {
        const group = server.client().collectionGroup('pets').where('age', '>', 0).orderBy('age');
        const mine = (await group.get()).docs.filter(({ ref }) => ref.path.startsWith(people.path));
        expect(mine.map(({ id }) => id)).toEqual(['rex', 'tom']);
        expect(await ids(people.doc('ann').collection('pets'))).toBe('rex');
      });
    });

    describe.concurrent('are cut', () => {
      it('by limits, offsets and limitToLast', async () => {
        const byAge = people.orderBy('age');
        expect(await ids(byAge.limit(2))).toBe('bob ann');
        expect(await ids(byAge.offset(1).limit(2))).toBe('ann dan');
        expect(await ids(byAge.limitToLast(2))).toBe('dan cid');
        expect(await ids(byAge.offset(9))).toBe('');
      });

      it('by cursors of values', async () => {
        const byAge = people.orderBy('age').orderBy('city');
        expect(await ids(byAge.startAt(30))).toBe('dan ann cid');
        expect(await ids(byAge.startAfter(30))).toBe('cid');
        expect(await ids(byAge.startAfter(30, 'oslo'))).toBe('ann cid');
        expect(await ids(byAge.endAt(30, 'oslo'))).toBe('bob dan');
        expect(await ids(byAge.endBefore(30))).toBe('bob');
        expect(await ids(byAge.startAt(30).endBefore(40).limitToLast(1))).toBe('ann');
      });

      it('by cursors of documents, which walk through pages without gap or repetition', async () => {
        const byAge = people.orderBy('age', 'desc');
        const seen: string[] = [];
        let page = await byAge.limit(1).get();
        for (let last = page.docs.at(-1); last; last = page.docs.at(-1)) {
          seen.push(last.id);
          page = await byAge.startAfter(last).limit(1).get();
        }
        expect(seen).toEqual(['cid', 'dan', 'ann', 'bob']);
        expect(await ids(people.where('age', '>', 0).startAfter(await people.doc('bob').get()))).toBe(
          'ann dan cid',
        );
      });

      it('to the selected fields', async () => {
        const selected = await people.where('city', '==', 'rome').select('name.first', 'nothing').get();
        expect(selected.docs[0]?.data()).toEqual({ name: { first: 'bob' } });
        const names = await people.where('city', '==', 'rome').select().get();
        expect(names.docs[0]?.data()).toEqual({});
      });
    });

    describe.concurrent('tell', () => {
      it('count, sum and average of what they find', async () => {
        const query = people.where('city', '==', 'paris');
        const result = await query
          .aggregate({
            count: AggregateField.count(),
            sum: AggregateField.sum('age'),
            avg: AggregateField.average('age'),
          })
          .get();
        expect(result.data()).toEqual({ count: 2, sum: 70, avg: 35 });
        const nobody = people.where('city', '==', 'nowhere');
        const none = await nobody
          .aggregate({ sum: AggregateField.sum('age'), avg: AggregateField.average('age') })
          .get();
        expect(none.data()).toEqual({ sum: 0, avg: null });
      });

      it('sums of only what is a number, as doubles where one is', async () => {
        const result = await values
          .where('v', '>=', 1)
          .aggregate({ sum: AggregateField.sum('v') })
          .get();
        expect(result.data().sum).toBe(4.5);
        expect((await values.count().get()).data().count).toBe(ORDERED.length);
        expect((await people.limit(3).count().get()).data().count).toBe(3);
      });

      it('which vectors are nearest, and how far they are', async () => {
        const points = freshCollection(server);
        for (const [id, vector] of [
          ['near', [1, 1]],
          ['far', [5, 5]],
          ['middle', [2, 3]],
          ['other', [1, 1, 1]],
        ] as const)
          await points.doc(id).set({ at: FieldValue.vector([...vector]) });
        const find = async (
          distanceMeasure: 'EUCLIDEAN' | 'COSINE' | 'DOT_PRODUCT',
          more: object = {},
        ): Promise<unknown[]> => {
          const query = points.findNearest({
            vectorField: 'at',
            queryVector: [1, 2],
            limit: 2,
            distanceMeasure,
            distanceResultField: 'distance',
            ...more,
          });
          return (await query.get()).docs.map((doc) => [doc.id, Math.round(doc.get('distance') * 100) / 100]);
        };
        expect(await find('EUCLIDEAN')).toEqual([
          ['near', 1],
          ['middle', 1.41],
        ]);
        expect(await find('EUCLIDEAN', { distanceThreshold: 1.2 })).toEqual([['near', 1]]);
        expect(await find('DOT_PRODUCT')).toEqual([
          ['far', 15],
          ['middle', 8],
        ]);
        expect((await find('COSINE'))[0]).toEqual(['middle', 0.01]);
      });

      it('the same by stream as by get', async () => {
        const streamed: string[] = [];
        for await (const doc of people.orderBy('age').stream() as AsyncIterable<{ id: string }>)
          streamed.push(doc.id);
        expect(streamed).toEqual(['bob', 'ann', 'dan', 'cid']);
      });

      const lacksPartitions = server.lacks.has('partition queries');
      it.skipIf(lacksPartitions)('split points that cut a collection group into parts', async () => {
        const docs = freshCollection(server);
        const writer = server.client().bulkWriter();
        for (let i = 0; i < 40; i++) void writer.set(docs.doc(`d${i}`), { i });
        await writer.close();
        const parts: string[][] = [];
        for await (const partition of server.client().collectionGroup(docs.id).getPartitions(4))
          parts.push(idsOf(await partition.toQuery().get()));
        expect(parts).toHaveLength(4);
        expect(parts.map((part) => part.length)).toEqual([10, 10, 10, 10]);
        expect(new Set(parts.flat()).size).toBe(40);
      });
    });
  });
}
