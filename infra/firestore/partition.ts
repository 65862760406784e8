/** Split points that divide a collection group into partitions of about equal size. */

import type { CursorMessage, QueryCarrier } from './messages.ts';
import { invalid } from './refusals.ts';

/** Throws INVALID_ARGUMENT unless the query selects a whole collection group, ordered by name. */
export function checkPartitionable(carrier: QueryCarrier, partitionCount: number): void {
  if (partitionCount < 1) invalid('partition_count must be greater than zero.');
  if (carrier.queryType !== 'structuredQuery') invalid('only structured queries are supported');
  const { from, orderBy, where, limit, offset, startAt, endAt } = carrier.structuredQuery;
  if (!from[0]?.allDescendants) invalid('Only collection group queries are supported.');
  const [order, ...more] = orderBy;
  if (order?.field?.fieldPath !== '__name__' || order.direction === 'DESCENDING' || more.length > 0)
    invalid('The query must be ordered by __name__ ascending.');
  if (where || limit || offset > 0 || startAt || endAt)
    invalid('Queries with filters, limits, offsets or cursors are not supported.');
}

/** At most `count` of the sorted names, evenly spread. The first name is never a split point. */
export function splitPoints(names: readonly string[], count: number): readonly CursorMessage[] {
  const points = Math.min(count, names.length - 1);
  return Array.from({ length: Math.max(points, 0) }, (_, i) => {
    const name = names[Math.floor(((i + 1) * names.length) / (points + 1))] ?? '';
    return { values: [{ valueType: 'referenceValue', referenceValue: name }], before: true };
  });
}
