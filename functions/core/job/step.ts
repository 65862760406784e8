/**
 * The state machine of a job: `step(job, event, context)` returns the next job and its effects, or undefined if the event
 * changes nothing. Pure: the caller loads, steps and saves in one transaction (I4), then performs the effects.
 *
 * Invariants that this file keeps, by number (ARCHITECTURE.md has the list):
 * I1 only the process that saved `submitting` makes the paid call; `claim` changes nothing unless the job is `queued`.
 * I2 an unknown outcome becomes `uncertain` (attempt.ts).
 * I3 every status with work left has a wake; handlers ignore the task of any other wake.
 * I6 a terminal status never changes; only the attempt that the job follows may still end.
 */

import type { LatencyProfile } from '../catalogue/catalogue.ts';
import { markAnnounced, markAnnouncementDue } from './announcement.ts';
import {
  type AttemptChange,
  type AttemptContext,
  type AttemptEvent,
  advanceAttempt,
  type Ruling,
  resolvedBy,
} from './attempt.ts';
import {
  type EndedAttempt,
  type JobError,
  type LiveAttempt,
  type OperationRef,
  outputPrefixOf,
} from './attempt-record.ts';
import type { ClaimNote } from './claim-note.ts';
import { type Effect, effectsOf } from './effects.ts';
import { minWaitMs } from './errors.ts';
import { follow, resumeFollowing } from './following.ts';
import {
  type BatchRow,
  baseOf,
  isTerminal,
  type Job,
  type JobBase,
  type JobIn,
  type Lane,
  liveAttemptOf,
} from './job.ts';
import { backoffMs, type Policy } from './policy.ts';
import { currentStage, stageIndexOf, stagesOf } from './stages.ts';
import type { VideoRequest } from './video-request.ts';
import {
  deadlineAfterHold,
  enqueueAgain,
  followingWake,
  nextWake,
  startDeadline,
  timeUpAt,
} from './wake-schedule.ts';

export type JobEvent =
  /** A submit task is about to make the paid call. */
  | {
      readonly type: 'claim';
      readonly seq: number;
      readonly attemptId: string;
      readonly location: string;
      /** The price estimate of the stage, reserved for this attempt. */
      readonly reservedUsd: number;
    }
  /** The job was claimed after the copy from which the database was restored. Its attempt is continued. */
  | {
      readonly type: 'recover';
      /** The wake of a queued job. */
      readonly seq: number | undefined;
      readonly note: ClaimNote;
      /** Absent: it is unknown whether the provider accepted the submission. */
      readonly operation: OperationRef | undefined;
    }
  /** The paid call could not be prepared. Nothing was claimed. */
  | { readonly type: 'postpone'; readonly seq: number; readonly error: JobError }
  /** The batch of the job is paused. The job leaves its submit queue until then, at the latest. */
  | { readonly type: 'hold'; readonly seq: number; readonly untilMs: number; readonly reason: string }
  /** The batch of a held job was resumed. */
  | { readonly type: 'release' }
  /** A submit task found the model over its quota: the task of this wake is enqueued again for a later time. */
  | { readonly type: 'defer'; readonly seq: number; readonly ring: number; readonly at: number }
  /** An observation about one attempt. */
  | { readonly type: 'attempt'; readonly attemptId: string; readonly observed: AttemptEvent }
  /** The sweep found the wake overdue and its task missing. */
  | { readonly type: 'enqueueAgain' }
  /** The sweep found the wake overdue and its task still in the queue. */
  | { readonly type: 'stillWaiting' }
  /** The job may have passed its deadline. */
  | { readonly type: 'deadline' }
  | { readonly type: 'cancel' }
  /** An operator decided the unknown outcome of an attempt. */
  | { readonly type: 'resolve'; readonly ruling: Ruling }
  /** The end of the job has been published. */
  | { readonly type: 'announced' };

export interface StepContext {
  readonly now: number;
  /** In [0, 1), for jitter. */
  readonly random: number;
  readonly policy: Policy;
  /** The latency profile of the job's model, divided by the speed-up. */
  readonly latency: LatencyProfile;
}

export interface Step {
  readonly job: Job;
  readonly effects: readonly Effect[];
  /** A new job to create in the same transaction; it must not exist yet. `effects` are then those of the new job. */
  readonly made?: Job | undefined;
}

export function newJob(
  seed: {
    readonly jobId: string;
    readonly caller: string;
    readonly request: VideoRequest;
    readonly fingerprint: string;
    readonly estimateUsd: number;
    readonly deadlineAt: number;
    readonly startByAt?: number | undefined;
    readonly finishByAt?: number | undefined;
    readonly lane: Lane;
    readonly trace?: string | undefined;
    readonly batch?: BatchRow | undefined;
  },
  { now }: Pick<StepContext, 'now'>,
): Step {
  const job: Job = {
    ...seed,
    status: 'queued',
    createdAt: now,
    updatedAt: now,
    revision: 1,
    wakes: 1,
    wake: { at: now, seq: 1, ring: 0 },
    readyAt: now,
    refusalsInARow: 0,
    attempts: [],
  };
  return { job, effects: effectsOf(undefined, job) };
}

