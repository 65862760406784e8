/** Structured queries: validated and compiled to a plan. */

import { storableValue } from './document-checks.ts';
import type { Scope } from './documents.ts';
import { type FieldPath, isNamePath, NAME_FIELD, parseFieldPath, pathKey } from './field-path.ts';
import { checkFilter, inequalityFields } from './filter-limits.ts';
import {
  compileFilter,
  type DocumentTest,
  type FieldTest,
  type Filter,
  fieldTests,
  parseFilter,
} from './filters.ts';
import type { CursorMessage, QueryCarrier, StructuredQuery, Value } from './messages.ts';
import { type NearestPlan, planNearest } from './nearest.ts';
import { invalid } from './refusals.ts';
import { checkCollectionId, parseDocumentName, parseParentName } from './resource-names.ts';

export interface SortOrder {
  readonly path: FieldPath;
  readonly descending: boolean;
}

/** A position in the order of the results, given by leading sort values. */
export interface Bound {
  readonly values: readonly Value[];
  /** The document's path, if the cursor also has the document name. */
  readonly path: readonly string[] | undefined;
  /** The bound is just before the documents at the position (true) or just after them (false). */
  readonly before: boolean;
}

export interface QueryPlan {
  readonly database: string;
  readonly scope: Scope;
  readonly matches: DocumentTest;
  /** The sort fields. A document without one of them is not a result. */
  readonly order: readonly SortOrder[];
  /** Direction of the name, which is the last sort order. */
  readonly nameDescending: boolean;
  /** The query filters by the name or sorts by it explicitly. */
  readonly usesName: boolean;
  /** The query uses only the name, descending. No index supports this, so running it is refused. */
  readonly isDescendingNameScan: boolean;
  readonly startAt: Bound | undefined;
  readonly endAt: Bound | undefined;
  readonly offset: number;
  /** Undefined: no limit. */
  readonly limit: number | undefined;
  /** Undefined: all fields. */
  readonly projection: readonly FieldPath[] | undefined;
  readonly nearest: NearestPlan | undefined;
}

/** Throws INVALID_ARGUMENT for a query that the real service refuses regardless of the documents. */
export function planQuery(parentName: string, carrier: QueryCarrier): QueryPlan {
  const { database, path: parent } = parseParentName(parentName);
  if (carrier.queryType !== 'structuredQuery') return invalid('only structured queries are supported');
  const query = carrier.structuredQuery;
  const filter = query.where ? parseFilter(query.where, database) : undefined;
  checkFilter(filter, query.orderBy.length);
  const { order, nameDescending } = planOrder(query, inequalityFields(filter));
  const scope = planScope(query, parent);
  if (scope.collectionId === undefined) checkAllCollections(filter, order, nameDescending);
  if (query.offset < 0) invalid('offset is negative');
  if (query.limit && query.limit.value < 0) invalid('limit is negative');
  const bound = (cursor: CursorMessage | null): Bound | undefined =>
    cursor ? planBound(cursor, query, database) : undefined;
  return {
    database,
    scope,
    matches: filter ? compileFilter(filter) : () => true,
    order,
    nameDescending,
    usesName: usesName(query, filter),
    isDescendingNameScan:
      nameDescending && order.length === 0 && fieldTestsOf(filter).every(({ path }) => isNamePath(path)),
    startAt: bound(query.startAt),
    endAt: bound(query.endAt),
    offset: query.offset,
    limit: query.limit?.value,
    projection: planProjection(query),
    nearest: query.findNearest ? planNearest(query.findNearest) : undefined,
  };
}

function planScope({ from }: StructuredQuery, parent: readonly string[]): Scope {
  if (from.length > 1) invalid('StructuredQuery.from cannot have more than one collection selector.');
  const { collectionId = '', allDescendants = false } = from[0] ?? {};
  checkCollectionId(collectionId);
  return { parent, collectionId: collectionId || undefined, allDescendants };
}

const fieldTestsOf = (filter: Filter | undefined): readonly FieldTest[] =>
  filter ? [...fieldTests(filter)] : [];

/** Across all collections only the name is indexed. */
function checkAllCollections(
  filter: Filter | undefined,
  order: readonly SortOrder[],
  nameDescending: boolean,
): void {
  for (const { op, path } of fieldTestsOf(filter))
    if (!isNamePath(path))
      invalid(`kind is required for filter: ${pathKey(path)}${op.startsWith('ARRAY') ? '[*]' : ''}`);
  if (order.length > 0 || nameDescending) invalid('kind is required for all orders except __key__ ascending');
}

const usesName = ({ orderBy }: StructuredQuery, filter: Filter | undefined): boolean =>
  orderBy.some(({ field }) => field?.fieldPath === NAME_FIELD) ||
  fieldTestsOf(filter).some(({ path }) => isNamePath(path));

/**
 * First the explicit orders, then the fields of inequalities, then the name. The implicit orders have the direction of
 * the last explicit one.
 */
function planOrder(
  { orderBy }: StructuredQuery,
  inequalities: readonly FieldPath[],
): Pick<QueryPlan, 'order' | 'nameDescending'> {
  const order: SortOrder[] = orderBy.map(({ field, direction }) => ({
    path: parseFieldPath(field?.fieldPath ?? ''),
    descending: direction === 'DESCENDING',
  }));
  const seen = new Set<string>();
  for (const { path } of order) {
    if (seen.has(pathKey(path)) && !isNamePath(path))
      invalid(`order by clause cannot contain duplicate fields ${pathKey(path)}`);
    seen.add(pathKey(path));
  }
  const descending = order.at(-1)?.descending ?? false;
  for (const path of inequalities)
    if (!seen.has(pathKey(path)) && !isNamePath(path)) order.push({ path, descending });
  const name = order.findIndex(({ path }) => isNamePath(path));
  if (name < 0) return { order, nameDescending: descending };
  if (name < order.length - 1) invalid('order by clause cannot contain more fields after the key');
  return { order: order.slice(0, -1), nameDescending: order.at(-1)?.descending ?? false };
}

function planBound({ values, before }: CursorMessage, { orderBy }: StructuredQuery, database: string): Bound {
  if (values.length > orderBy.length) invalid('Cursor has too many values.');
  let path: readonly string[] | undefined;
  const fieldValues: Value[] = [];
  for (const [i, value] of values.entries()) {
    if (orderBy[i]?.field?.fieldPath === NAME_FIELD) path = cursorPath(value, database);
    else fieldValues.push(storableValue(value, orderBy[i]?.field?.fieldPath ?? ''));
  }
  return { values: fieldValues, path, before };
}

function cursorPath(value: Value, database: string): readonly string[] {
  if (value.valueType !== 'referenceValue')
    return invalid('Cursor __key__ value is not a document reference.');
  const named = parseDocumentName(value.referenceValue, 'Resource name');
  if (named.database !== database) invalid('The cursor key is in a different database than the query');
  return named.path;
}

/** As in the official emulator, an empty projection returns only names. */
function planProjection({ select }: StructuredQuery): readonly FieldPath[] | undefined {
  if (!select) return undefined;
  return select.fields.map(({ fieldPath }) => parseFieldPath(fieldPath)).filter((path) => !isNamePath(path));
}
