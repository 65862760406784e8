/** What the handlers need of the world. Adapters provide it; tests provide it in memory. */
import type { Readable } from 'node:stream';
import type { ApiKey, ApiKeyOwner } from './core/api-key.ts';
import type { Batch } from './core/batch/batch.ts';
import type { ScheduleState } from './core/batch/schedules.ts';
import type { BatchStep } from './core/batch/step-batch.ts';
import type { UploadRule } from './core/batch/upload-rules.ts';
import type { Catalogue, ImageMimeType, ProviderName } from './core/catalogue/catalogue.ts';
import type { FilteredSide, LandedVideo, OperationRef, OperationResult } from './core/job/attempt-record.ts';
import type { ProviderSignal } from './core/job/errors.ts';
import type { Job, JobIn, JobStatus, Wake } from './core/job/job.ts';
import type { Policy } from './core/job/policy.ts';
import type { SubmitQueue } from './core/job/queues.ts';
import type { RateLimiter } from './core/job/rate-limiter.ts';
import type { Stage } from './core/job/stages.ts';
import type { Step } from './core/job/step.ts';

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

export interface Ids {
  newJobId(): string;
  newAttemptId(): string;
  /** I5: the same cause gives the same job. */
  jobIdOf(cause: readonly string[]): string;
  /** Stable, without order, fit for a task name. */
  hash(parts: readonly string[]): string;
  /** In [0, 1). */
  random(): number;
}

/** What `update` found and did. */
export type Updated =
  | { readonly kind: 'saved'; readonly before: Job; readonly step: Step }
  /** The decision was to change nothing; `job` is what is stored. */
  | { readonly kind: 'unchanged'; readonly job: Job }
  | { readonly kind: 'missing' };

export interface ListJobs {
  /** Absent: every caller's, for an operator. */
  readonly caller?: string | undefined;
  readonly status?: JobStatus | undefined;
  readonly model?: string | undefined;
  readonly pageSize: number;
  /** Jobs after this one, newest first. */
  readonly after?: { readonly createdAt: number; readonly jobId: string } | undefined;
}

export interface ListAtStake {
  readonly pageSize: number;
  /** Jobs after this one, the most at stake first. */
  readonly after?: { readonly atStakeUsd: number; readonly jobId: string } | undefined;
}

export interface ListOfBatch {
  readonly batchId: string;
  readonly statuses?: readonly JobStatus[] | undefined;
  readonly afterRow: number;
  readonly limit: number;
}

export interface JobStore {
  /** Stores a job that must not exist yet. */
  create(job: Job): Promise<'created' | 'exists'>;
  get(jobId: string): Promise<Job | undefined>;
  /** I4: load, decide and save (with what was made of it) in one transaction. `decide` may run several times and must be pure. */
  update(jobId: string, decide: (job: Job) => Step | undefined): Promise<Updated>;
  /** Newest first. */
  list(query: ListJobs): Promise<readonly Job[]>;
  /**
   * Whose turn it is: of the callers waiting in this line, the next after `lastCaller` in the alphabet (and after the
   * last the first), oldest job first. At least one where anybody waits, at most `limit`.
   */
  nextInQueue(
    line: SubmitQueue,
    lastCaller: string | undefined,
    limit: number,
  ): Promise<readonly JobIn<'queued'>[]>;
  /** Jobs with attempts that may have been charged, and nobody can say; the most at stake first. */
  atStake(query: ListAtStake): Promise<readonly Job[]>;
  /** What all of them come to, in US dollars. */
  totalAtStakeUsd(): Promise<number>;
  /** Jobs with a wake before `before`, most overdue first. */
  overdue(before: number, limit: number): Promise<readonly Job[]>;
  /** Of the unfinished jobs the one that was accepted first. */
  oldestOpen(): Promise<Job | undefined>;
  /** Jobs whose end has waited to be published since before `before`, the longest first. */
  unannounced(before: number, limit: number): Promise<readonly Job[]>;
  /** How many jobs of the batch have one of these statuses, without those that a retry stands for. */
  countOfBatch(batchId: string, statuses: readonly JobStatus[]): Promise<number>;
  /** Jobs that the batch has not let go, those that a retry stands for among them. */
  heldByBatch(batchId: string, limit: number): Promise<readonly Job[]>;
  /** Jobs of the batch in the order of their rows, without those that a retry stands for. Of one row the newest is first. */
  listOfBatch(query: ListOfBatch): Promise<readonly Job[]>;
  /** Resolves to the job once `until` holds, or as it is after `timeoutMs`. */
  waitFor(jobId: string, until: (job: Job) => boolean, timeoutMs: number): Promise<Job | undefined>;
}

