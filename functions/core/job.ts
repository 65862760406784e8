/**
 * What a job is. A job is a discriminated union on `status`; each status carries only what it owns.
 *
 * Live statuses (`submitting`, `uncertain`, `running`, `landing`) are those of the attempt under way, which is a union
 * of its own on `state`. A job that was ended from outside (cancelled, deadline) may still `follow` such an attempt to
 * its real outcome and charge, without ever changing its own status again (I6).
 *
 * Times are milliseconds since the epoch. The schemas parse what comes back from the store.
 */
import { z } from 'zod';

const providerSchema = z.enum(['vertex', 'gemini', 'omni']);
const aspectRatioSchema = z.enum(['16:9', '9:16']);
const resolutionSchema = z.enum(['360p', '720p', '1080p', '4k']);
const personGenerationSchema = z.enum(['allow_adult', 'dont_allow', 'allow_all']);
/** The retired model that was asked for, where another runs in its place. */
const aliasOfSchema = z.object({ model: z.string(), retiredOn: z.string() });

/** Somebody waits for an interactive job; a batch job has the night. Each lane of a model has a line of its own. */
const laneSchema = z.enum(['interactive', 'batch']);
export type Lane = z.infer<typeof laneSchema>;
export const LANES = laneSchema.options;

/** One input picture, already in a bucket: inline bytes never enter the job record (Firestore's 1 MiB). */
const storedImageSchema = z.object({
  gcsUri: z.string(),
  mimeType: z.enum(['image/png', 'image/jpeg']),
  /** `gs://bucket/name#generation`, of the job's own copy of a picture that others may replace. */
  copyOf: z.string().optional(),
});
export type StoredImage = z.infer<typeof storedImageSchema>;

/** A video in a bucket, to be extended, edited or enlarged; its length was read from the file. */
const storedVideoSchema = z.object({
  gcsUri: z.string(),
  mimeType: z.literal('video/mp4'),
  durationSeconds: z.number(),
  /** Where its provider keeps it, for one that extends only what it still has. */
  sourceUri: z.string().optional(),
  /** Its shape, where the file or its job says. */
  aspectRatio: aspectRatioSchema.optional(),
  /** Absent where it has none of Google's. */
  resolution: resolutionSchema.optional(),
  /** In pixels, and frames a second, where the file was looked into: that of a job is taken at its word. */
  picture: z.object({ width: z.number(), height: z.number() }).optional(),
  framesPerSecond: z.number().optional(),
});
export type StoredVideo = z.infer<typeof storedVideoSchema>;

/** The operation that a request goes on from, and what it had made. */
const previousTurnSchema = storedVideoSchema
  .pick({ durationSeconds: true, aspectRatio: true, resolution: true })
  .extend({ jobId: z.string(), operationName: z.string() });
export type PreviousTurn = z.infer<typeof previousTurnSchema>;

/** The request of one of Google's own surfaces that a job was made of: its operation is named and answered by this. */
const compatOriginSchema = z.object({
  surface: z.enum(['developer', 'vertex']),
  /** The model that was asked for, as the operation's name has it. */
  model: z.string(),
  /** `projects/{project}/locations/{location}` of the Vertex surface; absent in its express mode, and elsewhere. */
  parent: z.string().optional(),
  /** What was asked and runs otherwise, a sentence each. */
  changes: z.array(z.string()),
});
export type CompatOrigin = z.infer<typeof compatOriginSchema>;

