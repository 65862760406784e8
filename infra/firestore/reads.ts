/** The read methods: single documents, queries, aggregations, lists. */

import { status } from '@grpc/grpc-js';
import { refuse } from '../shared/grpc.ts';
import { aggregate, planAggregation } from './aggregation.ts';
import type { Database, StoredDocument } from './documents.ts';
import { type FieldPath, isNamePath, parseFieldPath, project } from './field-path.ts';
import { byName, collectionIds, missingDocuments, pageOf, parseOrderBy } from './listing.ts';
import type {
  BatchGetDocumentsRequest,
  DocumentMask,
  DocumentMessage,
  GetDocumentRequest,
  ListCollectionIdsRequest,
  ListDocumentsRequest,
  PartitionQueryRequest,
  RunAggregationQueryRequest,
  RunQueryRequest,
} from './messages.ts';
import { checkPartitionable, splitPoints } from './partition.ts';
import { planQuery, type QueryPlan } from './query-plan.ts';
import { runQuery } from './query-run.ts';
import { invalid } from './refusals.ts';
import {
  checkSameDatabase,
  parseDatabaseName,
  parseDocumentName,
  parseParentName,
} from './resource-names.ts';
import type { ReadView, Store } from './store.ts';
import { toTimestamp } from './timestamps.ts';

type Projection = readonly FieldPath[] | undefined;

/** Throws INVALID_ARGUMENT for a malformed path. */
export const parseMask = (mask: DocumentMask | null): Projection =>
  mask?.fieldPaths.map(parseFieldPath).filter((path) => !isNamePath(path));

export const toMessage = (document: StoredDocument, projection: Projection): DocumentMessage => ({
  name: document.name,
  fields: projection ? project(document.fields, projection) : document.fields,
  createTime: toTimestamp(document.createTime),
  updateTime: toTimestamp(document.updateTime),
});

const isMissing = (name: string): never => refuse(status.NOT_FOUND, `Document "${name}" not found.`);

export function getDocument(store: Store, request: GetDocumentRequest): DocumentMessage {
  const database = store.database(parseDocumentName(request.name).database);
  const mask = parseMask(request.mask);
  const view = store.view(database, request);
  view.transaction?.recordRead(request.name);
  return toMessage(database.get(request.name, view.at) ?? isMissing(request.name), mask);
}

/** One response per distinct name, in the requested order. */
export function batchGetDocuments(store: Store, request: BatchGetDocumentsRequest): Iterable<unknown> {
  const database = store.database(parseDatabaseName(request.database));
  for (const name of request.documents) checkSameDatabase(database.name, parseDocumentName(name));
  const mask = parseMask(request.mask);
  const view = store.view(database, request);
  const readTime = toTimestamp(view.readTime);
  const answers: unknown[] = newTransactionHeader(view);
  for (const name of new Set(request.documents)) {
    view.transaction?.recordRead(name);
    const document = database.get(name, view.at);
    answers.push(document ? { found: toMessage(document, mask), readTime } : { missing: name, readTime });
  }
  return answers;
}

/** The first response of a read that began a transaction holds the transaction id. */
const newTransactionHeader = ({ isNewTransaction, transaction }: ReadView): unknown[] =>
  isNewTransaction && transaction ? [{ transaction: transaction.id }] : [];

/** Runs the query in the view and records its result in the transaction, if there is one. */
function observe(database: Database, plan: QueryPlan, view: ReadView): ReturnType<typeof runQuery> {
  const result = runQuery(database, plan, view.at);
  view.transaction?.recordResult({
    scope: plan.scope,
    documents: result.documents,
    rerun: () => runQuery(database, plan).documents,
  });
  return result;
}

export function* runQueryMethod(store: Store, request: RunQueryRequest): Iterable<unknown> {
  const plan = planQuery(request.parent, request);
  const database = store.database(plan.database);
  const view = store.view(database, request);
  const { documents, skipped } = observe(database, plan, view);
  const readTime = toTimestamp(view.readTime);
  yield* newTransactionHeader(view);
  if (documents.length === 0) yield { readTime, skippedResults: skipped, done: true };
  for (const [i, document] of documents.entries())
    yield {
      document: toMessage(document, plan.projection),
      readTime,
      ...(i === 0 ? { skippedResults: skipped } : {}),
      ...(i === documents.length - 1 ? { done: true } : {}),
    };
}

export function* runAggregationQuery(store: Store, request: RunAggregationQueryRequest): Iterable<unknown> {
  const plan = planAggregation(request);
  const database = store.database(plan.query.database);
  const view = store.view(database, request);
  const { documents } = observe(database, plan.query, view);
  yield* newTransactionHeader(view);
  yield {
    result: { aggregateFields: aggregate(plan, documents) },
    readTime: toTimestamp(view.readTime),
  };
}

export function partitionQuery(store: Store, request: PartitionQueryRequest): unknown {
  const count = Number(request.partitionCount);
  const plan = planQuery(request.parent, request);
  checkPartitionable(request, count);
  const database = store.database(plan.database);
  const { at } = store.view(database, request);
  const names = runQuery(database, plan, at).documents.map(({ name }) => name);
  const { items, nextPageToken } = pageOf(splitPoints(names, count), {
    pageSize: request.pageSize,
    pageToken: request.pageToken,
    keyOf: ({ values: [value] }) => (value?.valueType === 'referenceValue' ? value.referenceValue : ''),
  });
  return { partitions: items, nextPageToken };
}

export function listDocuments(store: Store, request: ListDocumentsRequest): unknown {
  const { parent, collectionId, showMissing, pageSize, pageToken } = request;
  const orderBy = parseOrderBy(request.orderBy);
  if (showMissing && orderBy.length > 0) invalid('cannot specify an order when show_missing is true');
  const plan = planQuery(parent, {
    queryType: 'structuredQuery',
    structuredQuery: {
      select: null,
      from: [{ collectionId, allDescendants: false }],
      where: null,
      orderBy,
      startAt: null,
      endAt: null,
      offset: 0,
      limit: null,
      findNearest: null,
    },
  });
  const database = store.database(plan.database);
  const mask = parseMask(request.mask);
  const view = store.view(database, request);
  const existing = observe(database, plan, view).documents.map((document) => ({
    name: document.name,
    path: document.path,
    document,
  }));
  const listed = showMissing
    ? [...existing, ...missingDocuments(database, plan.scope.parent, collectionId, view.at)].sort(byName)
    : existing;
  const { items, nextPageToken } = pageOf(listed, { pageSize, pageToken, keyOf: ({ name }) => name });
  return {
    documents: items.map(({ name, document }) => (document ? toMessage(document, mask) : { name })),
    nextPageToken,
  };
}

export function listCollectionIds(store: Store, request: ListCollectionIdsRequest): unknown {
  const { database: name, path } = parseParentName(request.parent);
  const database = store.database(name);
  const { at } = store.view(database, request);
  const { items, nextPageToken } = pageOf(collectionIds(database, path, at), {
    pageSize: request.pageSize,
    pageToken: request.pageToken,
    keyOf: (id) => id,
  });
  return { collectionIds: items, nextPageToken };
}