export type BatchUpdated =
  | { readonly kind: 'saved'; readonly step: BatchStep }
  /** The decision was to change nothing; `batch` is what is stored. */
  | { readonly kind: 'unchanged'; readonly batch: Batch }
  | { readonly kind: 'missing' };

export interface BatchStore {
  /** Stores a batch that must not exist yet. */
  create(batch: Batch): Promise<'created' | 'exists'>;
  get(batchId: string): Promise<Batch | undefined>;
  /** I4: load, decide and save in one transaction. `decide` may run several times and must be pure. */
  update(batchId: string, decide: (batch: Batch) => BatchStep | undefined): Promise<BatchUpdated>;
  /** Newest first. */
  list(query: {
    /** Absent: every caller's, for an operator. */
    readonly caller?: string | undefined;
    readonly pageSize: number;
    readonly after?: { readonly createdAt: number; readonly batchId: string } | undefined;
  }): Promise<readonly Batch[]>;
  /** Batches with a wake before `before`, most overdue first. */
  overdue(before: number, limit: number): Promise<readonly Batch[]>;
  /** Batches whose end has waited to be published since before `before`, the longest first. */
  unannounced(before: number, limit: number): Promise<readonly Batch[]>;
  /** Batches that have been over for as long as records are kept, and still hold those of their jobs. */
  toLetGo(now: number, limit: number): Promise<readonly Batch[]>;
}

/** A wake of a batch on its way. */
export interface BatchTask {
  readonly batchId: string;
  readonly wake: Wake;
}

/** A wake on its way: which function, which queue's business, and when. */
export interface WakeTask extends SubmitQueue {
  readonly target: 'submit' | 'poll';
  readonly jobId: string;
  readonly wake: Wake;
}

/** One rate limiter per model. */
export interface RateLimiterStore {
  get(model: Pick<SubmitQueue, 'provider' | 'model'>): Promise<RateLimiter>;
  /** In one transaction; `decide` may run several times, and returns nothing to leave it as it is. */
  update(
    model: Pick<SubmitQueue, 'provider' | 'model'>,
    decide: (rateLimiter: RateLimiter) => RateLimiter | undefined,
  ): Promise<'saved' | 'unchanged'>;
}

/** What has become of the fires of each schedule. */
export interface ScheduleStore {
  get(scheduleId: string): Promise<ScheduleState>;
  /** In one transaction; `decide` may run several times, and returns nothing to leave it as it is. */
  update(
    scheduleId: string,
    decide: (state: ScheduleState) => ScheduleState | undefined,
  ): Promise<'saved' | 'unchanged'>;
}

export interface TaskQueue {
  /** Puts the task in its queue; a task of the same name that is there, or was lately, is success too. */
  enqueue(task: WakeTask): Promise<void>;
  /** Whether the task is still in its queue. */
  isWaiting(task: WakeTask): Promise<boolean>;
  /** As `enqueue`, in the queue of batches. */
  enqueueBatch(task: BatchTask): Promise<void>;
  isBatchWaiting(task: BatchTask): Promise<boolean>;
}