/** A request with every default settled: what goes out is written here, not decided later. */
const videoRequestSchema = z.object({
  provider: providerSchema,
  model: z.string(),
  prompt: z.string().optional(),
  /** A picture to be made first, from words or from another picture, that becomes `image`. */
  firstFrame: z
    .object({
      provider: providerSchema,
      model: z.string(),
      prompt: z.string(),
      image: storedImageSchema.optional(),
      imageSize: z.enum(['1K', '2K', '4K']).optional(),
      aliasOf: aliasOfSchema.optional(),
    })
    .optional(),
  image: storedImageSchema.optional(),
  lastFrame: storedImageSchema.optional(),
  referenceImages: z.array(storedImageSchema).optional(),
  /** The video that `task` is done with: extended, `prompt` says how it goes on; edited, what becomes different. */
  video: storedVideoSchema.optional(),
  /** What is done with `video`, or with the video of `previousTurn`. Absent: a new video, or an extension of `video`. */
  task: z.enum(['extend', 'edit', 'upscale']).optional(),
  /** Instead of `video`: the provider still has it, and what was said of it. */
  previousTurn: previousTurnSchema.optional(),
  /** Further extensions, one after the other. */
  extensions: z.array(z.object({ prompt: z.string().optional(), durationSeconds: z.number() })).optional(),
  /** Of a new video its length, of an extension what it adds; an edited or enlarged one keeps its length. */
  durationSeconds: z.number(),
  aspectRatio: aspectRatioSchema,
  resolution: resolutionSchema,
  sampleCount: z.number(),
  generateAudio: z.boolean(),
  seed: z.number().optional(),
  negativePrompt: z.string().optional(),
  enhancePrompt: z.boolean().optional(),
  personGeneration: personGenerationSchema.optional(),
  resizeMode: z.enum(['pad', 'crop']).optional(),
  compressionQuality: z.enum(['optimized', 'lossless']).optional(),
  fps: z.number().optional(),
  /** For the bill: Google groups costs by them. */
  labels: z.record(z.string(), z.string()).optional(),
  /** Where Google publishes what becomes of the operation, with its own identity. */
  pubsubTopic: z.string().optional(),
  /** New attempts after a filter withheld everything it had made, each paid for only if it delivers. */
  rerollOnSafety: z.number().optional(),
  aliasOf: aliasOfSchema.optional(),
  /** `gs://bucket/folder/` that the landed videos are copied under, besides our own bucket. */
  deliverTo: z.string().optional(),
  compat: compatOriginSchema.optional(),
});
export type VideoRequest = z.infer<typeof videoRequestSchema>;

/** The provider's long-running operation. Everything a later poll needs is pinned here (peers poll the wrong region). */
const operationRefSchema = z.object({
  provider: providerSchema,
  name: z.string(),
  model: z.string(),
  location: z.string(),
});
export type OperationRef = z.infer<typeof operationRefSchema>;

const chargedSchema = z.enum(['yes', 'no', 'unknown']);
export type Charged = z.infer<typeof chargedSchema>;

const jobErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  retryable: z.boolean(),
  charged: chargedSchema,
  /** Safety categories, when a filter decided. */
  categories: z.array(z.string()).optional(),
});
export type JobError = z.infer<typeof jobErrorSchema>;

/** A finished video, or the picture of a first stage, in our bucket. */
const landedVideoSchema = z.object({
  /** `gs://bucket/name` */
  uri: z.string(),
  generation: z.string(),
  bytes: z.number(),
  /** Base64 of the big-endian CRC-32C, as Cloud Storage reports it. */
  crc32c: z.string(),
  contentType: z.string(),
  /** Read from the file itself; absent when the file does not say. */
  durationSeconds: z.number().optional(),
  /** The copy under the request's `deliverTo`, `gs://bucket/name`. */
  deliveredUri: z.string().optional(),
});
export type LandedVideo = z.infer<typeof landedVideoSchema>;

/** What a safety filter judged: what was asked for, or what was made of it. Only the latter may come out otherwise. */
const filteredSideSchema = z.enum(['input', 'output']);
export type FilteredSide = z.infer<typeof filteredSideSchema>;

/** What a provider said of a finished operation, in one shape for all of them. */
const operationResultSchema = z.object({
  /** Where the provider keeps the videos. Vertex: `gs://` names, for the record only, the listing decides. */
  sources: z.array(z.object({ uri: z.string() })),
  filteredCount: z.number(),
  filteredReasons: z.array(z.string()),
  /** What was judged; the output where nothing is said. */
  filteredSide: filteredSideSchema.optional(),
  /** What the model said where a video was to be. */
  words: z.string().optional(),
});
export type OperationResult = z.infer<typeof operationResultSchema>;

const attemptBaseSchema = z.object({
  attemptId: z.string(),
  /** Index of the stage it is for. */
  stage: z.number(),
  /** 1 for the first paid submission of a stage. */
  number: z.number(),
  /** Name prefix of everything this attempt writes: `jobs/{jobId}/{attemptId}/`. Unique, so objects are evidence. */
  outputPrefix: z.string(),
  location: z.string(),
  reservedUsd: z.number(),
  submittedAt: z.number(),
});

