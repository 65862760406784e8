/** Aggregation queries: count, sum and avg over the results of a query. */

import type { StoredDocument } from './documents.ts';
import {
  type FieldPath,
  getField,
  isNamePath,
  isReservedFieldName,
  parseFieldPath,
  pathKey,
} from './field-path.ts';
import type { Aggregation, Fields, NumberValue, RunAggregationQueryRequest, Value } from './messages.ts';
import { planQuery, type QueryPlan } from './query-plan.ts';
import { invalid } from './refusals.ts';
import { doubleValue, integerValue, isNumber, NULL_VALUE } from './values.ts';

interface Aggregate {
  readonly alias: string;
  readonly compute: (documents: readonly StoredDocument[]) => Value;
}

export interface AggregationPlan {
  /** Selects the documents to aggregate: those that have every aggregated field. */
  readonly query: QueryPlan;
  readonly aggregates: readonly Aggregate[];
}

const MAX_AGGREGATIONS = 5;
const MAX_ALIAS_BYTES = 1500;

/** Throws INVALID_ARGUMENT for an aggregation that the real service refuses. */
export function planAggregation(request: RunAggregationQueryRequest): AggregationPlan {
  const aggregation = request.structuredAggregationQuery;
  if (!aggregation) return invalid('Only structured aggregation queries are supported.');
  const query = planQuery(request.parent, withStructuredQuery(aggregation));
  const { aggregations } = aggregation;
  if (aggregations.length === 0) invalid('Aggregations can not be empty.');
  if (aggregations.length > MAX_AGGREGATIONS)
    invalid(`The maximum number of aggregations allowed in an aggregation query is ${MAX_AGGREGATIONS}.`);
  const paths = aggregations.map(fieldOf).filter((path) => path !== undefined);
  for (const path of paths) checkAggregated(path, query);
  return { query: sortedByAggregated(query, paths), aggregates: withAliases(aggregations) };
}

/**
 * Aggregated fields are read from the index, so the results are also sorted by them. This matters with a limit or an
 * offset. Throws INVALID_ARGUMENT when the fields would follow the name in the index.
 */
function sortedByAggregated(query: QueryPlan, paths: readonly FieldPath[]): QueryPlan {
  const sorted = new Set(query.order.map(({ path }) => pathKey(path)));
  const added = new Map(paths.map((path) => [pathKey(path), path]));
  for (const key of sorted) added.delete(key);
  const names = [...added.keys()].sort();
  if (names.length > 0 && query.usesName && !query.isDescendingNameScan)
    invalid(
      `This query requires an index that has fields [${names.join(', ')}] after __name__ and Firestore does not ` +
        'currently support such an index. Please try the query again with additional ordering on those fields.',
    );
  const order = names.map((name) => ({ path: added.get(name) ?? [], descending: query.nameDescending }));
  return { ...query, order: [...query.order, ...order] };
}

/** Unlike in other requests, a missing query means all documents. */
const withStructuredQuery = (
  carrier: NonNullable<RunAggregationQueryRequest['structuredAggregationQuery']>,
): Parameters<typeof planQuery>[1] =>
  carrier.queryType === 'structuredQuery'
    ? carrier
    : {
        queryType: 'structuredQuery',
        structuredQuery: {
          select: null,
          from: [],
          where: null,
          orderBy: [],
          startAt: null,
          endAt: null,
          offset: 0,
          limit: null,
          findNearest: null,
        },
      };

export const aggregate = ({ aggregates }: AggregationPlan, documents: readonly StoredDocument[]): Fields =>
  Object.fromEntries(aggregates.map(({ alias, compute }) => [alias, compute(documents)]));

function fieldOf(aggregation: Aggregation): FieldPath | undefined {
  if (aggregation.operator === 'sum') return parseFieldPath(aggregation.sum.field?.fieldPath ?? '');
  if (aggregation.operator === 'avg') return parseFieldPath(aggregation.avg.field?.fieldPath ?? '');
  return undefined;
}

function checkAggregated(path: FieldPath, { projection }: QueryPlan): void {
  if (isNamePath(path)) invalid('Aggregations are not supported for the property: __key__');
  if (projection && !projection.some((selected) => pathKey(selected) === pathKey(path)))
    invalid(`The aggregation property ${pathKey(path)} is not present in the base query's property mask.`);
  if (projection) invalid('Cannot apply property masks when aggregation fields are present.');
}

/** Aggregations without an alias get the aliases field_1, field_2, … */
function withAliases(aggregations: readonly Aggregation[]): readonly Aggregate[] {
  const seen = new Set<string>();
  let unnamed = 0;
  return aggregations.map((aggregation) => {
    const alias = aggregation.alias || `field_${++unnamed}`;
    if (seen.has(alias)) invalid(`Aggregation aliases contain duplicate alias: ${alias}.`);
    if (isReservedFieldName(alias)) invalid(`The property.name "${alias}" is reserved.`);
    if (Buffer.byteLength(alias) > MAX_ALIAS_BYTES)
      invalid(`The property.name is longer than ${MAX_ALIAS_BYTES} bytes.`);
    seen.add(alias);
    return { alias, compute: toAggregate(aggregation) };
  });
}

function toAggregate(aggregation: Aggregation): Aggregate['compute'] {
  switch (aggregation.operator) {
    case 'count': {
      const upTo =
        aggregation.count.upTo === null ? Number.POSITIVE_INFINITY : Number(aggregation.count.upTo.value);
      if (upTo < 0)
        invalid('The `up_to` value in a COUNT aggregation must be greater than or equal to zero.');
      return (documents) => integerValue(Math.min(documents.length, upTo));
    }
    case 'sum': {
      const path = fieldOf(aggregation) ?? [];
      return (documents) => sum(numbersAt(documents, path));
    }
    case 'avg': {
      const path = fieldOf(aggregation) ?? [];
      return (documents) => {
        const numbers = numbersAt(documents, path);
        return numbers.length === 0 ? NULL_VALUE : doubleValue(asDouble(sum(numbers)) / numbers.length);
      };
    }
    default:
      return invalid('Operator field in Aggregation is not set.');
  }
}

const numbersAt = (documents: readonly StoredDocument[], path: FieldPath): readonly NumberValue[] =>
  documents
    .map(({ fields }) => getField(fields, path))
    .filter((value) => value !== undefined)
    .filter(isNumber);

const asDouble = (n: NumberValue): number =>
  n.valueType === 'doubleValue' ? n.doubleValue : Number(n.integerValue);

/**
 * Returns an integer if all numbers are integers and the sum fits into 64 bits, otherwise a double. Integers and doubles
 * are summed separately, so that the integer part is exact.
 */
function sum(numbers: readonly NumberValue[]): NumberValue {
  let integers = 0n;
  let doubles: number | undefined;
  for (const n of numbers) {
    if (n.valueType === 'integerValue') integers += BigInt(n.integerValue);
    else doubles = (doubles ?? 0) + n.doubleValue;
  }
  if (doubles === undefined && BigInt.asIntN(64, integers) === integers) return integerValue(integers);
  return doubleValue(Number(integers) + (doubles ?? 0));
}
