/** Claims about refused requests. They bypass the client library, which would not send most of them. */
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { DATABASE, type UnderTest } from './under-test.ts';

const DOCUMENTS = `${DATABASE}/documents`;

const int = (n: number): object => ({ integerValue: n });
const list = (count: number): object => ({
  arrayValue: { values: Array.from({ length: count }, (_, i) => int(i)) },
});
const name = (path: string): object => ({ referenceValue: `${DOCUMENTS}/${path}` });
const where = (fieldPath: string, op: string, value: object): object => ({
  fieldFilter: { field: { fieldPath }, op, value },
});
const and = (...filters: object[]): object => ({ compositeFilter: { op: 'AND', filters } });
const or = (...filters: object[]): object => ({ compositeFilter: { op: 'OR', filters } });
const order = (fieldPath: string, direction = 'ASCENDING'): object => ({ field: { fieldPath }, direction });
const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

const REFUSED_QUERIES: Readonly<Record<string, object>> = {
  'a negative limit': { limit: { value: -1 } },
  'a negative offset': { offset: -1 },
  'two collections': { from: [{ collectionId: 'a' }, { collectionId: 'b' }] },
  'a reserved collection id': { from: [{ collectionId: '__a__' }] },
  'a collection id with a slash': { from: [{ collectionId: 'a/b/c' }] },
  'IN without a list': { where: where('a', 'IN', int(1)) },
  'IN with an empty list': { where: where('a', 'IN', list(0)) },
  'IN with 31 values': { where: where('a', 'IN', list(31)) },
  'ARRAY_CONTAINS_ANY with 31 values': { where: where('a', 'ARRAY_CONTAINS_ANY', list(31)) },
  'NOT_IN with 11 values': { where: where('a', 'NOT_IN', list(11)) },
  'NOT_IN beside NOT_EQUAL': { where: and(where('a', 'NOT_IN', list(1)), where('b', 'NOT_EQUAL', int(1))) },
  'NOT_IN beside IN': { where: and(where('a', 'NOT_IN', list(1)), where('b', 'IN', list(1))) },
  'NOT_IN within OR': { where: or(where('a', 'NOT_IN', list(1)), where('b', 'EQUAL', int(1))) },
  'two NOT_EQUAL': { where: and(where('a', 'NOT_EQUAL', int(1)), where('a', 'NOT_EQUAL', int(2))) },
  'two ARRAY_CONTAINS': {
    where: and(where('a', 'ARRAY_CONTAINS', int(1)), where('a', 'ARRAY_CONTAINS', int(2))),
  },
  'more than 30 alternatives': { where: and(where('a', 'IN', list(6)), where('b', 'IN', list(6))) },
  'inequalities on more than 10 fields': {
    where: and(...times(11, (i) => where(`f${i}`, 'GREATER_THAN', int(i)))),
  },
  'more than 100 filters': { where: and(...times(101, (i) => where(`f${i}`, 'EQUAL', int(i)))) },
  'an OR of nothing': { where: or() },
  'a filter without a type': { where: {} },
  'a filter without a value': { where: where('a', 'EQUAL', {}) },
  'a filter on a malformed path': { where: where('a..b', 'EQUAL', int(1)) },
  'a filter on a reserved field': { where: where('__a__', 'EQUAL', int(1)) },
  'a filter on the name with a value that is not a reference': { where: where('__name__', 'EQUAL', int(1)) },
  'a filter with a value above 1,500 bytes': {
    where: where('a', 'EQUAL', { stringValue: 'x'.repeat(1500) }),
  },
  'two orders by the same field': { orderBy: [order('a'), order('a', 'DESCENDING')] },
  'an order by anything after the name': { orderBy: [order('__name__'), order('a')] },
  'an order by a malformed path': { orderBy: [order('a b')] },
  'a cursor longer than the order': { orderBy: [order('a')], startAt: { values: [int(1), int(2)] } },
  'a cursor without an order': { startAt: { values: [int(1)] } },
  'a cursor on the name with a value that is not a reference': {
    orderBy: [order('__name__')],
    startAt: { values: [int(1)] },
  },
  'a projection of a malformed path': { select: { fields: [{ fieldPath: 'a-b' }] } },
  'a filter across all collections': { from: [{ allDescendants: true }], where: where('a', 'EQUAL', int(1)) },
  'a reference to a collection': { where: where('__name__', 'EQUAL', name('c')) },
};

const update = (fields: object, more: object = {}): object => ({
  update: { name: `${DOCUMENTS}/refused/d`, fields },
  ...more,
});
const named = (path: string): object => ({ update: { name: `${DOCUMENTS}/${path}`, fields: {} } });
const increment = (fieldPath: string, operand: object = int(1)): object => ({
  fieldPath,
  increment: operand,
});

