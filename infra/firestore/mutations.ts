/** The write methods: commits, transactions and single documents. */

import { randomInt } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { GrpcError } from '../shared/grpc.ts';
import type { Database } from './documents.ts';
import type {
  BatchWriteRequest,
  BeginTransactionRequest,
  CommitRequest,
  CreateDocumentRequest,
  DeleteDocumentRequest,
  DocumentMessage,
  RollbackRequest,
  TimestampMessage,
  UpdateDocumentRequest,
  WriteMessage,
  WriteResult,
} from './messages.ts';
import { parseMask, toMessage } from './reads.ts';
import { invalid } from './refusals.ts';
import {
  checkCollectionId,
  parseDatabaseName,
  parseDocumentName,
  parseParentName,
} from './resource-names.ts';
import type { Store } from './store.ts';
import { toTimestamp } from './timestamps.ts';
import { type ParsedWrite, parseWrite } from './writes.ts';

export function beginTransaction(store: Store, request: BeginTransactionRequest): unknown {
  const database = store.database(parseDatabaseName(request.database));
  return { transaction: store.transactions.begin(database, request.options).id };
}

export function rollback(store: Store, request: RollbackRequest): unknown {
  parseDatabaseName(request.database);
  store.transactions.end(request.transaction);
  return {};
}

/** Commits the writes. Used by Commit and the write stream. */
export function commit(
  store: Store,
  request: CommitRequest,
): { readonly writeResults: readonly WriteResult[]; readonly commitTime: TimestampMessage } {
  const { database, writes } = parseWrites(store, request);
  const transactionId = request.transaction.length > 0 ? request.transaction : undefined;
  const { results, commitTime } = store.commit(database, writes, transactionId);
  return { writeResults: results, commitTime: toTimestamp(commitTime) };
}

function parseWrites(
  store: Store,
  request: { readonly database: string; readonly writes: readonly WriteMessage[] },
): { readonly database: Database; readonly writes: readonly ParsedWrite[] } {
  const database = store.database(parseDatabaseName(request.database));
  return { database, writes: request.writes.map((write) => parseWrite(write, database.name)) };
}

/** Every write is a separate commit. One malformed write fails the whole request. */
export function batchWrite(store: Store, request: BatchWriteRequest): unknown {
  const { database, writes } = parseWrites(store, request);
  if (new Set(writes.map(({ name }) => name)).size < writes.length)
    invalid('the same document cannot be written more than once in a single request');
  const writeResults: unknown[] = [];
  const statuses: { readonly code: number; readonly message?: string }[] = [];
  for (const write of writes) {
    try {
      const { results } = store.commit(database, [write]);
      writeResults.push(results[0]);
      statuses.push({ code: status.OK });
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      writeResults.push({});
      statuses.push({ code: error.code, message: error.message });
    }
  }
  return { writeResults, status: statuses };
}

export function createDocument(store: Store, request: CreateDocumentRequest): DocumentMessage {
  const { database: databaseName } = parseParentName(request.parent);
  if (request.collectionId === '') invalid('collectionId is the empty string.');
  checkCollectionId(request.collectionId);
  if (request.documentId.includes('/'))
    invalid(`Resource id "${request.documentId}" is invalid because it contains "/".`);
  if (request.document?.name) invalid('document.name must not be set');
  const name = `${request.parent}/${request.collectionId}/${request.documentId || randomId()}`;
  const document = { name, fields: request.document?.fields ?? {}, createTime: null, updateTime: null };
  const currentDocument = { conditionType: 'exists', exists: false } as const;
  return writeOne(store, databaseName, name, request.mask, {
    operation: 'update',
    update: document,
    updateMask: null,
    updateTransforms: [],
    currentDocument,
  });
}

export function updateDocument(store: Store, request: UpdateDocumentRequest): DocumentMessage {
  const { document, currentDocument, updateMask } = request;
  const name = document?.name ?? '';
  const { database } = parseDocumentName(name);
  return writeOne(store, database, name, request.mask, {
    operation: 'update',
    update: document ?? { name, fields: {}, createTime: null, updateTime: null },
    updateMask,
    updateTransforms: [],
    currentDocument,
  });
}

export function deleteDocument(store: Store, request: DeleteDocumentRequest): unknown {
  const { database } = parseDocumentName(request.name);
  const { currentDocument } = request;
  commit(store, {
    database,
    transaction: Buffer.alloc(0),
    writes: [
      { operation: 'delete', delete: request.name, updateMask: null, updateTransforms: [], currentDocument },
    ],
  });
  return {};
}

function writeOne(
  store: Store,
  databaseName: string,
  name: string,
  mask: CreateDocumentRequest['mask'],
  write: WriteMessage,
): DocumentMessage {
  const projection = parseMask(mask);
  commit(store, { database: databaseName, transaction: Buffer.alloc(0), writes: [write] });
  const stored = store.database(databaseName).get(name);
  if (!stored) throw new Error(`${name} does not exist after it was written.`);
  return toMessage(stored, projection);
}

const ID_CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** An id in the format of the client libraries. */
const randomId = (): string =>
  Array.from({ length: 20 }, () => ID_CHARACTERS[randomInt(ID_CHARACTERS.length)]).join('');
