import { describe, expect, it } from 'vitest';
import { bodyOfRecord } from '../../../functions/core/batch/row-body.ts';
import { isTooDeep } from '../../../functions/core/request/json-depth.ts';

const lists = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));
const objects = (depth: number): unknown => JSON.parse(`${'{"a":'.repeat(depth)}0${'}'.repeat(depth)}`);

describe('the depth of JSON', () => {
  it.each([
    ['lists', lists],
    ['objects', objects],
  ])('of %s may be at most 100 levels', (_, nested) => {
    expect(isTooDeep(nested(100))).toBe(false);
    expect(isTooDeep(nested(101))).toBe(true);
  });

  it('is the depth of the deepest value, and 0 for scalars', () => {
    expect(isTooDeep([1, {}, { a: [objects(97), 'x'] }, []])).toBe(false);
    expect(isTooDeep([1, {}, { a: [objects(98), 'x'] }, []])).toBe(true);
    expect(isTooDeep({ wide: Array.from({ length: 1000 }, () => ({ a: [] })) })).toBe(false);
    for (const plain of ['x', 0, null, true, undefined]) expect(isTooDeep(plain)).toBe(false);
  });

  it('is found without recursion, so that deep JSON does not overflow the stack', () => {
    expect(isTooDeep(lists(100_000))).toBe(true);
  });
});

describe('a JSON row that is nested too deeply', () => {
  it('is an invalid row with the reason', () => {
    const place = { row: 1, line: 1, startByte: 0, next: { byte: 1, row: 1, line: 1, isSkipping: false } };
    const text = `{"prompt":"a","x":${'['.repeat(5000)}${']'.repeat(5000)}}`;
    const rules = {
      template: undefined,
      defaults: undefined,
      columns: [],
      fields: new Set<string>(),
      misspelt: new Map(),
    };
    expect(bodyOfRecord({ kind: 'text', text, ...place }, { ...rules, lane: 'batch' })).toEqual({
      fault: 'is nested deeper than 100 levels of lists and objects.',
    });
  });
});
