/** The interfaces between handlers and the outside world. `adapters/` implements them; tests use in-memory versions. */
import type { Readable } from 'node:stream';
import type { ApiKey, ApiKeyOwner } from './core/access/api-key.ts';
import type { Batch } from './core/batch/batch.ts';
import type { ScheduleState, Schedules } from './core/batch/schedules.ts';
import type { BatchStep } from './core/batch/step-batch.ts';
import type { UploadRule } from './core/batch/upload-rules.ts';
import type { Catalogue } from './core/catalogue/catalogue.ts';
import type { ImageMimeType, ImageProviderName, ProviderName } from './core/catalogue/vocabulary.ts';
import type { FilteredSide, LandedVideo, OperationRef, OperationResult } from './core/job/attempt-record.ts';
import type { RestoredDatabase } from './core/job/claim-note.ts';
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
  /** I5: the same cause gives the same job id. */
  jobIdOf(cause: readonly string[]): string;
  /** The same parts give the same hash. Hashes are not sequential, and are valid task names. */
  hash(parts: readonly string[]): string;
  /** In [0, 1). */
  random(): number;
}

/** The result of `JobStore.update`. */
export type Updated =
  | { readonly kind: 'saved'; readonly before: Job; readonly step: Step }
  /** `decide` returned nothing, or the guard refused; `job` is the stored job. */
  | { readonly kind: 'unchanged'; readonly job: Job; readonly isRefused?: true }
  | { readonly kind: 'missing' };

export interface ListJobs {
  /** Absent: jobs of every caller, for an operator. */
  readonly caller?: string | undefined;
  readonly status?: JobStatus | undefined;
  readonly model?: string | undefined;
  readonly pageSize: number;
  /** Returns jobs after this one, newest first. */
  readonly after?: { readonly createdAt: number; readonly jobId: string } | undefined;
}

export interface ListAtStake {
  readonly pageSize: number;
  /** Returns jobs after this one, largest amount at stake first. */
  readonly after?: { readonly atStakeUsd: number; readonly jobId: string } | undefined;
}

export interface ListOfBatch {
  readonly batchId: string;
  readonly statuses?: readonly JobStatus[] | undefined;
  readonly afterRow: number;
  readonly limit: number;
}

/**
 * A condition on the batch of a job. It is read in the transaction that saves the job, so that nothing is saved after the
 * batch was paused or cancelled (I4).
 */
export interface BatchGuard {
  readonly batchId: string;
  readonly allows: (batch: Batch | undefined) => boolean;
}

export interface JobStore {
  /** Stores a new job; returns `exists` and changes nothing if the id is taken, `refused` if the guard refuses. */
  create(job: Job, guard?: BatchGuard): Promise<'created' | 'exists' | 'refused'>;
  get(jobId: string): Promise<Job | undefined>;
  /**
   * I4: loads, decides and saves (the job, and a retry made from it) in one transaction. `decide` may run several times
   * and must be pure.
   */
  update(jobId: string, decide: (job: Job) => Step | undefined, guard?: BatchGuard): Promise<Updated>;
  /** Lists jobs, newest first. */
  list(query: ListJobs): Promise<readonly Job[]>;
  /**
   * Returns the next jobs of this submit queue: round-robin between callers in alphabetical order, starting after
   * `lastCaller`, and oldest first within a caller. Returns at least one job if any waits, and at most `limit`.
   */
  nextInQueue(
    queue: SubmitQueue,
    lastCaller: string | undefined,
    limit: number,
  ): Promise<readonly JobIn<'queued'>[]>;
  /** Lists jobs with attempts whose charge is unknown, largest amount at stake first. */
  atStake(query: ListAtStake): Promise<readonly Job[]>;
  /** Returns the total at stake over all jobs, in US dollars. */
  totalAtStakeUsd(): Promise<number>;
  /** Lists jobs whose wake was due before `before`, most overdue first. */
  overdue(before: number, limit: number): Promise<readonly Job[]>;
  /** Returns the unfinished job that was accepted first. */
  oldestOpen(): Promise<Job | undefined>;
  /** Lists jobs whose finished event has been due since before `before`, longest overdue first. */
  unannounced(before: number, limit: number): Promise<readonly Job[]>;
  /** Counts jobs of the batch in these statuses, without jobs that a retry has replaced. */
  countOfBatch(batchId: string, statuses: readonly JobStatus[]): Promise<number>;
  /** Lists jobs that the batch has not released, including jobs that a retry has replaced. */
  heldByBatch(batchId: string, limit: number): Promise<readonly Job[]>;
  /** Lists jobs of the batch by row, newest first within a row, without jobs that a retry has replaced. */
  listOfBatch(query: ListOfBatch): Promise<readonly Job[]>;
  /** Resolves to the job once `until` returns true, or to the current job after `timeoutMs`. */
  waitFor(jobId: string, until: (job: Job) => boolean, timeoutMs: number): Promise<Job | undefined>;
}

