/**
 * Batches in Firestore: collection `batches`, one document per batch. The field `record` holds the whole batch as JSON
 * text; the other fields exist for queries only.
 */
import {
  type DocumentSnapshot,
  FieldPath,
  type Firestore,
  type Query,
  Timestamp,
} from '@google-cloud/firestore';
import {
  type Batch,
  batchAnnouncementDueAt,
  batchSchema,
  batchWakeOf,
  isBatchOver,
} from '../core/batch/batch.ts';
import type { BatchStore, BatchUpdated } from '../ports.ts';
import { codeOf } from './error-code.ts';
import { waitForDocument } from './firestore-wait.ts';

const ALREADY_EXISTS = 6;

export interface FirestoreBatchStoreOptions {
  /** How long after its end the records of a batch and of its jobs are kept. Absent: for ever. */
  readonly keepFinishedMs?: number | undefined;
}

export function createFirestoreBatchStore(
  db: Firestore,
  { keepFinishedMs }: FirestoreBatchStoreOptions = {},
): BatchStore {
  const batches = db.collection('batches');
  const documentOf = (batch: Batch) => ({
    ...queryFieldsOf(batch),
    ...expiryOf(batch, keepFinishedMs),
    // As text, because Firestore would index the fields of templates, whose names callers choose.
    record: JSON.stringify(batch),
  });
  return {
    async create(batch) {
      try {
        await batches.doc(batch.batchId).create(documentOf(batch));
        return 'created';
      } catch (error) {
        if (codeOf(error) === ALREADY_EXISTS) return 'exists';
        throw error;
      }
    },

    async get(batchId) {
      return storedBatch(await batches.doc(batchId).get());
    },

    waitFor: (batchId, until, timeoutMs) =>
      waitForDocument(batches.doc(batchId), storedBatch, until, timeoutMs),

    update: (batchId, decide) =>
      db.runTransaction(async (transaction): Promise<BatchUpdated> => {
        const ref = batches.doc(batchId);
        const snapshot = await transaction.get(ref);
        if (!snapshot.exists) return { kind: 'missing' };
        const batch = batchOf(snapshot.get('record'));
        const step = decide(batch);
        if (!step) return { kind: 'unchanged', batch };
        transaction.set(ref, documentOf(step.batch));
        return { kind: 'saved', step };
      }),

    async list({ caller, callers, pageSize, after }) {
      const pageOf = async (filtered: Query): Promise<Batch[]> => {
        let query = filtered.orderBy('createdAt', 'desc').orderBy(FieldPath.documentId(), 'desc');
        if (after) query = query.startAfter(Timestamp.fromMillis(after.createdAt), after.batchId);
        const { docs } = await query.limit(pageSize).get();
        return docs.map((doc) => batchOf(doc.get('record')));
      };
      if (!callers) return pageOf(caller === undefined ? batches : batches.where('caller', '==', caller));
      const pages = await Promise.all(
        inGroups(callers, IN_MAX).map((group) => pageOf(batches.where('caller', 'in', group))),
      );
      return pages.length === 1 ? pages.flat() : pages.flat().sort(newestFirst).slice(0, pageSize);
    },

    async overdue(before, limit) {
      const query = batches
        .where('wakeAt', '<=', Timestamp.fromMillis(before))
        .orderBy('wakeAt')
        .limit(limit);
      const { docs } = await query.get();
      return docs.map((doc) => batchOf(doc.get('record')));
    },

    async unannounced(before, limit) {
      const due = Timestamp.fromMillis(before);
      const query = batches.where('announceAt', '<=', due).orderBy('announceAt').limit(limit);
      const { docs } = await query.get();
      return docs.map((doc) => batchOf(doc.get('record')));
    },

    async dueForRelease(now, limit) {
      const due = Timestamp.fromMillis(now);
      const { docs } = await batches.where('letGoAt', '<=', due).orderBy('letGoAt').limit(limit).get();
      return docs.map((doc) => batchOf(doc.get('record')));
    },
  };
}

/** Firestore's limit for the values of one `in` filter. */
const IN_MAX = 30;

const inGroups = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size));

const newestFirst = (a: Batch, b: Batch): number =>
  b.createdAt - a.createdAt || (a.batchId < b.batchId ? 1 : -1);

function queryFieldsOf(batch: Batch): Record<string, unknown> {
  const wake = batchWakeOf(batch);
  const announceAt = batchAnnouncementDueAt(batch);
  return {
    caller: batch.caller,
    status: batch.status,
    createdAt: Timestamp.fromMillis(batch.createdAt),
    ...(wake ? { wakeAt: Timestamp.fromMillis(Math.ceil(wake.at)) } : {}),
    ...(announceAt === undefined ? {} : { announceAt: Timestamp.fromMillis(Math.ceil(announceAt)) }),
  };
}

/** `letGoAt` is when the sweep releases the jobs. After the release, the TTL policy on `expireAt` deletes the batch. */
function expiryOf(batch: Batch, keepFinishedMs: number | undefined) {
  if (keepFinishedMs === undefined || !isBatchOver(batch)) return {};
  const at = Timestamp.fromMillis(batch.finishedAt + keepFinishedMs);
  if (batch.lettingGo !== 'done') return { letGoAt: at };
  return batchAnnouncementDueAt(batch) === undefined ? { expireAt: at } : {};
}

/** Returns nothing if the document does not exist. */
const storedBatch = (snapshot: DocumentSnapshot): Batch | undefined =>
  snapshot.exists ? batchOf(snapshot.get('record')) : undefined;

export const batchOf = (record: unknown): Batch => batchSchema.parse(JSON.parse(String(record)));