export function step(job: Job, event: JobEvent, ctx: StepContext): Step | undefined {
  const next = transition(job, event, ctx);
  if (!next) return undefined;
  const updatedAt = event.type === 'announced' ? job.updatedAt : ctx.now;
  const saved = withAnnouncement(job, { ...next, revision: job.revision + 1, updatedAt }, ctx);
  return { job: saved, effects: effectsOf(job, saved) };
}

const withAnnouncement = (
  before: Job | undefined,
  job: Job,
  { now, policy }: Pick<StepContext, 'now' | 'policy'>,
): Job => (policy.announce ? markAnnouncementDue(before, job, now) : job);

/** Marks the announcement of a new job as due if the job is already terminal (a retry can succeed at once). */
export function announceNewJob({ job }: Step, ctx: Pick<StepContext, 'now' | 'policy'>): Step {
  const saved = withAnnouncement(undefined, job, ctx);
  return { job: saved, effects: effectsOf(undefined, saved) };
}

function transition(job: Job, event: JobEvent, ctx: StepContext): Job | undefined {
  switch (event.type) {
    case 'claim':
      return claim(job, event, ctx);
    case 'recover':
      return recover(job, event, ctx);
    case 'postpone':
      return postpone(job, event.seq, event.error, ctx);
    case 'hold':
      return hold(job, event, ctx);
    case 'release':
      return release(job, ctx);
    case 'defer':
      return defer(job, event, ctx);
    case 'attempt':
      return observe(job, event.attemptId, event.observed, ctx);
    case 'enqueueAgain':
    case 'stillWaiting':
      return enqueueAgain(job, event.type === 'enqueueAgain' ? 1 : 0, ctx);
    case 'deadline':
      return expire(job, ctx);
    case 'cancel':
      return endEarly(job, ctx, undefined);
    case 'resolve':
      return resolve(job, event.ruling, ctx);
    case 'announced':
      return markAnnounced(job, ctx.now);
  }
}

/** I1: the only transition to `submitting`, and only from `queued`. The process that saves it makes the paid call. */
function claim(
  job: Job,
  { seq, attemptId, location, reservedUsd }: Extract<JobEvent, { type: 'claim' }>,
  ctx: StepContext,
): Job | undefined {
  if (job.status !== 'queued' || job.wake.seq !== seq) return undefined;
  if (ctx.now >= timeUpAt(job)) return expire(job, ctx);
  const base = baseOf(job);
  const leaseUntil = ctx.now + ctx.policy.submitLeaseMs;
  return {
    ...base,
    status: 'submitting',
    ...nextWake(base, leaseUntil),
    attempt: {
      state: 'submitting',
      attemptId,
      stage: stageIndexOf(job),
      number: attemptsAtStage(job).length + 1,
      outputPrefix: outputPrefixOf(job.jobId, attemptId),
      location,
      reservedUsd,
      submittedAt: ctx.now,
      leaseUntil,
      refusalsBefore: job.refusalsInARow,
    },
  };
}

/**
 * Also after the deadline: a job that was paid for must not end as unpaid, because a retry would then pay again. A failed
 * job follows the attempt, for the same reason. The attempt is looked at immediately.
 */
function recover(
  job: Job,
  { seq, note, operation }: Extract<JobEvent, { type: 'recover' }>,
  ctx: StepContext,
): Job | undefined {
  const isUnpaid = job.status === 'queued' ? job.wake.seq === seq : mayRecover(job);
  if (!isUnpaid) return undefined;
  const { attemptId, stage, location, reservedUsd, notedAt } = note;
  const common = {
    attemptId,
    stage,
    number: attemptsAtStage(job).length + 1,
    outputPrefix: outputPrefixOf(job.jobId, attemptId),
    location,
    reservedUsd,
    submittedAt: notedAt,
  };
  const cause = 'The database was restored from a copy that is older than this submission.';
  const decideAt = Math.max(notedAt + ctx.latency.longestMs, ctx.now);
  const attempt: LiveAttempt = operation
    ? { ...common, state: 'running', operation, polls: 0, pollErrorsInARow: 0, quickLooks: 0 }
    : { ...common, state: 'uncertain', cause, decideAt, looks: 0 };
  if (job.status !== 'failed') return withAttempt(baseOf(job), attempt, ctx.now);
  const { wakes, wake } = followingWake(job, ctx.now);
  return { ...job, wakes, following: { attempt, wake } };
}