export type BatchUpdated =
  | { readonly kind: 'saved'; readonly step: BatchStep }
  /** `decide` returned nothing; `batch` is the stored batch. */
  | { readonly kind: 'unchanged'; readonly batch: Batch }
  | { readonly kind: 'missing' };

export interface BatchStore {
  /** Stores a new batch; returns `exists` and changes nothing if the id is taken. */
  create(batch: Batch): Promise<'created' | 'exists'>;
  get(batchId: string): Promise<Batch | undefined>;
  /** I4: loads, decides and saves in one transaction. `decide` may run several times and must be pure. */
  update(batchId: string, decide: (batch: Batch) => BatchStep | undefined): Promise<BatchUpdated>;
  /** Resolves to the batch once `until` returns true, or to the current batch after `timeoutMs`. */
  waitFor(batchId: string, until: (batch: Batch) => boolean, timeoutMs: number): Promise<Batch | undefined>;
  /** Lists batches, newest first. */
  list(query: {
    /** Absent: batches of every caller, for an operator. */
    readonly caller?: string | undefined;
    /** Instead of `caller`: batches of any of these callers. */
    readonly callers?: readonly string[];
    readonly pageSize: number;
    readonly after?: { readonly createdAt: number; readonly batchId: string } | undefined;
  }): Promise<readonly Batch[]>;
  /** Lists batches whose wake was due before `before`, most overdue first. */
  overdue(before: number, limit: number): Promise<readonly Batch[]>;
  /** Lists batches whose finished event has been due since before `before`, longest overdue first. */
  unannounced(before: number, limit: number): Promise<readonly Batch[]>;
  /** Lists batches whose retention period has passed and that still hold the records of their jobs. */
  dueForRelease(now: number, limit: number): Promise<readonly Batch[]>;
}

/** The scheduled task of a batch's wake. */
export interface BatchTask {
  readonly batchId: string;
  readonly wake: Wake;
}

/** The scheduled task of a job's wake: the function to call, the submit queue of the job, and the time. */
export interface WakeTask extends SubmitQueue {
  readonly target: 'submit' | 'poll';
  readonly jobId: string;
  readonly wake: Wake;
}

/** One rate limiter per model. */
export interface RateLimiterStore {
  get(model: Pick<SubmitQueue, 'provider' | 'model'>): Promise<RateLimiter>;
  /** Runs in one transaction. `decide` may run several times; when it returns nothing, nothing is saved. */
  update(
    model: Pick<SubmitQueue, 'provider' | 'model'>,
    decide: (rateLimiter: RateLimiter) => RateLimiter | undefined,
  ): Promise<'saved' | 'unchanged'>;
}

/** The state of each schedule's fires. */
export interface ScheduleStore {
  get(scheduleId: string): Promise<ScheduleState>;
  /** Runs in one transaction. `decide` may run several times; when it returns nothing, nothing is saved. */
  update(
    scheduleId: string,
    decide: (state: ScheduleState) => ScheduleState | undefined,
  ): Promise<'saved' | 'unchanged'>;
}

