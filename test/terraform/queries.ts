/** Decides whether a Firestore query needs a composite index, and whether the given indexes serve it. */
import { z } from 'zod';

/** The parts of the client's requests on which indexes depend. */
const fieldFilterSchema = z.object({
  fieldFilter: z.object({ field: z.object({ fieldPath: z.string() }), op: z.string() }),
});
const filterSchema = z.union([
  fieldFilterSchema,
  z.object({ unaryFilter: z.object({ field: z.object({ fieldPath: z.string() }) }) }),
  z.object({ compositeFilter: z.object({ op: z.literal('AND'), filters: z.array(fieldFilterSchema) }) }),
]);
const structuredQuerySchema = z.object({
  from: z.array(z.object({ collectionId: z.string(), allDescendants: z.boolean().optional() })).length(1),
  where: filterSchema.optional(),
  orderBy: z
    .array(z.object({ field: z.object({ fieldPath: z.string() }), direction: z.string() }))
    .default([]),
});

export interface IndexField {
  readonly path: string;
  readonly descending: boolean;
}

export interface CompositeIndex {
  readonly collection: string;
  readonly fields: readonly IndexField[];
}

/** A query's shape: its equality fields, and the fields that the results are sorted by. */
export interface QueryShape {
  readonly collection: string;
  readonly equal: readonly string[];
  readonly sorted: readonly IndexField[];
}

const NAME = '__name__';
const EQUAL_OPS = new Set(['EQUAL', 'IN']);

export function shapeOf(query: unknown): QueryShape {
  const { from, where, orderBy } = structuredQuerySchema.parse(query);
  const filters = !where
    ? []
    : 'fieldFilter' in where
      ? [where]
      : 'compositeFilter' in where
        ? where.compositeFilter.filters
        : [{ fieldFilter: { field: where.unaryFilter.field, op: 'EQUAL' } }];
  const pathsWhere = (isEqual: boolean): string[] => [
    ...new Set(
      filters
        .filter(({ fieldFilter }) => EQUAL_OPS.has(fieldFilter.op) === isEqual)
        .map(({ fieldFilter }) => fieldFilter.field.fieldPath),
    ),
  ];
  const explicit = orderBy.map(({ field, direction }) => ({
    path: field.fieldPath,
    descending: direction === 'DESCENDING',
  }));
  // Firestore sorts by the fields of inequality filters, even if the query has no explicit order.
  const implicit = pathsWhere(false)
    .filter((path) => explicit.every((order) => order.path !== path))
    .map((path) => ({ path, descending: false }));
  const sorted = [...explicit, ...implicit];
  const last = sorted.filter(({ path }) => path !== NAME).at(-1);
  // Every index implicitly ends in the document name, in the direction of its last field.
  const withoutName = sorted.filter(
    ({ path, descending }) => path !== NAME || descending !== (last?.descending ?? false),
  );
  return { collection: from[0]?.collectionId ?? '', equal: pathsWhere(true), sorted: withoutName };
}

/** Firestore has an index on every single field, and merges such indexes for queries without a sort order. */
const needsNoComposite = ({ equal, sorted }: QueryShape): boolean =>
  sorted.length === 0 || (equal.length === 0 && sorted.length === 1);

const sameField = (a: IndexField | undefined, b: IndexField | undefined): boolean =>
  a?.path === b?.path && a?.descending === b?.descending;

/**
 * Whether these indexes serve the query: either one index with all of its equality fields followed by its sort order,
 * or several that end in its sort order and together have all of its equality fields.
 */
export function isServed(shape: QueryShape, indexes: readonly CompositeIndex[]): boolean {
  if (needsNoComposite(shape)) return true;
  const { equal, sorted } = shape;
  const covered = new Set<string>();
  for (const { collection, fields } of indexes) {
    const head = fields.slice(0, Math.max(0, fields.length - sorted.length));
    const tail = fields.slice(head.length);
    const fits =
      collection === shape.collection &&
      tail.length === sorted.length &&
      tail.every((field, n) => sameField(field, sorted[n])) &&
      head.every(({ path }) => equal.includes(path)) &&
      (head.length > 0 || equal.length === 0);
    if (!fits) continue;
    if (equal.length === 0) return true;
    for (const { path } of head) covered.add(path);
  }
  return equal.length > 0 && equal.every((path) => covered.has(path));
}

export const describeShape = ({ collection, equal, sorted }: QueryShape): string =>
  `${collection} where ${equal.join(' = and ')} = sorted by ${sorted.map(({ path, descending }) => `${path}${descending ? ' DESC' : ''}`).join(', ')}`;