const submittingSchema = attemptBaseSchema.extend({
  state: z.literal('submitting'),
  /** No caller of the provider may still be at work after this. */
  leaseUntil: z.number(),
  /** Quota refusals in a row before this one; they go on counting if it is refused too. */
  refusalsBefore: z.number(),
});
const uncertainSchema = attemptBaseSchema.extend({
  state: z.literal('uncertain'),
  cause: z.string(),
  /** When the policy decides in the absence of evidence. */
  decideAt: z.number(),
  looks: z.number(),
  operation: operationRefSchema.optional(),
});
const runningSchema = attemptBaseSchema.extend({
  state: z.literal('running'),
  operation: operationRefSchema,
  polls: z.number(),
  pollErrorsInARow: z.number(),
  /** Looks still to be taken soon because an object has appeared under the prefix. */
  quickLooks: z.number(),
});
const landingSchema = attemptBaseSchema.extend({
  state: z.literal('landing'),
  operation: operationRefSchema.optional(),
  polls: z.number(),
  result: operationResultSchema,
  doneAt: z.number(),
  tries: z.number(),
});
const liveAttemptSchema = z.discriminatedUnion('state', [
  submittingSchema,
  uncertainSchema,
  runningSchema,
  landingSchema,
]);
export type LiveAttempt = z.infer<typeof liveAttemptSchema>;
export type AttemptIn<S extends LiveAttempt['state']> = Extract<LiveAttempt, { state: S }>;

/** An attempt whose outcome is known, or will never be. */
const endedAttemptSchema = attemptBaseSchema.extend({
  state: z.literal('ended'),
  outcome: z.enum(['landed', 'rejected', 'filtered', 'failed', 'unknown']),
  charged: chargedSchema,
  endedAt: z.number(),
  polls: z.number(),
  operation: operationRefSchema.optional(),
  error: jobErrorSchema.optional(),
  videos: z.array(landedVideoSchema).optional(),
  /** Where the provider kept the videos, in their order, when it said so. */
  sourceUris: z.array(z.string()).optional(),
  /** Videos that a safety filter withheld, and why: some of a landed attempt, all of a filtered one. */
  filteredCount: z.number().optional(),
  filteredReasons: z.array(z.string()).optional(),
  /** Of a filtered one. */
  filteredSide: filteredSideSchema.optional(),
  /** The operator who said what could not be learned. */
  resolved: z.object({ by: z.string(), at: z.number(), note: z.string().optional() }).optional(),
});
export type EndedAttempt = z.infer<typeof endedAttemptSchema>;

/**
 * The job's alarm (I3). Tasks name `seq` and are ignored when it is no longer the job's; `ring` counts the times the
 * sweep rang again for the same step, so that each ringing has a task name of its own.
 */
const wakeSchema = z.object({ at: z.number(), seq: z.number(), ring: z.number() });
export type Wake = z.infer<typeof wakeSchema>;

/** The row that a job was made of. Once a retry makes it good, the job does not count for the row any more. */
const batchRowSchema = z.object({
  batchId: z.string(),
  /** 1 for the first. */
  row: z.number(),
  supersededBy: z.string().optional(),
  /** Since when the batch does not need this record any more; until then it is kept, however long ago the job ended. */
  letGoAt: z.number().optional(),
});
export type BatchRow = z.infer<typeof batchRowSchema>;

const jobBaseSchema = z.object({
  jobId: z.string(),
  caller: z.string(),
  request: videoRequestSchema,
  /** SHA-256 of the request as it came, to tell a repeated request from another one under the same key. */
  fingerprint: z.string(),
  estimateUsd: z.number(),
  createdAt: z.number(),
  updatedAt: z.number(),
  /** Counts saved changes; with the transaction, the fence of every write (I4). */
  revision: z.number(),
  /** Wakes handed out so far; the next one gets the next number. */
  wakes: z.number(),
  deadlineAt: z.number(),
  /** A job that was never submitted by then is not wanted any more. */
  startByAt: z.number().optional(),
  lane: laneSchema.default('interactive'),
  trace: z.string().optional(),
  /** Ended attempts, oldest first. */
  attempts: z.array(endedAttemptSchema),
  /** The failed job that this one makes good, and what that one has landed: it is not paid for again. */
  retryOf: z
    .object({
      jobId: z.string(),
      landed: z.array(endedAttemptSchema),
      /** What the jobs before it came to, in US dollars, without what they have landed. */
      lostUsd: z.object({ charged: z.number(), unknown: z.number() }).default({ charged: 0, unknown: 0 }),
    })
    .optional(),
  /** The one job that was made to make this failed one good; this outlives that one's record. */
  retriedBy: z.string().optional(),
  batch: batchRowSchema.optional(),
});