export interface TaskQueue {
  /** Enqueues the task. Succeeds without effect if a task of the same name exists or existed recently. */
  enqueue(task: WakeTask): Promise<void>;
  /** Returns whether the task is still in its queue. */
  isWaiting(task: WakeTask): Promise<boolean>;
  /** Like `enqueue`, for the batch queue. */
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

/** Pauses all paid calls. */
export interface Submissions {
  /** Pauses every submit queue; new jobs are still accepted, and wait. @returns the paused queues, old and new */
  pause(): Promise<readonly string[]>;
  /** Returns whether this submit queue is paused, by this service or by anyone else. The answer may be a minute old. */
  isPaused(queue: SubmitQueue): Promise<boolean>;
}

export interface LinkOptions {
  /** The reader's `x-goog-…` headers: Cloud Storage requires them to be part of the signature. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The `Content-Disposition` of the response. */
  readonly disposition?: string;
}

/** The output bucket. */
export interface ResultStore {
  readonly bucket: string;
  /** Lists all objects under the prefix, sorted by name. */
  list(prefix: string): Promise<readonly StoredObject[]>;
  /** Reads bytes `start` to `end` inclusive; returns fewer at the end of the object. */
  readRange(name: string, start: number, end: number): Promise<Uint8Array>;
  /** Streams `body` into a new object with constant memory and verifies it by CRC-32C. Keeps an existing object. */
  writeOnce(name: string, contentType: string, body: Readable): Promise<void>;
  /**
   * Returns a link by which anyone can read this object for `ttlMs`.
   */
  signedReadUrl(object: Pick<LandedVideo, 'uri'>, ttlMs: number, options?: LinkOptions): Promise<string>;
  /**
   * Copies a landed video to `gs://bucket/name` inside Cloud Storage. Succeeds if an identical object already exists.
   * @throws Error when a different object exists, or Cloud Storage refuses the copy
   */
  copyTo(video: LandedVideo, gcsUri: string): Promise<void>;
}

/** The object, or the requested generation of it, no longer exists. */
export class ObjectMissingError extends Error {}

/** An object that a request names as input. */
export interface InputObject {
  readonly bytes: number;
  readonly contentType: string;
  readonly generation: string;
}

/** The inputs of requests: the input bucket, and objects in other buckets that requests may name. */
export interface InputStore {
  readonly bucket: string;
  /**
   * Returns the object's metadata, or nothing if it does not exist.
   * @param generation reads this generation, even if it was replaced since; a bucket with object versioning keeps it
   */
  head(gcsUri: string, generation?: string): Promise<InputObject | undefined>;
  /**
   * Reads bytes `start` to `end` inclusive, as stored (not unzipped); returns fewer at the end of the object.
   * @param generation reads this generation, even if it was replaced since
   * @throws ObjectMissingError when that generation no longer exists
   */
  readRange(gcsUri: string, start: number, end: number, generation?: string): Promise<Uint8Array>;
  /** Returns a link by which anyone can upload one object of this name and type, for `ttlMs`. */
  signedPutUrl(name: string, mimeType: string, ttlMs: number): Promise<string>;
  /** Stores the bytes unless an object of that name exists; returns its `gs://` URI. */
  putOnce(name: string, mimeType: string, bytes: Uint8Array): Promise<string>;
  /**
   * Copies one generation into the input bucket inside Cloud Storage, unless an object of that name exists.
   * @returns its `gs://` URI @throws ObjectMissingError when that generation no longer exists
   */
  copyOnce(gcsUri: string, generation: string, name: string): Promise<string>;
  /** Like {@link ResultStore.writeOnce}. */
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

/** The input bucket, for files that users upload there directly. */
export interface UploadBucket {
  readonly bucket: string;
  /** @param generation reads this generation, even if it was replaced since */
  head(name: string, generation?: string): Promise<UploadedObject | undefined>;
  /** Returns nothing if that generation no longer exists. */
  read(name: string, generation: string): Promise<Uint8Array | undefined>;
  /** Writes only if `over` is the current generation; `0` means no object. @returns whether it was written */
  write(name: string, contentType: string, bytes: Uint8Array, over: string): Promise<boolean>;
  /** Deletes the object only if this is its current generation. */
  remove(name: string, generation: string): Promise<void>;
}

/** One generation of an uploaded file that waits for its image or its sidecar. */
export interface UploadWait {
  readonly waitId: string;
  readonly name: string;
  readonly generation: string;
  /** When the file is reported if what it waits for still does not exist. Milliseconds since the epoch. */
  readonly dueAt: number;
}

export interface UploadWaits {
  /** Stores the wait, or replaces it: each delivery of the event sets `dueAt` again. */
  put(wait: UploadWait): Promise<void>;
  /** Waits whose time has come, longest overdue first. */
  due(now: number, limit: number): Promise<readonly UploadWait[]>;
  remove(waitId: string): Promise<void>;
}

/** A CloudEvent 1.0 that Clapper publishes; its source is the deployment. */
export interface OutgoingEvent {
  /** Stays the same when the event is published again, so that subscribers can deduplicate. */
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly data: unknown;
}

/** Subscribers to finished jobs, finished batches and failed schedules. */
export interface EventSink {
  /** Resolves once delivery is guaranteed (at least once). */
  publish(event: OutgoingEvent): Promise<void>;
}

export interface PaidCall {
  /** Sent to a provider that supports webhooks, which returns both ids with each event. */
  readonly jobId: string;
  readonly attemptId: string;
  /** Includes the outputs of the previous stage. */
  readonly stage: Stage;
  readonly location: string;
  /** `gs://bucket/jobs/{jobId}/{attemptId}/`; providers that deliver by download ignore it. */
  readonly outputUri: string;
  readonly timeoutMs: number;
}

export type SubmitAnswer =
  | { readonly kind: 'accepted'; readonly operation: OperationRef }
  /** The result itself: image models answer synchronously. */
  | { readonly kind: 'image'; readonly bytes: Uint8Array; readonly mimeType: ImageMimeType }
  /** The result is already stored under the output URI. */
  | { readonly kind: 'stored'; readonly uri: string }
  /** A safety filter blocked the output or the prompt. */
  | { readonly kind: 'withheld'; readonly side: FilteredSide; readonly reasons: readonly string[] }
  | { readonly kind: 'failed'; readonly signal: ProviderSignal };

/** I1: sends exactly one HTTP request and never repeats it, even when it fails. Does not throw. */
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
  /** `bucket`: the provider writes to the output URI. `download`: Clapper downloads the videos from the provider. */
  readonly delivers: 'bucket' | 'download';
  /**
   * Prepares the paid call: credentials, inputs, body. All slow and fallible work happens here, before the job is
   * claimed, so that a failure here proves that no call was sent, and few crashes fall between claim and call.
   * @throws Error when the call cannot be prepared
   */
  prepare(call: PaidCall): Promise<PaidSubmission>;
  /** Does not throw. */
  poll(operation: OperationRef): Promise<PollAnswer>;
  /** Opens one source of a result. Used only if `delivers` is `download`. Does not throw. */
  download(sourceUri: string): Promise<DownloadAnswer>;
  /** Requests cancellation of an operation, if the provider supports it. Best effort: the attempt is still polled. */
  cancel?(operation: OperationRef): Promise<void>;
}

/** A caller's request to an image model, forwarded with this deployment's credentials. */
export interface ImageCall {
  readonly provider: ImageProviderName;
  readonly model: string;
  readonly method: 'predict' | 'generateContent';
  readonly location: string;
  /** JSON in Google's format. */
  readonly body: string;
  readonly timeoutMs: number;
  /** A longer answer is cut off at this size, and the connection is closed. */
  readonly answerBytesMax: number;
}

export type ImageCallAnswer =
  /** The model's answer, streamed. */
  | { readonly kind: 'body'; readonly body: ReadableStream<Uint8Array>; readonly contentType: string }
  | { readonly kind: 'failed'; readonly signal: ProviderSignal };

export interface ImagePassThrough {
  /** Returns whether this deployment has credentials for the provider. */
  serves(provider: ImageCall['provider']): boolean;
  /** I1: sends exactly one request. Does not throw. */
  send(call: ImageCall): Promise<ImageCallAnswer>;
}

/** Authenticates callers. */
export interface CallerCheck {
  /** @returns the caller's name @throws ProblemError 401 or 403 */
  verify(headers: Headers): Promise<string>;
}

/** The API keys of this deployment. `create` returns the secret once; only its hash is stored. */
export interface ApiKeyStore {
  create(owner: ApiKeyOwner): Promise<{ readonly key: ApiKey; readonly secret: string }>;
  get(keyId: string): Promise<ApiKey | undefined>;
  /** Lists all keys, including revoked ones, newest first. */
  list(): Promise<readonly ApiKey[]>;
  /** Does not change a key that is already revoked. @returns the stored key, or nothing if the id does not exist */
  revoke(keyId: string, by: string, at: number): Promise<ApiKey | undefined>;
}

/** Verifies that a webhook comes from the provider. */
export interface WebhookCheck {
  /** @throws ProblemError 401 */
  verify(headers: Headers, body: Uint8Array): Promise<void>;
}

export type Severity = 'DEBUG' | 'INFO' | 'NOTICE' | 'WARNING' | 'ERROR';

/** Writes one structured log entry. `fields` are Cloud Logging's special fields or Clapper's own. */
export type Log = (severity: Severity, message: string, fields?: Readonly<Record<string, unknown>>) => void;

/** The dependencies of the handlers. */
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
  /** Absent if this deployment has no API keys. */
  readonly keys?: ApiKeyStore | undefined;
  /** Absent if this deployment forwards no image calls. */
  readonly images?: ImagePassThrough | undefined;
  /** Checked before paid calls that use no submit queue. Absent if there are none. */
  readonly submissions?: Pick<Submissions, 'isPaused'> | undefined;
  /** Absent if no provider webhook is configured. */
  readonly providerWebhooks?: WebhookCheck | undefined;
  /** Absent if uploads to the input bucket start nothing. */
  readonly uploads?: UploadBucket | undefined;
  /** The configured schedules and the state of their fires. Absent if this deployment has none. */
  readonly schedules?: { readonly schedules: Schedules; readonly store: ScheduleStore } | undefined;
  /** Absent if no events topic is configured. */
  readonly events?: EventSink | undefined;
  readonly policy: Policy;
  readonly catalogue: Catalogue;
  readonly log: Log;
  readonly settings: ServiceSettings;
}