/** Whether a failed job may have an attempt that the restored database lacks, and that its retry would pay for again. */
export const mayRecover = (job: Job): job is JobIn<'failed'> =>
  job.status === 'failed' && job.following === undefined && job.retriedBy === undefined;

function postpone(job: Job, seq: number, error: JobError, ctx: StepContext): Job | undefined {
  if (job.status !== 'queued' || job.wake.seq !== seq) return undefined;
  if (ctx.now >= timeUpAt(job)) return expire(job, ctx);
  const refusalsInARow = job.refusalsInARow + 1;
  return requeue(
    baseOf(job),
    ctx.now + backoffMs(refusalsInARow, ctx.random, ctx.policy),
    error,
    refusalsInARow,
  );
}

function hold(
  job: Job,
  { seq, untilMs, reason }: Extract<JobEvent, { type: 'hold' }>,
  ctx: StepContext,
): Job | undefined {
  if (job.status !== 'queued' || job.wake.seq !== seq) return undefined;
  if (ctx.now >= timeUpAt(job)) return expire(job, ctx);
  const held = { ...job, heldAt: job.heldAt ?? ctx.now, reason, readyAt: untilMs };
  return { ...held, ...followingWake(job, Math.min(untilMs, timeUpAt(held))) };
}

function release(job: Job, ctx: StepContext): Job | undefined {
  if (job.status !== 'queued' || job.heldAt === undefined) return undefined;
  if (ctx.now >= timeUpAt(job)) return expire(job, ctx);
  const base = { ...baseOf(job), deadlineAt: deadlineAfterHold(job, ctx.now) };
  return requeue(base, ctx.now, undefined, job.refusalsInARow);
}

/** Only the delivery that enqueued the current task of the wake may replace it: a second delivery changes nothing. */
function defer(
  job: Job,
  { seq, ring, at }: Extract<JobEvent, { type: 'defer' }>,
  ctx: StepContext,
): Job | undefined {
  if (job.status !== 'queued' || job.wake.seq !== seq || job.wake.ring !== ring) return undefined;
  if (ctx.now >= timeUpAt(job)) return expire(job, ctx);
  return { ...job, wake: { seq, ring: ring + 1, at: Math.min(at, timeUpAt(job)) } };
}

function observe(job: Job, attemptId: string, observed: AttemptEvent, ctx: StepContext): Job | undefined {
  const attempt = liveAttemptOf(job);
  if (!attempt && observed.type === 'objectAppeared') return resumeFollowing(job, attemptId, undefined, ctx);
  if (!attempt && observed.type === 'submitAccepted') {
    return resumeFollowing(job, attemptId, observed.operation, ctx);
  }
  if (attempt?.attemptId !== attemptId) return undefined;
  const stage = currentStage(job);
  const sampleCount = stage.kind === 'image' ? 1 : stage.sampleCount;
  const attemptContext: AttemptContext = { ...ctx, sampleCount };
  const change = advanceAttempt(attempt, observed, attemptContext);
  if (change.kind === 'unchanged') return undefined;
  return isTerminal(job) ? follow(job, attempt, change, ctx) : settle(job, attempt, change, ctx);
}

/** Applies the change of an attempt to its unfinished job. */
function settle(
  job: Job,
  before: LiveAttempt,
  change: Exclude<AttemptChange, { kind: 'unchanged' }>,
  ctx: StepContext,
): Job {
  const base = baseOf(job);
  switch (change.kind) {
    case 'live':
      return withAttempt(base, change.attempt, change.wakeAt);
    case 'refused': {
      const refusalsInARow = (before.state === 'submitting' ? before.refusalsBefore : 0) + 1;
      const waitMs = Math.max(change.retryAfterMs ?? 0, backoffMs(refusalsInARow, ctx.random, ctx.policy));
      return requeue(base, ctx.now + waitMs, change.error, refusalsInARow);
    }
    case 'ended':
      return conclude(
        { ...base, attempts: [...base.attempts, change.attempt] },
        change.attempt,
        change.mayRetry,
        ctx,
      );
  }
}

function conclude(base: JobBase, ended: EndedAttempt, mayRetry: boolean, ctx: StepContext): Job {
  if (ended.outcome === 'landed') {
    // This attempt already counts as landed, so this is the index of the next stage.
    if (stageIndexOf(base) < stagesOf(base.request).length) return requeue(base, ctx.now, undefined, 0);
    const videos = ended.videos ?? [];
    const { filteredCount = 0, filteredReasons = [] } = ended;
    return { ...base, status: 'succeeded', finishedAt: ctx.now, videos, filteredCount, filteredReasons };
  }
  const error = ended.error ?? {
    code: 'FAILED',
    message: 'The attempt failed.',
    retryable: false,
    charged: ended.charged,
  };
  const tried = attemptsAtStage(base).filter(({ outcome }) => outcome !== 'filtered').length;
  // A retry that an operator decided on does not count against the limit.
  const maySubmit = mayRetry && (ended.resolved !== undefined || tried < ctx.policy.maxAttempts);
  if (maySubmit || mayReroll(base, ended)) {
    const waitMs = Math.max(backoffMs(Math.max(tried, 1), ctx.random, ctx.policy), minWaitMs(error));
    return requeue(base, ctx.now + waitMs, error, 0);
  }
  return { ...base, status: 'failed', finishedAt: ctx.now, error };
}

