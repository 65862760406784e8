/** The job store: frozen records, a monitor at each write, and transactions with all failures of Firestore's. */

import type { Batch } from '../../functions/core/batch/batch.ts';
import { announcementDueAt } from '../../functions/core/job/announcement.ts';
import { atStakeUsd } from '../../functions/core/job/at-stake.ts';
import {
  isTerminal,
  type Job,
  type JobIn,
  type JobStatus,
  jobSchema,
  liveAttemptOf,
  wakeOf,
} from '../../functions/core/job/job.ts';
import {
  type SubmitQueue,
  submitQueueName,
  submitQueueOf,
  waitsInQueue,
} from '../../functions/core/job/queues.ts';
import type { BatchGuard, JobStore, ListJobs, ListOfBatch, Updated } from '../../functions/ports.ts';
import type { Engine, Invocation } from './engine.ts';
import { SimulatedFault } from './faults.ts';

export type WriteMonitor = (before: Job | undefined, after: Job) => void;

type Decide = Parameters<JobStore['update']>[1];

export class Database {
  readonly jobs = new Map<string, Job>();
  /** Reads the batches that guards name. Never fails: the transaction of the job does. */
  batchOf: (batchId: string) => Batch | undefined = () => undefined;
  readonly #engine: Engine;
  readonly #monitor: WriteMonitor;
  readonly #strict: boolean;

  /** @param strict converts each record to JSON and parses it with the schema, as the Firestore adapter does; slow */
  constructor(engine: Engine, monitor: WriteMonitor, strict: boolean) {
    this.#engine = engine;
    this.#monitor = monitor;
    this.#strict = strict;
  }

  portOf(invocation: Invocation): JobStore {
    return new JobsPort(this, this.#engine, invocation);
  }

  overdue(before: number): readonly Job[] {
    return [...this.jobs.values()].filter((job) => atOf(job) <= before).sort((a, b) => atOf(a) - atOf(b));
  }

  /** One try of an optimistic transaction. `again`: the client has to run `decide` on the new state. */
  tryUpdate(jobId: string, decide: Decide, guard?: BatchGuard): Updated | 'again' {
    const { faults } = this.#engine;
    // Contention: the first decision is discarded, and the client runs the transaction again.
    if (faults.happens('store', 0.5)) {
      const job = this.jobs.get(jobId);
      if (job) decide(job);
      return 'again';
    }
    // The commit succeeds and its answer is lost: the client runs the transaction again on its own result.
    if (faults.happens('store', 0.3)) {
      this.#update(jobId, decide, guard);
      return 'again';
    }
    return this.#guarded(() => this.#update(jobId, decide, guard));
  }

  #allows(guard: BatchGuard | undefined): boolean {
    return !guard || guard.allows(this.batchOf(guard.batchId));
  }

  get(jobId: string): Job | undefined {
    this.mayFail();
    return this.jobs.get(jobId);
  }