export interface StoredObject {
  readonly name: string;
  readonly uri: string;
  readonly generation: string;
  readonly bytes: number;
  readonly crc32c: string;
  readonly contentType: string;
  readonly updatedAt: number;
}

/** The switch on every paid call. */
export interface Submissions {
  /** Pauses every submit queue; jobs go on being accepted and wait. @returns the queues, paused now or before */
  pause(): Promise<readonly string[]>;
  /** Whether calls of this line are paused, whoever has done that; up to a minute late. */
  isPaused(line: SubmitQueue): Promise<boolean>;
}

/** The output bucket. */
export interface ResultStore {
  readonly bucket: string;
  /** Everything under the prefix, by name. */
  list(prefix: string): Promise<readonly StoredObject[]>;
  /** Bytes `start` to `end` inclusive; fewer at the end of the object. */
  readRange(name: string, start: number, end: number): Promise<Uint8Array>;
  /** Streams `body` into an object that must not exist yet, with constant memory; an existing one is kept. Verified by CRC-32C. */
  writeOnce(name: string, contentType: string, body: Readable): Promise<void>;
  /**
   * A link that lets anybody read this object for `ttlMs`.
   * @param headers that the reader will send and Cloud Storage wants signed: any `x-goog-…`
   */
  signedReadUrl(
    video: Pick<LandedVideo, 'uri'>,
    ttlMs: number,
    headers?: Readonly<Record<string, string>>,
  ): Promise<string>;
  /**
   * Copies a landed video to `gs://bucket/name` without passing through here. An object that is there already and is
   * the same is success. @throws when it is another one, or the copy is refused
   */
  copyTo(video: LandedVideo, gcsUri: string): Promise<void>;
}

/** The object, or the generation of it that was asked for, is not there any more. */
export class ObjectGoneError extends Error {}

/** An object that a request names as input. */
export interface InputObject {
  readonly bytes: number;
  readonly contentType: string;
  readonly generation: string;
}

/** What requests bring: the input bucket, and whatever else they may name. */
export interface InputStore {
  readonly bucket: string;
  /**
   * What is there, or nothing.
   * @param generation of one that may have been replaced since; a bucket with versions keeps it
   */
  head(gcsUri: string, generation?: string): Promise<InputObject | undefined>;
  /**
   * Bytes `start` to `end` inclusive, as they are stored; fewer at the end of the object.
   * @param generation of one that may have been replaced since @throws ObjectGoneError when it is not kept
   */
  readRange(gcsUri: string, start: number, end: number, generation?: string): Promise<Uint8Array>;
  /** A link by which anybody may put one object of this type and name, until `ttlMs` from now. */
  signedPutUrl(name: string, mimeType: string, ttlMs: number): Promise<string>;
  /** Stores the bytes unless an object of that name is there; returns its `gs://` name. */
  putOnce(name: string, mimeType: string, bytes: Uint8Array): Promise<string>;
  /**
   * Copies one generation into the input bucket without passing through here, unless an object of that name is there;
   * returns its `gs://` name. @throws ObjectGoneError when the generation is not kept
   */
  copyOnce(gcsUri: string, generation: string, name: string): Promise<string>;
  /** As {@link ResultStore.writeOnce}. */
  writeOnce(name: string, contentType: string, body: Readable): Promise<void>;
}

