/** Property tests of the order of values and of field paths. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { getField, parseFieldPath, withField } from '../../../infra/firestore/field-path.ts';
import type { Fields, Value } from '../../../infra/firestore/messages.ts';
import { decodeDocument, encodeDocument } from '../../../infra/firestore/protocol.ts';
import { compareValues, equalValues } from '../../../infra/firestore/values.ts';
import { Random, seedOfRun } from './random.ts';

const seed = seedOfRun();
const settings = { seed, numRuns: 300 };

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const fieldName = fc.oneof(fc.constantFrom('a', 'b', 'c d', '`', '\\', '.'), fc.string({ minLength: 1 }));

const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant<Value>({ valueType: 'nullValue', nullValue: 'NULL_VALUE' }),
    fc.boolean().map((booleanValue): Value => ({ valueType: 'booleanValue', booleanValue })),
    int64.map((n): Value => ({ valueType: 'integerValue', integerValue: String(n) })),
    fc.double().map((doubleValue): Value => ({ valueType: 'doubleValue', doubleValue })),
    fc.integer({ min: -3, max: 3 }).map((doubleValue): Value => ({ valueType: 'doubleValue', doubleValue })),
    fc
      .integer({ min: -3, max: 3 })
      .map((n): Value => ({ valueType: 'integerValue', integerValue: String(n) })),
    fc.string({ unit: 'binary' }).map((stringValue): Value => ({ valueType: 'stringValue', stringValue })),
    fc.uint8Array().map((bytes): Value => ({ valueType: 'bytesValue', bytesValue: Buffer.from(bytes) })),
    fc
      .array(tie('value'), { maxLength: 3 })
      .map((values): Value => ({ valueType: 'arrayValue', arrayValue: { values } })),
    fc
      .dictionary(fieldName, tie('value'), { maxKeys: 3, noNullPrototype: true })
      .map((fields): Value => ({ valueType: 'mapValue', mapValue: { fields } })),
  ),
})).value;

describe(`values (SEED=${seed})`, () => {
  it('have a total order that is antisymmetric and transitive', () => {
    fc.assert(
      fc.property(value, value, value, (a, b, c) => {
        expect(compareValues(a, a)).toBe(0);
        expect(compareValues(a, b) + compareValues(b, a)).toBe(0);
        const [x, y, z] = [a, b, c].sort(compareValues);
        if (x && y && z) {
          expect(compareValues(x, y)).toBeLessThanOrEqual(0);
          expect(compareValues(y, z)).toBeLessThanOrEqual(0);
          expect(compareValues(x, z)).toBeLessThanOrEqual(0);
        }
      }),
      settings,
    );
  });

  it('that are numbers compare by mathematical value, also beyond the precision of a double', () => {
    fc.assert(
      fc.property(int64, fc.double({ noNaN: true }), (int, double) => {
        const order = compareValues(
          { valueType: 'integerValue', integerValue: String(int) },
          { valueType: 'doubleValue', doubleValue: double },
        );
        expect(order).toBe(int < double ? -1 : int > double ? 1 : 0);
      }),
      settings,
    );
    const largest: Value = { valueType: 'integerValue', integerValue: String(2n ** 53n + 1n) };
    expect(equalValues(largest, { valueType: 'doubleValue', doubleValue: 2 ** 53 })).toBe(false);
  });

  it('that are strings compare by their UTF-8 bytes', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(text, text, (a, b) => {
        const order = compareValues(
          { valueType: 'stringValue', stringValue: a },
          { valueType: 'stringValue', stringValue: b },
        );
        expect(order).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      settings,
    );
  });

  it('round-trip through the journal', () => {
    fc.assert(
      fc.property(value, (a) => {
        const document = { name: 'd', fields: { a }, createTime: null, updateTime: null };
        expect(decodeDocument(encodeDocument(document))).toEqual(document);
      }),
      settings,
    );
  });
});

describe(`field paths (SEED=${seed})`, () => {
  const quote = (name: string): string => `\`${name.replace(/[`\\]/g, '\\$&')}\``;

  it('can name any field when quoted', () => {
    const names = fc.array(
      fieldName.filter((name) => !/^__.+__$/s.test(name)),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(names, (path) => {
        expect(parseFieldPath(path.map(quote).join('.'))).toEqual(path);
      }),
      settings,
    );
  });

  it('write exactly the field that they read', () => {
    const random = new Random(seed);
    const names = ['a', 'b', 'c'];
    let fields: Fields = {};
    for (let i = 0; i < 300; i++) {
      const path = random.times(1 + random.below(3), () => random.pick(names));
      const before = structuredClone(fields);
      const written: Value = { valueType: 'integerValue', integerValue: String(i) };
      const next = withField(fields, path, random.chance(0.3) ? undefined : written);
      expect(fields).toEqual(before);
      for (const other of names) {
        if (other !== path[0]) expect(getField(next, [other])).toEqual(getField(fields, [other]));
      }
      const read = getField(next, path);
      expect(read === undefined || read === written).toBe(true);
      fields = next;
    }
  });
});