export interface ServiceSettings {
  /** The location of paid calls for a model that is no longer in the catalogue. */
  readonly locations: Readonly<Record<ProviderName, string>>;
  readonly allowRetiredModels: boolean;
  /** The models are simulated, and their videos have fewer pixels than they say. Default: `allowRetiredModels`. */
  readonly scaledDownVideos?: boolean;
  /** Runs a job for a retired model on its successor instead of refusing it. */
  readonly aliasRetiredModels: boolean;
  /** Requests come from the EU, UK, Switzerland or MENA, where the models restrict the generation of people. */
  readonly restrictedRegion: boolean;
  /** `gs://` prefixes that every caller may read, besides the caller's own folder in the input bucket. */
  readonly readablePrefixes: readonly string[];
  /** Topics that requests may name for Google to publish to, `projects/PROJECT/topics/TOPIC`. */
  readonly pubsubTopics?: readonly string[];
  /** `gs://` prefixes that every caller may have videos copied to, besides its own folder in the input bucket. */
  readonly deliveryPrefixes?: readonly string[];
  /** Runs a retired model on its successor on the Google-compatible routes. Default: true. */
  readonly compatAliases?: boolean;
  /** The jobs or batches that objects in the input bucket start, and which of these objects their callers may read. */
  readonly uploadRules?: readonly UploadRule[];
  readonly signedUrlTtlMs: number;
  /** Origins whose web pages may call the API from a browser, such as `https://app.example.com`. Default: none. */
  readonly corsOrigins?: readonly string[];
  readonly logPrompts: boolean;
  /** Callers who operate the deployment: they see every job and resolve attempts with an unknown outcome. */
  readonly operators: readonly string[];
  /** The database was restored from a copy: claims after the copy are looked for. Absent: it was never restored. */
  readonly restored?: RestoredDatabase | undefined;
  /** Paid calls per minute of each model, instead of the catalogue's quota. */
  readonly requestsPerMinute?: number | undefined;
}
