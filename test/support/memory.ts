/** The ports in memory, for tests of handlers: as strict as the real ones, and with a clock that moves when told. */
import { createIds } from '../../functions/adapters/ids.ts';
import { announcementDueAt } from '../../functions/core/announcement.ts';
import { atStakeUsd, roundUsd } from '../../functions/core/at-stake.ts';
import type { OperationRef } from '../../functions/core/attempt-record.ts';
import {
  isTerminal,
  type Job,
  type JobIn,
  type JobStatus,
  jobSchema,
  wakeOf,
} from '../../functions/core/job.ts';
import { CATALOGUE } from '../../functions/core/models.ts';
import { defaultPolicy } from '../../functions/core/policy.ts';
import { type Line, lineOf, standsInLine, submitQueueOf } from '../../functions/core/queues.ts';
import { NEW_TURNSTILE, type Turnstile } from '../../functions/core/turnstile.ts';
import {
  type BatchTask,
  type InputObject,
  type InputStore,
  type JobStore,
  type ListAtStake,
  type ListJobs,
  type ListOfBatch,
  ObjectGoneError,
  type PaidCall,
  type PaidSubmission,
  type PollAnswer,
  type ResultStore,
  type Services,
  type StoredObject,
  type SubmitAnswer,
  type TaskQueue,
  type TurnstileStore,
  type VideoProvider,
  type WakeTask,
} from '../../functions/ports.ts';
import { MemoryBatchStore } from './memory-batches.ts';

class ManualClock {
  #now: number;
  constructor(start = Date.UTC(2026, 10, 21)) {
    this.#now = start;
  }
  now(): number {
    return this.#now;
  }
  advance(ms: number): void {
    this.#now += ms;
  }
}

/** Stores copies, and parses what it gives out, as a database would. */
export class MemoryJobStore implements JobStore {
  /** What was saved as it was, to look through, and as text, to be read back. */
  readonly #jobs = new Map<string, { readonly job: Job; readonly text: string }>();
  readonly #watchers = new Set<() => void>();
  writes = 0;

