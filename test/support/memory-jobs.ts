/** The job store in memory. */

import type { Batch } from '../../functions/core/batch/batch.ts';
import { announcementDueAt } from '../../functions/core/job/announcement.ts';
import { atStakeUsd, roundUsd } from '../../functions/core/job/at-stake.ts';
import {
  isTerminal,
  type Job,
  type JobIn,
  type JobStatus,
  jobSchema,
  wakeOf,
} from '../../functions/core/job/job.ts';
import {
  type SubmitQueue,
  submitQueueName,
  submitQueueOf,
  waitsInQueue,
} from '../../functions/core/job/queues.ts';
import type { BatchGuard, JobStore, ListAtStake, ListJobs, ListOfBatch } from '../../functions/ports.ts';

/** Stores JSON and parses it at every read, as a database would. */
export class MemoryJobStore implements JobStore {
  /** Each job as the saved object, for queries, and as JSON, to be read back. */
  readonly #jobs = new Map<string, { readonly job: Job; readonly text: string }>();
  readonly #watchers = new Set<() => void>();
  writes = 0;
  /** The batches that guards read. */
  batches: { peek(batchId: string): Batch | undefined } | undefined;

  async create(job: Job, guard?: BatchGuard): Promise<'created' | 'exists' | 'refused'> {
    if (!this.#allows(guard)) return 'refused';
    if (this.#jobs.has(job.jobId)) return 'exists';
    this.#put(job);
    return 'created';
  }

  async get(jobId: string): Promise<Job | undefined> {
    return this.#read(jobId);
  }

  async update(
    jobId: string,
    decide: Parameters<JobStore['update']>[1],
    guard?: BatchGuard,
  ): ReturnType<JobStore['update']> {
    // Without an await from here to the write, this is a transaction.
    const before = this.#read(jobId);
    if (!before) return { kind: 'missing' };
    if (!this.#allows(guard)) return { kind: 'unchanged', job: before, isRefused: true };
    const step = decide(before);
    if (!step) return { kind: 'unchanged', job: before };
    if (step.made) {
      if (this.#jobs.has(step.made.jobId)) throw new Error(`ALREADY_EXISTS: ${step.made.jobId}`);
      this.#put(step.made);
    }
    this.#put(step.job);
    return { kind: 'saved', before, step };
  }

  async list({ caller, status, model, pageSize, after }: ListJobs): Promise<readonly Job[]> {
    const key = (job: { createdAt: number; jobId: string }): string =>
      `${String(job.createdAt).padStart(16, '0')}/${job.jobId}`;
    const found = this.#saved()
      .filter((job) => caller === undefined || job.caller === caller)
      .filter(
        (job) => (status ? job.status === status : true) && (model ? job.request.model === model : true),
      )
      .filter((job) => (after ? key(job) < key(after) : true))
      .sort((a, b) => (key(a) < key(b) ? 1 : -1));
    return this.#readAll(found.slice(0, pageSize));
  }

  async nextInQueue(
    line: SubmitQueue,
    lastCaller: string | undefined,
    limit: number,
  ): Promise<readonly JobIn<'queued'>[]> {
    const waiting = this.#saved()
      .filter((job) => waitsInQueue(job) && submitQueueName(submitQueueOf(job)) === submitQueueName(line))
      .sort((a, b) => compare(a.caller, b.caller) || a.createdAt - b.createdAt || compare(a.jobId, b.jobId));
    const after = waiting.filter(({ caller }) => lastCaller === undefined || caller > lastCaller);
    const next = after.length > 0 ? after : waiting;
    return this.#readAll(next.slice(0, limit)).filter((job) => job.status === 'queued');
  }

  async atStake({ pageSize, after }: ListAtStake): Promise<readonly Job[]> {
    const order = (a: StakeOf, b: StakeOf): number =>
      b.atStakeUsd - a.atStakeUsd || compare(b.jobId, a.jobId);
    const open = this.#saved()
      .map((job) => ({ job, jobId: job.jobId, atStakeUsd: atStakeUsd(job) }))
      .filter((each) => each.atStakeUsd > 0 && (!after || order(after, each) < 0));
    return this.#readAll(
      open
        .sort(order)
        .map(({ job }) => job)
        .slice(0, pageSize),
    );
  }

  async totalAtStakeUsd(): Promise<number> {
    return roundUsd(this.#saved().reduce((sum, job) => sum + atStakeUsd(job), 0));
  }

  async overdue(before: number, limit: number): Promise<readonly Job[]> {
    const due = this.#saved().filter((job) => (wakeOf(job)?.at ?? Number.POSITIVE_INFINITY) <= before);
    return this.#readAll(due.sort((a, b) => (wakeOf(a)?.at ?? 0) - (wakeOf(b)?.at ?? 0)).slice(0, limit));
  }

  async oldestOpen(): Promise<Job | undefined> {
    const open = this.#saved().filter((job) => !isTerminal(job));
    const [oldest] = open.sort((a, b) => a.createdAt - b.createdAt || compare(a.jobId, b.jobId));
    return oldest && this.#read(oldest.jobId);
  }

  async unannounced(before: number, limit: number): Promise<readonly Job[]> {
    const dueAt = (job: Job): number => announcementDueAt(job) ?? Number.POSITIVE_INFINITY;
    const due = this.#saved().filter((job) => dueAt(job) <= before);
    return this.#readAll(due.sort((a, b) => dueAt(a) - dueAt(b)).slice(0, limit));
  }

  async countOfBatch(batchId: string, statuses: readonly JobStatus[]): Promise<number> {
    return this.#saved().filter((job) => isOfBatch(job, batchId) && statuses.includes(job.status)).length;
  }

  async heldByBatch(batchId: string, limit: number): Promise<readonly Job[]> {
    const held = this.#saved().filter(
      ({ batch }) => batch?.batchId === batchId && batch.letGoAt === undefined,
    );
    return this.#readAll(held.slice(0, limit));
  }

  async listOfBatch({ batchId, statuses, afterRow, limit }: ListOfBatch): Promise<readonly Job[]> {
    const rowOf = ({ batch }: Job): number => batch?.row ?? 0;
    const found = this.#saved()
      .filter((job) => isOfBatch(job, batchId) && rowOf(job) > afterRow)
      .filter((job) => statuses?.includes(job.status) ?? true)
      .sort((a, b) => rowOf(a) - rowOf(b) || b.createdAt - a.createdAt || compare(b.jobId, a.jobId));
    return this.#readAll(found.slice(0, limit));
  }

  async waitFor(jobId: string, until: (job: Job) => boolean, timeoutMs: number): Promise<Job | undefined> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const job = await this.get(jobId);
      if (!job || until(job) || Date.now() >= deadline) return job;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, deadline - Date.now());
        const watchers = this.#watchers;
        function done(): void {
          clearTimeout(timer);
          watchers.delete(done);
          resolve();
        }
        watchers.add(done);
      });
    }
  }

  async all(): Promise<Job[]> {
    return this.#readAll(this.#saved());
  }

  #allows(guard: BatchGuard | undefined): boolean {
    return !guard || guard.allows(this.batches?.peek(guard.batchId));
  }

  #saved(): Job[] {
    return [...this.#jobs.values()].map(({ job }) => job);
  }

  #readAll(jobs: readonly Job[]): Job[] {
    return jobs.flatMap(({ jobId }) => this.#read(jobId) ?? []);
  }

  #read(jobId: string): Job | undefined {
    const saved = this.#jobs.get(jobId);
    return saved && jobSchema.parse(JSON.parse(saved.text));
  }

  #put(job: Job): void {
    this.writes++;
    this.#jobs.set(job.jobId, { job, text: JSON.stringify(job) });
    for (const watcher of [...this.#watchers]) watcher();
  }
}

type StakeOf = NonNullable<ListAtStake['after']>;

const isOfBatch = ({ batch }: Job, batchId: string): boolean =>
  batch?.batchId === batchId && batch.supersededBy === undefined;

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
