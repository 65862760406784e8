/** Random structured queries and aggregations, valid and invalid. */
import type { Random } from './random.ts';
import { COLLECTIONS, DOCUMENTS, FIELDS, randomName, randomValue, type WireValue } from './random-data.ts';

const QUERY_FIELDS = [...FIELDS, 'a', 'b', 'a', '__name__'] as const;

const OPERATORS = [
  'EQUAL',
  'EQUAL',
  'LESS_THAN',
  'LESS_THAN_OR_EQUAL',
  'GREATER_THAN',
  'GREATER_THAN_OR_EQUAL',
  'NOT_EQUAL',
  'IN',
  'NOT_IN',
  'ARRAY_CONTAINS',
  'ARRAY_CONTAINS_ANY',
] as const;

const UNARY_OPERATORS = ['IS_NULL', 'IS_NAN', 'IS_NOT_NULL', 'IS_NOT_NAN'] as const;

/** `values` are values of existing documents, so that filters and cursors match. */
export function randomQuery(random: Random, values: readonly WireValue[]): { parent: string; query: object } {
  const value = (): WireValue =>
    values.length > 0 && random.chance(0.6) ? random.pick(values) : randomValue(random);
  const collection = random.pick(COLLECTIONS);
  const parts = collection.split('/');
  const collectionId = parts.at(-1) ?? '';
  const allDescendants = random.chance(0.3);
  const parent = allDescendants ? DOCUMENTS : [DOCUMENTS, ...parts.slice(0, -1)].join('/');
  const orderBy = randomOrders(random);
  const cursor = (): object => {
    const extra = random.chance(0.05) ? 1 : 0;
    const length = random.below(orderBy.length + 1) + extra;
    return {
      before: random.chance(0.5),
      values: Array.from({ length }, (_, i) =>
        orderBy[i]?.field.fieldPath === '__name__' && random.chance(0.95)
          ? { referenceValue: randomName(random) }
          : value(),
      ),
    };
  };
  const query = {
    from: [{ collectionId: random.chance(0.05) ? '' : collectionId, allDescendants }],
    orderBy,
    ...(random.chance(0.75) ? { where: randomFilter(random, value) } : {}),
    ...(random.chance(0.25) ? { startAt: cursor() } : {}),
    ...(random.chance(0.2) ? { endAt: cursor() } : {}),
    ...(random.chance(0.3) ? { limit: { value: random.below(5) - (random.chance(0.03) ? 5 : 0) } } : {}),
    ...(random.chance(0.15) ? { offset: random.below(4) - (random.chance(0.03) ? 4 : 0) } : {}),
    ...(random.chance(0.15)
      ? {
          select: { fields: random.times(random.below(3), () => ({ fieldPath: random.pick(QUERY_FIELDS) })) },
        }
      : {}),
  };
  return { parent, query };
}

function randomOrders(random: Random): { field: { fieldPath: string }; direction: string }[] {
  const count = random.pick([0, 0, 0, 1, 1, 1, 2, 3]);
  return random.times(count, () => ({
    field: { fieldPath: random.pick(QUERY_FIELDS) },
    direction: random.pick(['ASCENDING', 'ASCENDING', 'DESCENDING']),
  }));
}

function randomFilter(random: Random, value: () => WireValue, depth = 0): object {
  const kind = random.next();
  if (depth < 3 && kind < 0.4)
    return {
      compositeFilter: {
        op: random.chance(0.6) ? 'AND' : 'OR',
        filters: random.times(random.chance(0.03) ? 0 : 1 + random.below(3), () =>
          randomFilter(random, value, depth + 1),
        ),
      },
    };
  const fieldPath = random.pick(QUERY_FIELDS);
  if (kind > 0.93) return { unaryFilter: { op: random.pick(UNARY_OPERATORS), field: { fieldPath } } };
  const operand = (): WireValue =>
    fieldPath === '__name__' && random.chance(0.97) ? { referenceValue: randomName(random) } : value();
  const op = random.pick(OPERATORS);
  const isList = op === 'IN' || op === 'NOT_IN' || op === 'ARRAY_CONTAINS_ANY';
  const count = random.chance(0.05) ? random.below(35) : 1 + random.below(4);
  return {
    fieldFilter: {
      field: { fieldPath },
      op,
      value:
        isList && random.chance(0.98)
          ? { arrayValue: { values: random.times(count, operand).filter((v) => !('arrayValue' in v)) } }
          : operand(),
    },
  };
}

export function randomAggregations(random: Random): object[] {
  return random.times(random.chance(0.02) ? 0 : 1 + random.below(3), () => {
    const alias = random.chance(0.5) ? '' : random.pick(['x', 'y', 'z', 'w', 'v']);
    const field = { fieldPath: random.pick(QUERY_FIELDS) };
    switch (random.below(3)) {
      case 0:
        return { alias, count: random.chance(0.3) ? { upTo: { value: String(random.below(4)) } } : {} };
      case 1:
        return { alias, sum: { field } };
      default:
        return { alias, avg: { field } };
    }
  });
}