const attemptsAtStage = (job: Pick<Job, 'attempts'>): EndedAttempt[] =>
  job.attempts.filter(({ stage }) => stage === stageIndexOf(job));

/** The request allows rerolls (`rerollOnSafety`), and the filter blocked the generated video, not the request. */
function mayReroll(base: JobBase, ended: EndedAttempt): boolean {
  if (ended.outcome !== 'filtered' || ended.filteredSide !== 'output') return false;
  const filtered = attemptsAtStage(base).filter(({ outcome }) => outcome === 'filtered').length;
  return filtered <= (base.request.rerollOnSafety ?? 0);
}

const requeue = (
  base: JobBase,
  at: number,
  error: JobError | undefined,
  refusalsInARow: number,
): JobIn<'queued'> => ({
  ...base,
  status: 'queued',
  ...nextWake(base, Math.min(at, startDeadline(base))),
  readyAt: at,
  ...(error ? { reason: `${error.code}: ${error.message}` } : {}),
  refusalsInARow,
});

/**
 * Ends the job: cancelled (no error), or past its deadline. If the paid call may have been made, the job follows its
 * attempt.
 */
function endEarly(job: Job, ctx: StepContext, error: JobError | undefined): Job | undefined {
  if (isTerminal(job)) return undefined;
  const end = error
    ? ({ status: 'failed', finishedAt: ctx.now, error } as const)
    : ({ status: 'cancelled', finishedAt: ctx.now } as const);
  const base = baseOf(job);
  if (job.status === 'queued') return { ...base, ...end, deadlineAt: deadlineAfterHold(job, ctx.now) };
  if (job.status !== 'submitting')
    return { ...base, ...end, following: { attempt: job.attempt, wake: job.wake } };
  // The deadline may have moved the wake forward, but the paid call may be in progress until the lease expires.
  const { wakes, wake } = followingWake(job, job.attempt.leaseUntil);
  return { ...base, ...end, wakes, following: { attempt: job.attempt, wake } };
}

function expire(job: Job, ctx: StepContext): Job | undefined {
  if (isTerminal(job) || ctx.now < timeUpAt(job)) return undefined;
  const late = ctx.now >= job.deadlineAt;
  return endEarly(job, ctx, {
    code: late ? 'DEADLINE_EXCEEDED' : 'NOT_STARTED_IN_TIME',
    message: late
      ? `The job did not finish by its deadline; its status was ${job.status}.`
      : 'The job was not submitted by its startBy. Nothing was charged.',
    retryable: true,
    charged: job.status === 'queued' ? 'no' : 'unknown',
  });
}

/** A new job that starts with an existing attempt. */
export function withNewAttempt(base: JobBase, attempt: LiveAttempt, now: number): Step {
  const job = withAttempt(base, attempt, now);
  return { job, effects: effectsOf(undefined, job) };
}

function withAttempt(base: JobBase, attempt: LiveAttempt, wakeAt: number): Job {
  const wake = nextWake(base, wakeAt);
  switch (attempt.state) {
    case 'submitting':
      return { ...base, ...wake, status: 'submitting', attempt };
    case 'uncertain':
      return { ...base, ...wake, status: 'uncertain', attempt };
    case 'running':
      return { ...base, ...wake, status: 'running', attempt };
    case 'landing':
      return { ...base, ...wake, status: 'landing', attempt };
  }
}

/** Applies an operator's decision to an attempt with an unknown outcome, live or ended. */
function resolve(job: Job, ruling: Ruling, ctx: StepContext): Job | undefined {
  const live = liveAttemptOf(job);
  if (live?.attemptId === ruling.attemptId) {
    if (ruling.decision === 'resubmit' && isTerminal(job)) return undefined;
    return observe(job, live.attemptId, { type: 'resolved', ruling }, ctx);
  }
  if (ruling.decision !== 'charged' && ruling.decision !== 'not-charged') return undefined;
  const ended = job.attempts.find(({ attemptId }) => attemptId === ruling.attemptId);
  if (ended?.charged !== 'unknown') return undefined;
  const charged = ruling.decision === 'charged' ? 'yes' : 'no';
  const attempts = job.attempts.map((each) =>
    each === ended ? ({ ...each, charged, resolved: resolvedBy(ruling, ctx.now) } as const) : each,
  );
  return { ...job, attempts };
}
