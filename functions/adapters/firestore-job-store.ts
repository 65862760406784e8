/**
 * Jobs in Firestore: collection `jobs`, one document per job.
 *
 * The map `record` holds the job. All other fields exist for queries only; they are derived from the record on every
 * save and never read back. The stored field `line` is the name of the submit queue in which the job waits.
 */
import {
  AggregateField,
  type DocumentSnapshot,
  FieldPath,
  type Firestore,
  type Query,
  Timestamp,
  type Transaction,
} from '@google-cloud/firestore';
import { announcementDueAt } from '../core/job/announcement.ts';
import { atStakeUsd, roundUsd } from '../core/job/at-stake.ts';
import { isTerminal, type Job, jobSchema, wakeOf } from '../core/job/job.ts';
import { submitQueueName, submitQueueOf, waitsInQueue } from '../core/job/queues.ts';
import type { BatchGuard, JobStore, ListJobs, Updated } from '../ports.ts';
import { codeOf } from './error-code.ts';
import { batchOf } from './firestore-batch-store.ts';
import { waitForDocument } from './firestore-wait.ts';

const ALREADY_EXISTS = 6;

export interface FirestoreJobStoreOptions {
  /** How long after its end a job is kept. Absent: for ever. */
  readonly keepFinishedMs?: number | undefined;
}

export function createFirestoreJobStore(
  db: Firestore,
  { keepFinishedMs }: FirestoreJobStoreOptions = {},
): JobStore {
  const jobs = db.collection('jobs');
  const documentOf = (job: Job) => ({ ...queryFieldsOf(job), ...expiryOf(job, keepFinishedMs), record: job });
  const get = async (jobId: string): Promise<Job | undefined> => storedJob(await jobs.doc(jobId).get());
  const isAllowed = async (transaction: Transaction, guard: BatchGuard | undefined): Promise<boolean> => {
    if (!guard) return true;
    const snapshot = await transaction.get(db.collection('batches').doc(guard.batchId));
    return guard.allows(snapshot.exists ? batchOf(snapshot.get('record')) : undefined);
  };
  return {
    async create(job, guard) {
      const ref = jobs.doc(job.jobId);
      try {
        if (guard)
          return await db.runTransaction(async (transaction) => {
            if (!(await isAllowed(transaction, guard))) return 'refused';
            transaction.create(ref, documentOf(job));
            return 'created';
          });
        await ref.create(documentOf(job));
        return 'created';
      } catch (error) {
        if (codeOf(error) === ALREADY_EXISTS) return 'exists';
        throw error;
      }
    },

    get,

    update: (jobId, decide, guard) =>
      db.runTransaction(async (transaction): Promise<Updated> => {
        const ref = jobs.doc(jobId);
        const [snapshot, allowed] = await Promise.all([transaction.get(ref), isAllowed(transaction, guard)]);
        if (!snapshot.exists) return { kind: 'missing' };
        const before = jobOf(snapshot.get('record'));
        if (!allowed) return { kind: 'unchanged', job: before, isRefused: true };
        const step = decide(before);
        if (!step) return { kind: 'unchanged', job: before };
        if (step.made) transaction.create(jobs.doc(step.made.jobId), documentOf(step.made));
        transaction.set(ref, documentOf(step.job));
        return { kind: 'saved', before, step };
      }),

    async list({ caller, status, model, pageSize, after }: ListJobs) {
      let query: Query = jobs;
      if (caller !== undefined) query = query.where('caller', '==', caller);
      if (status !== undefined) query = query.where('status', '==', status);
      if (model !== undefined) query = query.where('model', '==', model);
      query = query.orderBy('createdAt', 'desc').orderBy(FieldPath.documentId(), 'desc');
      if (after) query = query.startAfter(Timestamp.fromMillis(after.createdAt), after.jobId);
      const { docs } = await query.limit(pageSize).get();
      return docs.map((doc) => jobOf(doc.get('record')));
    },

    async nextInQueue(queue, lastCaller, limit) {
      const waiting = jobs
        .where('line', '==', submitQueueName(queue))
        .orderBy('caller')
        .orderBy('createdAt')
        .limit(limit);
      const after = lastCaller === undefined ? [] : [waiting.where('caller', '>', lastCaller)];
      for (const query of [...after, waiting]) {
        const { docs } = await query.get();
        const found = docs.map((doc) => jobOf(doc.get('record'))).filter((job) => job.status === 'queued');
        if (found.length > 0) return found;
      }
      return [];
    },

    async atStake({ pageSize, after }) {
      let query: Query = jobs
        .where('atStakeUsd', '>', 0)
        .orderBy('atStakeUsd', 'desc')
        .orderBy(FieldPath.documentId(), 'desc');
      if (after) query = query.startAfter(after.atStakeUsd, after.jobId);
      const { docs } = await query.limit(pageSize).get();
      return docs.map((doc) => jobOf(doc.get('record')));
    },

    async totalAtStakeUsd() {
      const query = jobs.where('atStakeUsd', '>', 0).aggregate({ total: AggregateField.sum('atStakeUsd') });
      return roundUsd((await query.get()).data().total);
    },

    async overdue(before, limit) {
      const query = jobs.where('wakeAt', '<=', Timestamp.fromMillis(before)).orderBy('wakeAt').limit(limit);
      const { docs } = await query.get();
      return docs.map((doc) => jobOf(doc.get('record')));
    },

    async oldestOpen() {
      const { docs } = await jobs.orderBy('openSince').limit(1).get();
      const [oldest] = docs.map((doc) => jobOf(doc.get('record')));
      return oldest;
    },

    async unannounced(before, limit) {
      const due = Timestamp.fromMillis(before);
      const query = jobs.where('announceAt', '<=', due).orderBy('announceAt').limit(limit);
      const { docs } = await query.get();
      return docs.map((doc) => jobOf(doc.get('record')));
    },

    async countOfBatch(batchId, statuses) {
      const query = jobs.where('batchId', '==', batchId).where('status', 'in', [...statuses]);
      return (await query.count().get()).data().count;
    },

    async heldByBatch(batchId, limit) {
      const { docs } = await jobs.where('heldBy', '==', batchId).limit(limit).get();
      return docs.map((doc) => jobOf(doc.get('record')));
    },

    async listOfBatch({ batchId, statuses, afterRow, limit }) {
      let query = jobs.where('batchId', '==', batchId);
      if (statuses) query = query.where('status', 'in', [...statuses]);
      query = query.where('row', '>', afterRow).orderBy('row').orderBy('createdAt', 'desc');
      const { docs } = await query.limit(limit).get();
      return docs.map((doc) => jobOf(doc.get('record')));
    },

    waitFor: (jobId, until, timeoutMs) => waitForDocument(jobs.doc(jobId), storedJob, until, timeoutMs),
  };
}