  create(job: Job, guard?: BatchGuard): 'created' | 'exists' | 'refused' {
    return this.#guarded(() => {
      if (!this.#allows(guard)) return 'refused';
      if (this.jobs.has(job.jobId)) return 'exists';
      this.#put(undefined, job);
      return 'created';
    });
  }

  #update(jobId: string, decide: Decide, guard?: BatchGuard): Updated {
    const before = this.jobs.get(jobId);
    if (!before) return { kind: 'missing' };
    if (!this.#allows(guard)) return { kind: 'unchanged', job: before, isRefused: true };
    const step = decide(before);
    if (!step) return { kind: 'unchanged', job: before };
    if (step.made) {
      if (this.jobs.has(step.made.jobId)) throw new SimulatedFault(`ALREADY_EXISTS ${step.made.jobId}`);
      this.#put(undefined, step.made);
    }
    this.#put(before, step.job);
    return { kind: 'saved', before, step };
  }

  #put(before: Job | undefined, job: Job): void {
    const stored = this.#strict ? jobSchema.parse(JSON.parse(JSON.stringify(job))) : job;
    deepFreeze(stored);
    this.jobs.set(job.jobId, stored);
    if (this.#engine.traced) {
      const attempt = liveAttemptOf(stored);
      const wake = wakeOf(stored);
      this.#engine.comment(
        `${job.jobId.slice(0, 9)} r${job.revision} ${job.status} ${attempt ? `${attempt.attemptId.slice(0, 9)} ${attempt.state}` : ''} ` +
          `wake ${wake ? `${wake.seq}/${wake.ring} in ${Math.round(wake.at - this.#engine.now)} ms` : 'none'}`,
      );
    }
    this.#monitor(before, stored);
  }

  nextInQueue(queue: SubmitQueue, lastCaller: string | undefined, limit: number): readonly JobIn<'queued'>[] {
    this.mayFail();
    const name = submitQueueName(queue);
    const waiting = [...this.jobs.values()].filter(
      (job) => job.status === 'queued' && waitsInQueue(job) && submitQueueName(submitQueueOf(job)) === name,
    );
    const queued = waiting.filter((job) => job.status === 'queued');
    const after = queued.filter(({ caller }) => lastCaller !== undefined && caller > lastCaller);
    return (after.length > 0 ? after : queued)
      .sort((a, b) => orderOf(a.caller, b.caller) || a.createdAt - b.createdAt || orderOf(a.jobId, b.jobId))
      .slice(0, limit);
  }

  list({ caller, pageSize }: ListJobs): readonly Job[] {
    return [...this.jobs.values()].filter((job) => job.caller === caller).slice(0, pageSize);
  }

  /** Sorted by row, the newest job of a row first. Without jobs that a retry has superseded. */
  ofBatch({ batchId, statuses, afterRow, limit }: ListOfBatch): readonly Job[] {
    this.mayFail();
    const found: { readonly job: Job; readonly row: number }[] = [];
    for (const job of this.jobs.values()) {
      const { batch } = job;
      if (batch?.batchId !== batchId || batch.supersededBy !== undefined || batch.row <= afterRow) continue;
      if (statuses?.includes(job.status) ?? true) found.push({ job, row: batch.row });
    }
    found.sort((a, b) => a.row - b.row || b.job.createdAt - a.job.createdAt);
    return found.slice(0, limit).map(({ job }) => job);
  }

  heldBy(batchId: string): readonly Job[] {
    this.mayFail();
    return this.held(batchId);
  }

  /** The jobs that the batch holds. Never fails. */
  held(batchId: string): readonly Job[] {
    return [...this.jobs.values()].filter((job) => job.batch?.batchId === batchId && isHeld(job));
  }

  unannounced(before: number): readonly Job[] {
    this.mayFail();
    const at = (job: Job): number => announcementDueAt(job) ?? Number.POSITIVE_INFINITY;
    return [...this.jobs.values()].filter((job) => at(job) <= before).sort((a, b) => at(a) - at(b));
  }

  /** The jobs that Firestore's TTL policy deletes by now, as the documents' `expireAt` says. */
  expired(keepFinishedMs: number): readonly Job[] {
    return [...this.jobs.values()].filter((job) => {
      if (!isTerminal(job) || wakeOf(job) || atStakeUsd(job) > 0 || isHeld(job)) return false;
      if (announcementDueAt(job) !== undefined) return false;
      return Math.max(job.finishedAt + keepFinishedMs, job.batch?.letGoAt ?? 0) <= this.#engine.now;
    });
  }

  /** Fails before the write, or after it: then the write is stored and the caller does not know. */
  #guarded<T>(write: () => T): T {
    this.mayFail();
    const done = write();
    if (this.#engine.faults.happens('store', 0.5))
      throw new SimulatedFault('DEADLINE_EXCEEDED: the answer was lost');
    return done;
  }

  mayFail(): void {
    if (!this.#engine.faults.happens('store')) return;
    throw new SimulatedFault(this.#engine.timing.pick(['ABORTED', 'UNAVAILABLE', 'DEADLINE_EXCEEDED']));
  }
}

class JobsPort implements JobStore {
  readonly #database: Database;
  readonly #engine: Engine;
  readonly #invocation: Invocation;

  constructor(database: Database, engine: Engine, invocation: Invocation) {
    this.#database = database;
    this.#engine = engine;
    this.#invocation = invocation;
  }

  create(job: Job, guard?: BatchGuard): ReturnType<JobStore['create']> {
    return this.#engine.call(this.#invocation, 'create', () => this.#database.create(job, guard));
  }

  get(jobId: string): ReturnType<JobStore['get']> {
    return this.#engine.call(this.#invocation, 'get', () => this.#database.get(jobId));
  }

  async update(jobId: string, decide: Decide, guard?: BatchGuard): Promise<Updated> {
    for (;;) {
      const updated = await this.#engine.call(this.#invocation, 'update', () =>
        this.#database.tryUpdate(jobId, decide, guard),
      );
      if (updated !== 'again') return updated;
    }
  }

  list(query: ListJobs): ReturnType<JobStore['list']> {
    return this.#engine.call(this.#invocation, 'list', () => this.#database.list(query));
  }

  overdue(before: number, limit: number): ReturnType<JobStore['overdue']> {
    return this.#engine.call(this.#invocation, 'overdue', () => {
      this.#database.mayFail();
      return this.#database.overdue(before).slice(0, limit);
    });
  }

  unannounced(before: number, limit: number): ReturnType<JobStore['unannounced']> {
    return this.#engine.call(this.#invocation, 'unannounced', () =>
      this.#database.unannounced(before).slice(0, limit),
    );
  }

  /** The code under test only logs it. */
  async oldestOpen(): ReturnType<JobStore['oldestOpen']> {
    return undefined;
  }

  countOfBatch(batchId: string, statuses: readonly JobStatus[]): Promise<number> {
    return this.#engine.call(
      this.#invocation,
      'countOfBatch',
      () => this.#database.ofBatch({ batchId, statuses, afterRow: 0, limit: Number.MAX_SAFE_INTEGER }).length,
    );
  }

  heldByBatch(batchId: string, limit: number): Promise<readonly Job[]> {
    return this.#engine.call(this.#invocation, 'heldByBatch', () =>
      this.#database.heldBy(batchId).slice(0, limit),
    );
  }

  listOfBatch(query: ListOfBatch): Promise<readonly Job[]> {
    return this.#engine.call(this.#invocation, 'listOfBatch', () => this.#database.ofBatch(query));
  }

  nextInQueue(
    queue: SubmitQueue,
    lastCaller: string | undefined,
    limit: number,
  ): ReturnType<JobStore['nextInQueue']> {
    return this.#engine.call(this.#invocation, 'nextInQueue', () =>
      this.#database.nextInQueue(queue, lastCaller, limit),
    );
  }

  async atStake(): ReturnType<JobStore['atStake']> {
    return [];
  }

  async totalAtStakeUsd(): ReturnType<JobStore['totalAtStakeUsd']> {
    return 0;
  }

  waitFor(jobId: string): ReturnType<JobStore['waitFor']> {
    return this.get(jobId);
  }
}

const isHeld = ({ batch }: Job): boolean => batch !== undefined && batch.letGoAt === undefined;

const orderOf = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

const atOf = (job: Job): number => wakeOf(job)?.at ?? Number.POSITIVE_INFINITY;

/** A frozen object is already frozen recursively, so only new objects are visited. */
function deepFreeze(value: object): void {
  if (Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  }
}