/** One generation of an object of the input bucket. */
export interface UploadedObject {
  readonly name: string;
  readonly generation: string;
  readonly bytes: number;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The input bucket as those see it who drop files there. */
export interface UploadBucket {
  readonly bucket: string;
  /** @param generation of one that may have been replaced since */
  head(name: string, generation?: string): Promise<UploadedObject | undefined>;
  /** Nothing where that generation is not there any more. */
  read(name: string, generation: string): Promise<Uint8Array | undefined>;
  /** Only over that generation, `0` being none. @returns whether it was written */
  write(name: string, contentType: string, bytes: Uint8Array, over: string): Promise<boolean>;
  /** Only that generation, and nothing where it is not what is there any more. */
  remove(name: string, generation: string): Promise<void>;
}

/** A CloudEvent 1.0 of ours; its source is the deployment. */
export interface OutgoingEvent {
  /** The same event has the same id, however often it is published. */
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly data: unknown;
}

/** Those who want to know what has become of jobs and batches. */
export interface EventSink {
  /** Resolves once it will be delivered, at least once. */
  publish(event: OutgoingEvent): Promise<void>;
}

export interface PaidCall {
  /** Told to a provider that calls back, so that the call names them. */
  readonly jobId: string;
  readonly attemptId: string;
  /** Complete with what the stage before it has made. */
  readonly stage: Stage;
  readonly location: string;
  /** `gs://bucket/jobs/{jobId}/{attemptId}/`; providers that deliver by download ignore it. */
  readonly outputUri: string;
  readonly timeoutMs: number;
}

export type SubmitAnswer =
  | { readonly kind: 'accepted'; readonly operation: OperationRef }
  /** The result itself: pictures are answered at once. */
  | { readonly kind: 'image'; readonly bytes: Uint8Array; readonly mimeType: ImageMimeType }
  /** The result lies under the output URI already. */
  | { readonly kind: 'stored'; readonly uri: string }
  /** A safety filter withheld what was made, or what was asked for. */
  | { readonly kind: 'withheld'; readonly side: FilteredSide; readonly reasons: readonly string[] }
  | { readonly kind: 'failed'; readonly signal: ProviderSignal };

/** I1: exactly one HTTP request, never repeated here, whatever happens to it. Does not throw. */
export type PaidSubmission = () => Promise<SubmitAnswer>;

export type PollAnswer =
  | { readonly kind: 'running' }
  | { readonly kind: 'done'; readonly result: OperationResult }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  | { readonly kind: 'failed'; readonly signal: ProviderSignal };

export type DownloadAnswer =
  | { readonly kind: 'body'; readonly body: Readable; readonly contentType: string }
  | { readonly kind: 'failed'; readonly signal: ProviderSignal };

export interface VideoProvider {
  /** `bucket`: it writes under the output URI itself. `download`: its videos are fetched from where it keeps them. */
  readonly delivers: 'bucket' | 'download';
  /**
   * Makes the paid call ready: credentials, inputs, body. Whatever takes its time or fails here leaves no doubt about
   * the call, and a crash finds little time between its being claimed and its being made. @throws when it cannot be made
   */
  prepare(call: PaidCall): Promise<PaidSubmission>;
  /** Does not throw. */
  poll(operation: OperationRef): Promise<PollAnswer>;
  /** Opens one source of a result. Only where `delivers` is `download`. Does not throw. */
  download(sourceUri: string): Promise<DownloadAnswer>;
  /** Asks to stop an operation, where the provider can. Best effort: the attempt is followed all the same. */
  cancel?(operation: OperationRef): Promise<void>;
}

/** A call of an image model, passed on with our credentials. */
export interface ImageCall {
  readonly provider: 'vertex' | 'gemini';
  readonly model: string;
  readonly method: 'predict' | 'generateContent';
  readonly location: string;
  /** JSON as Google takes it. */
  readonly body: string;
  readonly timeoutMs: number;
  /** More of an answer than this is cut off, and the connection with it. */
  readonly answerBytesMax: number;
}

export type ImageCallAnswer =
  /** What the model says, as it comes. */
  | { readonly kind: 'body'; readonly body: ReadableStream<Uint8Array>; readonly contentType: string }
  | { readonly kind: 'failed'; readonly signal: ProviderSignal };

export interface ImagePassThrough {
  /** Whether calls of this provider can be made at all. */
  serves(provider: ImageCall['provider']): boolean;
  /** I1: exactly one request. Does not throw. */
  send(call: ImageCall): Promise<ImageCallAnswer>;
}

/** Who asks, proven. */
export interface CallerCheck {
  /** @throws ProblemError 401 or 403 */
  verify(headers: Headers): Promise<string>;
}

/** The API keys of this deployment. Secrets are told once and not kept. */
export interface ApiKeyStore {
  create(owner: ApiKeyOwner): Promise<{ readonly key: ApiKey; readonly secret: string }>;
  get(keyId: string): Promise<ApiKey | undefined>;
  /** All of them, the revoked ones too, the newest first. */
  list(): Promise<readonly ApiKey[]>;
  /** Of one that is revoked already nothing changes. @returns the key as it is now, or nothing where there is none */
  revoke(keyId: string, by: string, at: number): Promise<ApiKey | undefined>;
}

/** Whether a webhook comes from the provider whose operations we wait for. */
export interface WebhookCheck {
  /** @throws ProblemError 401 */
  verify(headers: Headers, body: Uint8Array): Promise<void>;
}

export type Severity = 'DEBUG' | 'INFO' | 'NOTICE' | 'WARNING' | 'ERROR';

/** One structured line. `fields` are Cloud Logging's own names or Clapper's vocabulary. */
export type Log = (severity: Severity, message: string, fields?: Readonly<Record<string, unknown>>) => void;

/** Everything a handler is given. */
export interface Services {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly jobs: JobStore;
  readonly batches: BatchStore;
  readonly tasks: TaskQueue;
  readonly rateLimiters: RateLimiterStore;
  readonly results: ResultStore;
  readonly inputs: InputStore;
  readonly providers: Readonly<Partial<Record<ProviderName, VideoProvider>>>;
  readonly callers: CallerCheck;
  /** Absent where no keys are made. */
  readonly keys?: ApiKeyStore | undefined;
  /** Absent where image calls are not passed on. */
  readonly images?: ImagePassThrough | undefined;
  /** Asked by paid calls that pass no queue. Absent where there are none. */
  readonly submissions?: Pick<Submissions, 'isPaused'> | undefined;
  /** Absent where no provider was given a URL to call. */
  readonly providerWebhooks?: WebhookCheck | undefined;
  /** Absent where nothing is made of uploads. */
  readonly uploads?: UploadBucket | undefined;
  /** Absent where nobody is told. */
  readonly events?: EventSink | undefined;
  readonly policy: Policy;
  readonly catalogue: Catalogue;
  readonly log: Log;
  readonly settings: ServiceSettings;
}

export interface ServiceSettings {
  /** Where paid calls of a provider go. */
  readonly locations: Readonly<Record<ProviderName, string>>;
  readonly allowRetiredModels: boolean;
  /** A retired id runs on its successor instead of being refused. */
  readonly aliasRetiredModels: boolean;
  /** Requests are made for people in the EU, UK, Switzerland or MENA, where models show fewer people. */
  readonly restrictedRegion: boolean;
  /** `gs://` prefixes that any caller's requests may name, besides the caller's own folder in the input bucket. */
  readonly readablePrefixes: readonly string[];
  /** Topics that requests may have Google publish to, `projects/PROJECT/topics/TOPIC`. */
  readonly pubsubTopics?: readonly string[];
  /** `gs://` prefixes under which any caller may have videos put, besides its own folder in the input bucket. */
  readonly deliveryPrefixes?: readonly string[];
  /** Whether a retired model runs on its successor on Google's own surfaces; it does unless this is false. */
  readonly compatAliases?: boolean;
  /** What becomes of objects in the input bucket, and what callers of theirs may read there. */
  readonly uploadRules?: readonly UploadRule[];
  readonly signedUrlTtlMs: number;
  readonly logPrompts: boolean;
  /** Callers who answer for the deployment: they see every job, and rule on what could not be learned. */
  readonly operators: readonly string[];
  /** Paid calls per minute that the rate limiter of a model lets through, instead of its quota. */
  readonly requestsPerMinute?: number | undefined;
}