/** Returns nothing if the document does not exist. */
const storedJob = (snapshot: DocumentSnapshot): Job | undefined =>
  snapshot.exists ? jobOf(snapshot.get('record')) : undefined;

function queryFieldsOf(job: Job): Record<string, unknown> {
  const wake = wakeOf(job);
  const stake = atStakeUsd(job);
  const announceAt = announcementDueAt(job);
  // A job that a retry has replaced is not counted for its row.
  const { batchId, row } = job.batch?.supersededBy === undefined ? (job.batch ?? {}) : {};
  return {
    caller: job.caller,
    status: job.status,
    model: job.request.model,
    createdAt: Timestamp.fromMillis(job.createdAt),
    ...(isTerminal(job) ? {} : { openSince: Timestamp.fromMillis(job.createdAt) }),
    // Absent once nothing is left to do, so that finished jobs are not in the sweep's index.
    ...(wake ? { wakeAt: Timestamp.fromMillis(Math.ceil(wake.at)) } : {}),
    ...(waitsInQueue(job) ? { line: submitQueueName(submitQueueOf(job)) } : {}),
    ...(announceAt === undefined ? {} : { announceAt: Timestamp.fromMillis(Math.ceil(announceAt)) }),
    ...(batchId === undefined ? {} : { batchId, row }),
    ...(isHeld(job) ? { heldBy: job.batch?.batchId } : {}),
    ...(stake > 0 ? { atStakeUsd: stake } : {}),
  };
}

/**
 * When Firestore may delete the document (TTL policy on `expireAt`, within a day). No time is set while the job has a
 * wake, its finished event is unpublished, its batch needs it, or an attempt's charge is unknown and unresolved: the
 * job is the only record of that.
 */
function expiryOf(job: Job, keepFinishedMs: number | undefined): { expireAt?: Timestamp } {
  if (keepFinishedMs === undefined || !isTerminal(job) || wakeOf(job) || atStakeUsd(job) > 0) return {};
  if (announcementDueAt(job) !== undefined || isHeld(job)) return {};
  const at = Math.max(job.finishedAt + keepFinishedMs, job.batch?.letGoAt ?? 0);
  return { expireAt: Timestamp.fromMillis(at) };
}

/** While its batch runs, a job must exist: a row that is read again has to find it, and the report lists all jobs. */
const isHeld = ({ batch }: Job): boolean => batch !== undefined && batch.letGoAt === undefined;

const jobOf = (record: unknown): Job => jobSchema.parse(record);
