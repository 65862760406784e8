/**
 * The record of a job: a discriminated union on `status`. Each status has only its own fields.
 *
 * The live statuses (`submitting`, `uncertain`, `running`, `landing`) are the states of the current attempt, which is a
 * union of its own on `state`. A job that was cancelled or has passed its deadline may still follow a live attempt
 * (`following`) until its outcome and charge are known. The status of the job does not change any more (I6).
 *
 * Times are milliseconds since the epoch. The schemas parse the records that the store returns.
 */
import { z } from 'zod';
import { defined } from '../defined.ts';
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

/** A caller waits for an interactive job; a batch job may take hours. Each lane of a model has its own submit queue. */
export const LANES = ['interactive', 'batch'] as const;
export type Lane = (typeof LANES)[number];

/**
 * When the job takes its next step (I3). A task carries the `seq` of its wake and is ignored if the job has another one by
 * then. `ring` counts how often this wake was enqueued again, by the sweep or because the model was over its quota, so that
 * each task has a name of its own.
 */
const wakeSchema = z.object({ at: z.number(), seq: z.number(), ring: z.number() });
export type Wake = z.infer<typeof wakeSchema>;

/** The batch row that the job was created from. */
const batchRowSchema = z.object({
  batchId: z.string(),
  /** 1 for the first. */
  row: z.number(),
  /** The retry of this job, which counts for the row instead. */
  supersededBy: z.string().optional(),
  /** When the batch released this record. An unreleased record does not expire, however long ago the job ended. */
  letGoAt: z.number().optional(),
});
export type BatchRow = z.infer<typeof batchRowSchema>;

const jobBaseSchema = z.object({
  jobId: z.string(),
  caller: z.string(),
  request: videoRequestSchema,
  /** SHA-256 of the request as received. Detects a different request under the same idempotency key. */
  fingerprint: z.string(),
  estimateUsd: z.number(),
  createdAt: z.number(),
  updatedAt: z.number(),
  /** Incremented by every save. Stores compare it in the transaction, as a fencing token (I4). */
  revision: z.number(),
  /** The number of wakes so far; the `seq` of the last one. */
  wakes: z.number(),
  deadlineAt: z.number(),
  /** A job that was not submitted by then fails. */
  startByAt: z.number().optional(),
  /** The deadline of the request. Absent: the default, which stands still while the job is held. */
  finishByAt: z.number().optional(),
  lane: z.enum(LANES).default('interactive'),
  trace: z.string().optional(),
  /** Ended attempts, oldest first. */
  attempts: z.array(endedAttemptSchema),
  /** The failed job that this job retries, and its landed attempts, which are not paid for again. */
  retryOf: z
    .object({
      jobId: z.string(),
      landed: z.array(endedAttemptSchema),
      /** The cost of all earlier jobs in this chain of retries, in US dollars, without their landed attempts. */
      lostUsd: z.object({ charged: z.number(), unknown: z.number() }).default({ charged: 0, unknown: 0 }),
    })
    .optional(),
  /** The retry of this failed job. There is at most one, even after its record has expired. */
  retriedBy: z.string().optional(),
  batch: batchRowSchema.optional(),
});

export type JobBase = z.infer<typeof jobBaseSchema>;

const followingSchema = z.object({ attempt: liveAttemptSchema, wake: wakeSchema });

/** If announcements are enabled: when that of an ended job or batch became due, or when it was sent. */
export const announcementSchema = z.union([
  z.object({ dueAt: z.number() }),
  z.object({ sentAt: z.number() }),
]);
const ended = { finishedAt: z.number(), announcement: announcementSchema.optional() };

const queuedSchema = jobBaseSchema.extend({
  status: z.literal('queued'),
  wake: wakeSchema,
  /** The job must not be submitted before this time. */
  readyAt: z.number().default(0),
  /** Why the last attempt did not succeed; shown to the caller. */
  reason: z.string().optional(),
  /** Consecutive quota refusals. They are free, do not count as attempts, and set the back-off. */
  refusalsInARow: z.number(),
  /** Since when the job waits for the resume of its batch, which was paused when the paid call was due. */
  heldAt: z.number().optional(),
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
    ...ended,
    videos: z.array(landedVideoSchema),
    /** How many of the requested videos a safety filter withheld, and why. */
    filteredCount: z.number(),
    filteredReasons: z.array(z.string()),
  }),
  jobBaseSchema.extend({
    status: z.literal('failed'),
    ...ended,
    error: jobErrorSchema,
    following: followingSchema.optional(),
  }),
  jobBaseSchema.extend({
    status: z.literal('cancelled'),
    ...ended,
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
  const { deadlineAt, startByAt, finishByAt, lane, trace, attempts, retryOf, retriedBy, batch } = job;
  return {
    jobId,
    caller,
    request,
    fingerprint,
    estimateUsd,
    createdAt,
    updatedAt,
    revision,
    wakes,
    deadlineAt,
    lane,
    attempts,
    ...defined({ startByAt, finishByAt, trace, retryOf, retriedBy, batch }),
  };
}

export const isTerminal = (job: Job): job is TerminalJob =>
  job.status === 'succeeded' || job.status === 'failed' || job.status === 'cancelled';

/** The attempt without an outcome yet: that of an unfinished job, or the one that a terminal job follows. */
export function liveAttemptOf(job: Job): LiveAttempt | undefined {
  if ('attempt' in job) return job.attempt;
  return 'following' in job ? job.following?.attempt : undefined;
}

/** The job's wake; undefined if nothing is left to do. */
export function wakeOf(job: Job): Wake | undefined {
  if ('wake' in job) return job.wake;
  return 'following' in job ? job.following?.wake : undefined;
}
