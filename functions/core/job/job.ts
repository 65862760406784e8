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
import {
  endedAttemptSchema,
  jobErrorSchema,
  type LiveAttempt,
  landedVideoSchema,
  landingSchema,
  liveAttemptSchema,
  runningSchema,
  submittingSchema,
  uncertainSchema,
} from './attempt-record.ts';
import { videoRequestSchema } from './video-request.ts';

/** Somebody waits for an interactive job; a batch job has the night. Each lane of a model has a line of its own. */
const laneSchema = z.enum(['interactive', 'batch']);
export type Lane = z.infer<typeof laneSchema>;
export const LANES = laneSchema.options;

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