  async create(job: Job): Promise<'created' | 'exists'> {
    if (this.#jobs.has(job.jobId)) return 'exists';
    this.#put(job);
    return 'created';
  }

  async get(jobId: string): Promise<Job | undefined> {
    return this.#read(jobId);
  }

  async update(jobId: string, decide: Parameters<JobStore['update']>[1]): ReturnType<JobStore['update']> {
    // No await from here to the save: that is what makes it a transaction.
    const before = this.#read(jobId);
    if (!before) return { kind: 'missing' };
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

  async nextInLine(
    line: Line,
    lastCaller: string | undefined,
    limit: number,
  ): Promise<readonly JobIn<'queued'>[]> {
    const waiting = this.#saved()
      .filter((job) => standsInLine(job) && submitQueueOf(lineOf(job)) === submitQueueOf(line))
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

class MemoryTurnstileStore implements TurnstileStore {
  readonly #turnstiles = new Map<string, Turnstile>();

  async get({ provider, model }: Parameters<TurnstileStore['get']>[0]): Promise<Turnstile> {
    return this.#turnstiles.get(`${provider}/${model}`) ?? NEW_TURNSTILE;
  }

  async update(...[model, decide]: Parameters<TurnstileStore['update']>): Promise<'saved' | 'unchanged'> {
    const key = `${model.provider}/${model.model}`;
    const next = decide(this.#turnstiles.get(key) ?? NEW_TURNSTILE);
    if (!next) return 'unchanged';
    this.#turnstiles.set(key, next);
    return 'saved';
  }
}

class MemoryTaskQueue implements TaskQueue {
  readonly waiting: WakeTask[] = [];
  readonly waitingBatches: BatchTask[] = [];
  readonly #names = new Set<string>();
  enqueued = 0;
  failNext = 0;

  async enqueue(task: WakeTask): Promise<void> {
    if (this.failNext > 0) {
      this.failNext--;
      throw new Error('the queue does not answer');
    }
    const name = nameOf(task);
    if (this.#names.has(name)) return;
    this.#names.add(name);
    this.enqueued++;
    this.waiting.push(task);
  }

  async enqueueBatch(task: BatchTask): Promise<void> {
    if (this.failNext > 0) {
      this.failNext--;
      throw new Error('the queue does not answer');
    }
    const name = nameOf({ jobId: task.batchId, wake: task.wake });
    if (this.#names.has(name)) return;
    this.#names.add(name);
    this.waitingBatches.push(task);
  }

  async isBatchWaiting({ batchId, wake }: BatchTask): Promise<boolean> {
    const name = nameOf({ jobId: batchId, wake });
    return this.waitingBatches.some((each) => nameOf({ jobId: each.batchId, wake: each.wake }) === name);
  }

  /** Takes the earliest task of a batch out, if it is due. */
  takeBatch(now: number): BatchTask | undefined {
    const [next] = [...this.waitingBatches].sort((a, b) => a.wake.at - b.wake.at);
    if (!next || next.wake.at > now) return undefined;
    this.waitingBatches.splice(this.waitingBatches.indexOf(next), 1);
    return next;
  }

  async isWaiting(task: WakeTask): Promise<boolean> {
    return this.waiting.some((each) => nameOf(each) === nameOf(task));
  }

  /** Back into the queue, as after an answer that is no success. */
  putBack(task: WakeTask): void {
    this.waiting.push(task);
  }

  /** Takes the earliest task out, if it is due. */
  take(now: number): WakeTask | undefined {
    const [next] = [...this.waiting].sort((a, b) => a.wake.at - b.wake.at);
    if (!next || next.wake.at > now) return undefined;
    this.waiting.splice(this.waiting.indexOf(next), 1);
    return next;
  }
}

const nameOf = ({ jobId, wake }: Pick<WakeTask, 'jobId' | 'wake'>): string =>
  `${jobId}/${wake.seq}/${wake.ring}`;

type MemoryObject = StoredObject & {
  readonly body: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
};

class MemoryBucket implements ResultStore, InputStore {
  readonly bucket: string;
  readonly objects = new Map<string, MemoryObject>();
  /** What was replaced, by name and generation, where the bucket has versions. */
  readonly #versions = new Map<string, MemoryObject>();
  readonly #now: () => number;
  #generations = 0;
  hasVersions = false;
  failNext = 0;
  /** Called before every read. */
  onRead: (() => void) | undefined;

  constructor(bucket: string, now: () => number) {
    this.bucket = bucket;
    this.#now = now;
  }

  put(
    name: string,
    body: Uint8Array,
    contentType = 'video/mp4',
    metadata: Readonly<Record<string, string>> = {},
  ): void {
    this.#archive(name);
    const uri = `gs://${this.bucket}/${name}`;
    const generation = String(++this.#generations);
    const object = {
      name,
      uri,
      generation,
      bytes: body.length,
      crc32c: 'AAAAAA==',
      contentType,
      updatedAt: this.#now(),
    };
    this.objects.set(name, { ...object, body, metadata });
  }

  remove(name: string): void {
    this.#archive(name);
    this.objects.delete(name);
  }

  #archive(name: string): void {
    const old = this.objects.get(name);
    if (old && this.hasVersions) this.#versions.set(`${name}#${old.generation}`, old);
  }

  find(nameOrUri: string, generation?: string): MemoryObject | undefined {
    const name = this.#nameOf(nameOrUri);
    const live = this.objects.get(name);
    if (generation === undefined || live?.generation === generation) return live;
    return this.#versions.get(`${name}#${generation}`);
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    this.#mayFail();
    return [...this.objects.values()]
      .filter(({ name }) => name.startsWith(prefix))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ body: _, metadata: __, ...object }) => object);
  }

  async head(gcsUri: string, wanted?: string): Promise<InputObject | undefined> {
    const object = this.find(gcsUri, wanted);
    if (!object) return undefined;
    const { bytes, contentType, generation } = object;
    return { bytes, contentType, generation };
  }

  async signedPutUrl(name: string, mimeType: string): Promise<string> {
    return `https://signed.test/put/${this.bucket}/${name}?type=${encodeURIComponent(mimeType)}`;
  }

  async readRange(nameOrUri: string, start: number, end: number, generation?: string): Promise<Uint8Array> {
    this.onRead?.();
    const object = this.find(nameOrUri, generation);
    if (generation !== undefined && !object) throw new ObjectGoneError(nameOrUri);
    return (object?.body ?? new Uint8Array()).subarray(start, end + 1);
  }

  async writeOnce(name: string, contentType: string, body: AsyncIterable<Uint8Array>): Promise<void> {
    this.#mayFail();
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    if (!this.objects.has(name)) this.put(name, Buffer.concat(chunks), contentType);
  }

  async signedReadUrl({ uri }: { readonly uri: string }): Promise<string> {
    return `https://signed.test/${uri.slice('gs://'.length)}`;
  }

  async copyTo({ uri }: { readonly uri: string }, gcsUri: string): Promise<void> {
    this.#mayFail();
    const source = this.objects.get(this.#nameOf(uri));
    if (!source) throw new Error(`${uri} does not exist`);
    const there = this.objects.get(this.#nameOf(gcsUri));
    if (there && !Buffer.from(there.body).equals(source.body)) throw new Error(`${gcsUri} is another object`);
    if (!there) this.put(this.#nameOf(gcsUri), source.body, source.contentType);
  }

  async putOnce(name: string, mimeType: string, bytes: Uint8Array): Promise<string> {
    this.#mayFail();
    if (!this.objects.has(name)) this.put(name, bytes, mimeType);
    return `gs://${this.bucket}/${name}`;
  }

  async copyOnce(gcsUri: string, generation: string, name: string): Promise<string> {
    this.#mayFail();
    const source = this.find(gcsUri, generation);
    if (!source) throw new ObjectGoneError(gcsUri);
    if (!this.objects.has(name)) this.put(name, source.body, source.contentType, source.metadata);
    return `gs://${this.bucket}/${name}`;
  }

  #nameOf(nameOrUri: string): string {
    return nameOrUri.replace(`gs://${this.bucket}/`, '');
  }

  #mayFail(): void {
    if (this.failNext > 0) {
      this.failNext--;
      throw new Error('the bucket answers 503');
    }
  }
}

/** Answers what the test says, and remembers what it was asked. */
class ScriptedProvider implements VideoProvider {
  readonly delivers: 'bucket' | 'download';
  readonly calls: PaidCall[] = [];
  polls = 0;
  /** Why no call can be made, when none can. */
  notReady: string | undefined;
  onSubmit: (call: PaidCall) => SubmitAnswer | Promise<SubmitAnswer>;
  onPoll: (operation: OperationRef) => PollAnswer | Promise<PollAnswer> = () => ({ kind: 'running' });
  onDownload: VideoProvider['download'] = async () => ({
    kind: 'failed',
    signal: { kind: 'http', status: 404, message: 'no such file' },
  });

  constructor(delivers: 'bucket' | 'download' = 'bucket') {
    this.delivers = delivers;
    this.onSubmit = ({ stage, location }) => ({
      kind: 'accepted',
      operation: {
        provider: stage.provider,
        name: `operations/${this.calls.length}`,
        model: stage.model,
        location,
      },
    });
  }

  async prepare(call: PaidCall): Promise<PaidSubmission> {
    if (this.notReady !== undefined) throw new Error(this.notReady);
    return async () => {
      this.calls.push(call);
      return this.onSubmit(call);
    };
  }

  async poll(operation: OperationRef): Promise<PollAnswer> {
    this.polls++;
    return this.onPoll(operation);
  }

  download(sourceUri: string): ReturnType<VideoProvider['download']> {
    return this.onDownload(sourceUri);
  }
}

export interface World {
  readonly services: Services;
  readonly clock: ManualClock;
  readonly jobs: MemoryJobStore;
  readonly batches: MemoryBatchStore;
  readonly tasks: MemoryTaskQueue;
  readonly output: MemoryBucket;
  readonly input: MemoryBucket;
  readonly vertex: ScriptedProvider;
  readonly gemini: ScriptedProvider;
  readonly log: { severity: string; message: string; fields: Readonly<Record<string, unknown>> }[];
}

export function makeWorld(overrides: Partial<Services> = {}): World {
  const clock = new ManualClock();
  const jobs = new MemoryJobStore();
  const batches = new MemoryBatchStore();
  const tasks = new MemoryTaskQueue();
  const output = new MemoryBucket('out', () => clock.now());
  const input = new MemoryBucket('in', () => clock.now());
  const vertex = new ScriptedProvider();
  const gemini = new ScriptedProvider('download');
  const log: World['log'] = [];
  const services: Services = {
    clock,
    ids: { ...createIds(), random: () => 0.5 },
    jobs,
    tasks,
    batches,
    turnstiles: new MemoryTurnstileStore(),
    results: output,
    inputs: input,
    providers: { vertex, gemini },
    callers: { verify: async (headers) => headers.get('x-test-caller') ?? 'local' },
    policy: defaultPolicy(),
    catalogue: CATALOGUE,
    log: (severity, message, fields = {}) => log.push({ severity, message, fields }),
    settings: {
      locations: { vertex: 'us-central1', gemini: 'global', omni: 'global' },
      allowRetiredModels: true,
      aliasRetiredModels: false,
      restrictedRegion: false,
      readablePrefixes: ['gs://shared/'],
      signedUrlTtlMs: 900_000,
      logPrompts: false,
      operators: ['operator'],
    },
    ...overrides,
  };
  return { services, clock, jobs, batches, tasks, output, input, vertex, gemini, log };
}
