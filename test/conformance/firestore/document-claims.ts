/** Claims about single documents: values, writes, preconditions, transforms. */
import {
  type DocumentReference,
  FieldPath,
  FieldValue,
  GeoPoint,
  type Precondition,
  Timestamp,
} from '@google-cloud/firestore';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { codeOf, DATABASE, freshCollection, type UnderTest } from './under-test.ts';

export function documentClaims(server: UnderTest): void {
  const doc = (): DocumentReference => freshCollection(server).doc('d');

  describe.concurrent('a document', () => {
    it('stores every type of value', async () => {
      const ref = doc();
      const value = {
        null: null,
        true: true,
        int: 42,
        largest: 9_007_199_254_740_991,
        double: 0.1,
        nan: Number.NaN,
        infinite: Number.NEGATIVE_INFINITY,
        time: new Timestamp(1_700_000_000, 123_456_000),
        text: 'é😀\u0000',
        bytes: Buffer.from([0, 128, 255]),
        ref,
        place: new GeoPoint(-12.5, 170.25),
        list: [1, 'two', { three: [3] }],
        empty: { list: [], map: {} },
        vector: FieldValue.vector([1, 2.5]),
        constructor: 'a name that objects have anyway',
        'dotted.name': { '': undefined, 'with `quotes`': 1 },
      };
      const { '': _, ...dotted } = value['dotted.name'];
      await ref.set({ ...value, 'dotted.name': dotted });
      const stored = (await ref.get()).data();
      expect(stored).toEqual({ ...value, 'dotted.name': dotted, ref: expect.anything() });
      expect(stored?.['ref'].path).toBe(ref.path);
    });

    it('stores minus zero and 64-bit integers', async () => {
      const name = `${DATABASE}/documents/${doc().path}`;
      const fields = {
        zero: { doubleValue: -0 },
        max: { integerValue: '9223372036854775807' },
        min: { integerValue: '-9223372036854775808' },
      };
      const { messages } = await server.raw().call('UpdateDocument', { document: { name, fields } });
      expect(messages[0]?.['fields']).toMatchObject(fields);
    });

    it('truncates timestamps to microseconds', async () => {
      const ref = doc();
      await ref.set({ time: new Timestamp(5, 123_456_789) });
      expect((await ref.get()).get('time')).toEqual(new Timestamp(5, 123_456_000));
    });

    it('is created once: a second create is ALREADY_EXISTS', async () => {
      const ref = doc();
      await ref.create({ n: 1 });
      expect(await codeOf(ref.create({ n: 2 }))).toBe(status.ALREADY_EXISTS);
      expect((await ref.get()).data()).toEqual({ n: 1 });
    });

    it('is replaced by set, merged by set with merge, and merged in part by mergeFields', async () => {
      const ref = doc();
      await ref.set({ a: 1, map: { x: 1, y: 1 } });
      await ref.set({ map: { y: 2 }, b: 2 }, { merge: true });
      expect((await ref.get()).data()).toEqual({ a: 1, b: 2, map: { x: 1, y: 2 } });
      await ref.set({ a: 9, map: { x: 9, y: 9 } }, { mergeFields: ['map.x'] });
      expect((await ref.get()).data()).toEqual({ a: 1, b: 2, map: { x: 9, y: 2 } });
      await ref.set({ only: true });
      expect((await ref.get()).data()).toEqual({ only: true });
    });

    it('is updated field by field, also inside maps; updating a missing document is NOT_FOUND', async () => {
      const ref = doc();
      expect(await codeOf(ref.update({ a: 1 }))).toBe(status.NOT_FOUND);
      await ref.set({ a: { b: 1, c: 2 }, d: 3, 'e.f': 4 });
      await ref.update(
        new FieldPath('a', 'b'),
        FieldValue.delete(),
        'a.z',
        5,
        new FieldPath('e.f'),
        6,
        'd',
        FieldValue.delete(),
      );
      expect((await ref.get()).data()).toEqual({ a: { c: 2, z: 5 }, 'e.f': 6 });
    });

    it('can be deleted when it is missing, unless a precondition requires it', async () => {
      const ref = doc();
      await ref.delete();
      expect(await codeOf(ref.delete({ exists: true }))).toBe(status.NOT_FOUND);
    });

    it('is written only if the version matches the precondition', async () => {
      const ref = doc();
      const { writeTime: first } = await ref.set({ n: 1 });
      const { writeTime: second } = await ref.set({ n: 2 });
      const at = (lastUpdateTime: Timestamp): Precondition => ({ lastUpdateTime });
      expect(await codeOf(ref.update({ n: 3 }, at(first)))).toBe(status.FAILED_PRECONDITION);
      expect(await codeOf(ref.delete(at(first)))).toBe(status.FAILED_PRECONDITION);
      await ref.update({ n: 3 }, at(second));
      expect((await ref.get()).get('n')).toBe(3);
    });

    it('has a constant create time and an update time that increases, except after a write without changes', async () => {
      const ref = doc();
      await ref.set({ n: 1 });
      const first = await ref.get();
      await ref.set({ n: 2 });
      const second = await ref.get();
      await ref.set({ n: 2 });
      const third = await ref.get();
      expect(second.createTime).toEqual(first.createTime);
      expect(second.updateTime?.valueOf() ?? '').toSatisfy(
        (time: string) => time > (first.updateTime?.valueOf() ?? ''),
      );
      expect(third.updateTime).toEqual(second.updateTime);
    });

    it('supports increments, server timestamps and array edits by transforms', async () => {
      const ref = doc();
      await ref.set({ n: 1, half: 1, list: [1, 2, 2, Number.NaN], text: 'x', at: null });
      await ref.update({
        n: FieldValue.increment(2),
        half: FieldValue.increment(0.5),
        text: FieldValue.increment(7),
        list: FieldValue.arrayUnion(2, 3, Number.NaN),
        'fresh.list': FieldValue.arrayUnion('a', 'a'),
        at: FieldValue.serverTimestamp(),
      });
      await ref.update({ list: FieldValue.arrayRemove(1, Number.NaN) });
      const { at, ...rest } = (await ref.get()).data() ?? {};
      expect(rest).toEqual({ n: 3, half: 1.5, text: 7, list: [2, 2, 3], fresh: { list: ['a'] } });
      expect(Math.abs(at.toMillis() - Date.now())).toBeLessThan(60_000);
    });

    it('has the same server timestamp in all fields of one commit', async () => {
      const [a, b] = [doc(), doc()];
      const batch = server.client().batch();
      for (const ref of [a, b]) batch.set(ref, { at: FieldValue.serverTimestamp() });
      await batch.commit();
      expect((await a.get()).get('at')).toEqual((await b.get()).get('at'));
    });

    it('saturates increments at the 64-bit limits', async () => {
      const document = `${DATABASE}/documents/${doc().path}`;
      const max = { integerValue: '9223372036854775807' };
      const fieldTransforms = [1, 2].map(() => ({ fieldPath: 'n', increment: max }));
      const { messages } = await server.raw().call('Commit', {
        database: DATABASE,
        writes: [{ transform: { document, fieldTransforms } }],
      });
      expect(messages[0]).toMatchObject({ writeResults: [{ transformResults: [max, max] }] });
    });

    it('may have 1 MiB but not one byte more', async () => {
      const ref = doc();
      // A name or a string counts its length plus 1 byte, the path 16 more, and the document 32 more.
      const overhead =
        ref.parent.id.length + 1 + ref.id.length + 1 + 16 + 'a'.length + 2 + 'b'.length + 2 + 32;
      const half = 'x'.repeat(500_000);
      const document = (missing: number): object => ({
        a: half,
        b: 'y'.repeat(1_048_576 - overhead - half.length - missing),
      });
      await ref.set(document(0));
      expect(await codeOf(ref.set(document(-1)))).toBe(status.INVALID_ARGUMENT);
    });

    it('may nest maps and arrays 20 levels deep but not deeper', async () => {
      const nested = (depth: number): object =>
        depth === 0 ? {} : { a: depth % 3 ? nested(depth - 1) : [nested(depth - 2)] };
      const ref = doc();
      await ref.set(nested(20));
      expect(await codeOf(ref.set(nested(21)))).toBe(status.INVALID_ARGUMENT);
    });
  });
}