export type JobBase = z.infer<typeof jobBaseSchema>;

const followingSchema = z.object({ attempt: liveAttemptSchema, wake: wakeSchema });

/** Where ends are published: since when that of a job or batch waits for it, or when it was. */
export const announcementSchema = z.union([
  z.object({ dueAt: z.number() }),
  z.object({ sentAt: z.number() }),
]);
const over = { finishedAt: z.number(), announcement: announcementSchema.optional() };

const queuedSchema = jobBaseSchema.extend({
  status: z.literal('queued'),
  wake: wakeSchema,
  /** Not to be submitted before. */
  readyAt: z.number().default(0),
  /** Why it still waits, when it has been tried: shown to the caller. */
  reason: z.string().optional(),
  /** Refusals that cost nothing and count as no attempt (quota), in a row; they set the back-off. */
  refusalsInARow: z.number(),
});
const live = <S extends z.ZodType>(attempt: S) => ({ attempt, wake: wakeSchema });
export const jobSchema = z.discriminatedUnion('status', [
  queuedSchema,
  jobBaseSchema.extend({ status: z.literal('submitting'), ...live(submittingSchema) }),
  jobBaseSchema.extend({ status: z.literal('uncertain'), ...live(uncertainSchema) }),
  jobBaseSchema.extend({ status: z.literal('running'), ...live(runningSchema) }),
  jobBaseSchema.extend({ status: z.literal('landing'), ...live(landingSchema) }),
  jobBaseSchema.extend({
    status: z.literal('succeeded'),
    ...over,
    videos: z.array(landedVideoSchema),
    /** Videos asked for that a safety filter withheld, and why. */
    filteredCount: z.number(),
    filteredReasons: z.array(z.string()),
  }),
  jobBaseSchema.extend({
    status: z.literal('failed'),
    ...over,
    error: jobErrorSchema,
    following: followingSchema.optional(),
  }),
  jobBaseSchema.extend({
    status: z.literal('cancelled'),
    ...over,
    following: followingSchema.optional(),
  }),
]);
export type Job = z.infer<typeof jobSchema>;
export type JobStatus = Job['status'];
export type JobIn<S extends JobStatus> = Extract<Job, { status: S }>;
export type TerminalJob = JobIn<'succeeded' | 'failed' | 'cancelled'>;

export const JOB_STATUSES = [
  'queued',
  'submitting',
  'uncertain',
  'running',
  'landing',
  'succeeded',
  'failed',
  'cancelled',
] as const satisfies readonly JobStatus[];

/** The part of a job that every status shares. */
export function baseOf(job: Job): JobBase {
  const { jobId, caller, request, fingerprint, estimateUsd, createdAt, updatedAt, revision, wakes } = job;
  const { deadlineAt, startByAt, lane, trace, attempts, retryOf, retriedBy, batch } = job;
  return {
    ...{ jobId, caller, request, fingerprint, estimateUsd, createdAt, updatedAt, revision, wakes },
    ...{ deadlineAt, lane, attempts },
    ...(startByAt === undefined ? {} : { startByAt }),
    ...(trace === undefined ? {} : { trace }),
    ...(retryOf === undefined ? {} : { retryOf }),
    ...(retriedBy === undefined ? {} : { retriedBy }),
    ...(batch === undefined ? {} : { batch }),
  };
}

export const isTerminal = (job: Job): job is TerminalJob =>
  job.status === 'succeeded' || job.status === 'failed' || job.status === 'cancelled';

/** The attempt whose outcome is still open, whether the job waits for it or merely follows it. */
export function liveAttemptOf(job: Job): LiveAttempt | undefined {
  if ('attempt' in job) return job.attempt;
  return 'following' in job ? job.following?.attempt : undefined;
}

/** The job's alarm; absent once nothing is left to do. */
export function wakeOf(job: Job): Wake | undefined {
  if ('wake' in job) return job.wake;
  return 'following' in job ? job.following?.wake : undefined;
}

/** What a succeeded or failed attempt left in the bucket under this prefix belongs to it and to no other. */
export const outputPrefixOf = (jobId: string, attemptId: string): string => `jobs/${jobId}/${attemptId}/`;
