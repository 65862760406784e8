/** Limits on the filters of a query. The messages are those of the official emulator. */

import { type FieldPath, isNamePath, pathKey } from './field-path.ts';
import { type FieldTest, type Filter, fieldTests, isNeverTrue } from './filters.ts';
import { invalid } from './refusals.ts';
import { elementsOf } from './values.ts';

const MAX_DISJUNCTIONS = 30;
const MAX_INEQUALITY_FIELDS = 10;
/** Limit on filters, sort orders and the ancestor together. */
const MAX_COMPONENTS = 100;
/** Limits the expansion of very large filters. Below it, removing duplicates may bring a filter under the real limit. */
const MAX_EXPANSION = 4096;

const NEGATIONS: readonly FieldTest['op'][] = ['NOT_EQUAL', 'NOT_IN', 'IS_NOT_NAN', 'IS_NOT_NULL'];
const INEQUALITIES: readonly FieldTest['op'][] = [
  ...NEGATIONS,
  'LESS_THAN',
  'LESS_THAN_OR_EQUAL',
  'GREATER_THAN',
  'GREATER_THAN_OR_EQUAL',
];

/**
 * The distinct fields of inequalities, ordered by name. They are implicit sort orders. Inequalities that are never true
 * do not count.
 */
export function inequalityFields(filter: Filter | undefined): readonly FieldPath[] {
  const paths = new Map<string, FieldPath>();
  for (const test of filter ? fieldTests(filter) : [])
    if (INEQUALITIES.includes(test.op) && !isNeverTrue(test)) paths.set(pathKey(test.path), test.path);
  return [...paths].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path);
}

/** Throws INVALID_ARGUMENT for a filter that exceeds a limit. */
export function checkFilter(filter: Filter | undefined, sortOrders: number): void {
  const tests = filter ? [...fieldTests(filter)] : [];
  if (tests.length + sortOrders > MAX_COMPONENTS)
    invalid(
      `The query may not have more than ${MAX_COMPONENTS} filters + sort orders + ancestor total. ` +
        `Currently there are ${tests.length} filters, ${sortOrders} sort orders, and no ancestor filter.`,
    );
  if (!filter) return;
  checkComposites(filter);
  if (tests.filter(({ op }) => NEGATIONS.includes(op)).length > 1)
    invalid("Only a single 'NOT_EQUAL', 'NOT_IN', 'IS_NOT_NAN', or 'IS_NOT_NULL' filter allowed per query.");
  const ops = new Set(tests.map(({ op }) => op));
  if (ops.has('NOT_IN') && (ops.has('IN') || ops.has('ARRAY_CONTAINS_ANY') || hasOr(filter)))
    invalid("'NOT_IN' cannot be used in the same query with 'IN', 'ARRAY_CONTAINS_ANY' or 'OR'.");
  const unequal = inequalityFields(filter);
  if (unequal.length > MAX_INEQUALITY_FIELDS)
    invalid(
      `The query contains ${unequal.length} distinct inequality fields: [${unequal.map(pathKey).join(', ')}]. ` +
        `A query may not have more than ${MAX_INEQUALITY_FIELDS} distinct inequality fields.`,
    );
  if (unequal.length > 0 && !unequal.some(isNamePath) && tests.some(({ path }) => isNamePath(path)))
    invalid(
      'Equality on key is not allowed if there are other inequality fields and key does not appear in inequalities.',
    );
  checkDisjunctions(disjunctions(filter));
  if (listConditions(filter) > 1)
    invalid("A maximum of 1 'ARRAY_CONTAINS' filter is allowed per disjunction.");
}

/** An empty AND is always true. An empty OR is refused. */
function checkComposites(filter: Filter): void {
  if (filter.kind === 'field') return;
  if (filter.kind === 'or' && filter.filters.length === 0)
    invalid('Composite filter must have at least one sub-filter.');
  for (const inner of filter.filters) checkComposites(inner);
}

const hasOr = (filter: Filter): boolean =>
  filter.kind !== 'field' && (filter.kind === 'or' || filter.filters.some(hasOr));

function checkDisjunctions(conjunctions: readonly Conjunction[]): void {
  if (conjunctions.length > MAX_DISJUNCTIONS)
    invalid(
      `Too many disjunctions after normalization. Result had ${conjunctions.length} disjunctions ` +
        `which is more than the maximum of ${MAX_DISJUNCTIONS}`,
    );
}

/** Conditions that are combined with AND, in canonical form, so that duplicates count once. */
type Conjunction = ReadonlySet<string>;

/** The filter in disjunctive normal form. */
function disjunctions(filter: Filter): readonly Conjunction[] {
  if (filter.kind === 'field') return conditions(filter).map((condition) => new Set([condition]));
  const parts = filter.filters.map(disjunctions);
  if (filter.kind === 'or') return distinct(parts.flat());
  let product: readonly Conjunction[] = [new Set<string>()];
  for (const part of parts) {
    if (product.length * part.length > MAX_EXPANSION)
      invalid(
        `Too many disjunctions after normalization, which is more than the maximum of ${MAX_DISJUNCTIONS}`,
      );
    product = distinct(product.flatMap((left) => part.map((right) => new Set([...left, ...right]))));
  }
  return product;
}

/** A list operand is a disjunction with one condition per element. */
function conditions(test: FieldTest): readonly string[] {
  const { op, path, operand } = test;
  const conditionOf = (value: unknown): string => `${op} ${canonical([path, value])}`;
  if (operand && op === 'IN') return elementsOf(operand).map(conditionOf);
  if (operand && op === 'ARRAY_CONTAINS_ANY') return elementsOf(operand).map(conditionOf);
  return [conditionOf(operand)];
}

const distinct = (conjunctions: readonly Conjunction[]): readonly Conjunction[] => [
  ...new Map(conjunctions.map((c) => [[...c].sort().join('\n'), c])).values(),
];

/** A canonical string. Unlike plain JSON it distinguishes NaN and the infinities. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner) => (typeof inner === 'number' ? String(inner) : inner));

/**
 * The largest number of list conditions in a conjunction. Equal filters at the same level count once, equal filters at
 * different levels count each, as in the official emulator.
 */
function listConditions(filter: Filter): number {
  if (filter.kind === 'field') return filter.op.startsWith('ARRAY_CONTAINS') ? 1 : 0;
  const different = [...new Map(filter.filters.map((inner) => [canonical(inner), inner])).values()];
  const counts = different.map(listConditions);
  return filter.kind === 'or' ? Math.max(0, ...counts) : counts.reduce((sum, count) => sum + count, 0);
}
