/** Runs query plans over the documents of a database, now or at an earlier time. */
import { status } from '@grpc/grpc-js';
import { refuse } from '../shared/grpc.ts';
import type { Database, StoredDocument } from './documents.ts';
import { getField } from './field-path.ts';
import type { Value } from './messages.ts';
import { nearest } from './nearest.ts';
import type { Bound, QueryPlan } from './query-plan.ts';
import type { Micros } from './timestamps.ts';
import { comparePaths, compareValues } from './values.ts';

export interface QueryResult {
  readonly documents: readonly StoredDocument[];
  /** Results skipped by the offset. */
  readonly skipped: number;
}

interface Row {
  readonly document: StoredDocument;
  /** The values of the sort fields. */
  readonly values: readonly Value[];
}

/** Throws FAILED_PRECONDITION when no index can serve the query. */
export function runQuery(database: Database, plan: QueryPlan, at?: Micros): QueryResult {
  if (plan.isDescendingNameScan)
    refuse(status.FAILED_PRECONDITION, 'Firestore does not support descending key scans');
  const rows: Row[] = [];
  for (const document of database.scan(plan.scope, at)) {
    const row = candidate(plan, document);
    if (row) rows.push(row);
  }
  rows.sort((a, b) => comparePositions(plan, a, b.values, b.document.path));
  const found = rows.slice(plan.offset).map(({ document }) => document);
  const skipped = rows.length - found.length;
  const documents = plan.limit === undefined ? found : found.slice(0, plan.limit);
  return { documents: plan.nearest ? nearest(plan.nearest, documents) : documents, skipped };
}

/** Whether the document matches the query, ignoring limit and offset. */
export const isCandidate = (plan: QueryPlan, document: StoredDocument): boolean =>
  candidate(plan, document) !== undefined;

function candidate(plan: QueryPlan, document: StoredDocument): Row | undefined {
  if (!plan.matches(document)) return undefined;
  const values: Value[] = [];
  for (const { path } of plan.order) {
    const value = getField(document.fields, path);
    if (value === undefined) return undefined;
    values.push(value);
  }
  const row = { document, values };
  if (plan.startAt && isBefore(plan, row, plan.startAt)) return undefined;
  if (plan.endAt && !isBefore(plan, row, plan.endAt)) return undefined;
  return row;
}

/** Whether the row comes before the bound. An equal row does if the bound is just after its position. */
function isBefore(plan: QueryPlan, row: Row, { values, path, before }: Bound): boolean {
  const order = comparePositions(plan, row, values, path);
  return before ? order < 0 : order <= 0;
}

/** Compares only as many sort values as `values` has, then the path if there is one. */
function comparePositions(
  plan: QueryPlan,
  row: Row,
  values: readonly Value[],
  path: readonly string[] | undefined,
): number {
  for (const [i, other] of values.entries()) {
    const value = row.values[i];
    if (value === undefined) return 0;
    const order = compareValues(value, other);
    if (order !== 0) return plan.order[i]?.descending ? -order : order;
  }
  if (path === undefined) return 0;
  const order = comparePaths(row.document.path, path);
  return plan.nameDescending ? -order : order;
}