const REFUSED_WRITES: Readonly<Record<string, object>> = {
  'no operation': {},
  'the document id .': named('refused/.'),
  'the document id ..': named('refused/..'),
  'a reserved document id': named('refused/__d__'),
  'an empty document id': named('refused/'),
  'a document id above 1,500 bytes': named(`refused/${'é'.repeat(751)}`),
  'a collection as the document': named('refused'),
  'an empty field name': update({ '': int(1) }),
  'a reserved field name': update({ __a__: int(1) }),
  'a reserved field name inside': update({ a: { mapValue: { fields: { __a__: int(1) } } } }),
  'a field name above 1,500 bytes': update({ ['x'.repeat(1501)]: int(1) }),
  'a field path above 1,500 bytes': update({
    ['x'.repeat(800)]: { mapValue: { fields: { ['x'.repeat(800)]: int(1) } } },
  }),
  'a value without a type': update({ a: {} }),
  'a list in a list': update({ a: { arrayValue: { values: [list(1)] } } }),
  'a latitude above 90': update({ a: { geoPointValue: { latitude: 91, longitude: 0 } } }),
  'a time after 9999': update({ a: { timestampValue: { seconds: '253402300800', nanos: 0 } } }),
  'a reference that names no document': update({ a: name('refused') }),
  'a mask with a malformed path': update({}, { updateMask: { fieldPaths: ['a..b'] } }),
  'a mask for a deletion': { delete: `${DOCUMENTS}/refused/d`, updateMask: { fieldPaths: ['a'] } },
  'a transform without a type': update({}, { updateTransforms: [{ fieldPath: 'a' }] }),
  'an increment by a string': update({}, { updateTransforms: [increment('a', { stringValue: 'x' })] }),
  'transforms of a field and of its nested field': update(
    {},
    { updateTransforms: [increment('a'), increment('a.b')] },
  ),
  'an empty list of transforms': { transform: { document: `${DOCUMENTS}/refused/d`, fieldTransforms: [] } },
  'a precondition finer than microseconds': update(
    {},
    { currentDocument: { updateTime: { seconds: '1', nanos: 1 } } },
  ),
};

const count = (alias: string): object => ({ alias, count: {} });

const REFUSED_AGGREGATIONS: Readonly<Record<string, readonly object[]>> = {
  'without aggregations': [],
  'without an operator': [{ alias: 'a' }],
  'with the same alias twice': [count('a'), count('a')],
  'with a reserved alias': [count('__a__')],
  'with a negative up_to': [{ alias: 'a', count: { upTo: { value: '-1' } } }],
  'that sums names': [{ alias: 'a', sum: { field: { fieldPath: '__name__' } } }],
  'that sums a malformed path': [{ alias: 'a', sum: { field: { fieldPath: 'a..b' } } }],
};

export function refusalClaims(server: UnderTest): void {
  describe.concurrent('INVALID_ARGUMENT is returned for', () => {
    for (const [what, query] of Object.entries(REFUSED_QUERIES))
      it(`a query with ${what}`, async () => {
        const structuredQuery = { from: [{ collectionId: 'refused' }], ...query };
        const reply = await server.raw().call('RunQuery', { parent: DOCUMENTS, structuredQuery });
        expect(reply).toMatchObject({ code: status.INVALID_ARGUMENT });
      });

    for (const [what, write] of Object.entries(REFUSED_WRITES))
      it(`a write with ${what}`, async () => {
        const reply = await server.raw().call('Commit', { database: DATABASE, writes: [write] });
        expect(reply).toMatchObject({ code: status.INVALID_ARGUMENT });
      });

    for (const [what, aggregations] of Object.entries(REFUSED_AGGREGATIONS))
      it(`an aggregation ${what}`, async () => {
        const structuredAggregationQuery = {
          structuredQuery: { from: [{ collectionId: 'refused' }] },
          aggregations,
        };
        const request = { parent: DOCUMENTS, structuredAggregationQuery };
        expect(await server.raw().call('RunAggregationQuery', request)).toMatchObject({
          code: status.INVALID_ARGUMENT,
        });
      });

    for (const parent of ['', DATABASE, `${DOCUMENTS}/c`, `${DOCUMENTS}/`, `${DOCUMENTS}/c/.`])
      it(`a query below "${parent}"`, async () => {
        const request = { parent, structuredQuery: { from: [{ collectionId: 'refused' }] } };
        expect(await server.raw().call('RunQuery', request)).toMatchObject({ code: status.INVALID_ARGUMENT });
      });

    it.skipIf(server.lacks.has('sorting out other databases'))(
      'a request to one database that names a document in another',
      async () => {
        const elsewhere = 'projects/other/databases/(default)/documents/c/d';
        const write = { database: DATABASE, writes: [{ delete: elsewhere }] };
        const read = { database: DATABASE, documents: [elsewhere] };
        expect(await server.raw().call('Commit', write)).toMatchObject({ code: status.INVALID_ARGUMENT });
        expect(await server.raw().call('BatchGetDocuments', read)).toMatchObject({
          code: status.INVALID_ARGUMENT,
        });
      },
    );
  });

  describe.concurrent('a request', () => {
    it.skipIf(server.lacks.has('requests of 10 MiB'))('may have 10 MiB but not more', async () => {
      const writes = (number: number): object[] =>
        times(number, (i) => ({
          update: { name: `${DOCUMENTS}/large/${i}`, fields: { x: { bytesValue: Buffer.alloc(1_000_000) } } },
        }));
      const commit = async (number: number): Promise<number> =>
        (await server.raw().call('Commit', { database: DATABASE, writes: writes(number) })).code;
      expect(await commit(10)).toBe(status.OK);
      expect(await commit(11)).toBe(status.RESOURCE_EXHAUSTED);
    });

    it('for a descending scan of names is FAILED_PRECONDITION: no such index exists', async () => {
      const structuredQuery = {
        from: [{ collectionId: 'refused' }],
        orderBy: [order('__name__', 'DESCENDING')],
      };
      const reply = await server.raw().call('RunQuery', { parent: DOCUMENTS, structuredQuery });
      expect(reply).toMatchObject({ code: status.FAILED_PRECONDITION });
    });

    it('for a missing document is NOT_FOUND', async () => {
      const reply = await server.raw().call('GetDocument', { name: `${DOCUMENTS}/none/none` });
      expect(reply).toMatchObject({ code: status.NOT_FOUND });
    });
  });
}
