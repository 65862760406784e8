/**
 * The life of a job: `step(job, event, context)` returns the next job and what has to be done about it, or nothing when
 * the event changes nothing. Pure: the caller loads, steps and saves in one transaction (I4), then performs the effects.
 *
 * Invariants kept here, by number (ARCHITECTURE.md has the list):
 * I1 a paid call is made only by whoever saved `submitting`; `claim` on any other status changes nothing.
 * I2 an unknown outcome becomes `uncertain` (attempt.ts).
 * I3 every status with work left carries a wake; a wake that is not the job's present one is ignored by the handlers.
 * I6 a terminal status never changes; only the attempt beneath may still end.
 */

import type { LatencyProfile } from '../catalogue/catalogue.ts';
import { announced, dueOnceOver } from './announcement.ts';
import {
  type AttemptChange,
  type AttemptContext,
  type AttemptEvent,
  advanceAttempt,
  attemptBaseOf,
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
import { type Effect, effectsOf } from './effects.ts';
import { leastWaitMs } from './errors.ts';
import {
  type BatchRow,
  baseOf,
  isTerminal,
  type Job,
  type JobBase,
  type Lane,
  liveAttemptOf,
  type TerminalJob,
  type Wake,
  wakeOf,
} from './job.ts';
import { backoffMs, type Policy } from './policy.ts';
import { currentStage, stageIndexOf, stagesOf } from './stages.ts';
import type { VideoRequest } from './video-request.ts';

export type JobEvent =
  /** A submit task wants to make the paid call. */
  | {
      readonly type: 'claim';
      readonly seq: number;
      readonly attemptId: string;
      readonly location: string;
      /** The estimate of the stage, set aside for this attempt. */
      readonly reservedUsd: number;
    }
  /** The paid call cannot be made ready now; nothing was claimed. */
  | { readonly type: 'postpone'; readonly seq: number; readonly error: JobError }
  /** Something was observed of one attempt. */
  | { readonly type: 'attempt'; readonly attemptId: string; readonly observed: AttemptEvent }
  /** The sweep found the wake overdue. */
  | { readonly type: 'enqueueAgain' }
  /** The sweep found the wake overdue but its task still waiting in the queue. */
  | { readonly type: 'stillWaiting' }
  /** The job's time is up. */
  | { readonly type: 'deadline' }
  | { readonly type: 'cancel' }
  /** An operator has said what could not be learned. */
  | { readonly type: 'resolve'; readonly ruling: Ruling }
  /** Its end has been published. */
  | { readonly type: 'announced' };

export interface StepContext {
  readonly now: number;
  /** In [0, 1); jitter. */
  readonly random: number;
  readonly policy: Policy;
  /** Of the job's model, divided by the speed-up. */
  readonly latency: LatencyProfile;
}

export interface Step {
  readonly job: Job;
  readonly effects: readonly Effect[];
  /** A job that must not exist yet, stored with this one or not at all; the effects are then its own. */
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
): Job => (policy.announce ? dueOnceOver(before, job, now) : job);

/** A step to a job that did not exist before, and may be over already. */
export function announcing({ job }: Step, ctx: Pick<StepContext, 'now' | 'policy'>): Step {
  const saved = withAnnouncement(undefined, job, ctx);
  return { job: saved, effects: effectsOf(undefined, saved) };
}

function transition(job: Job, event: JobEvent, ctx: StepContext): Job | undefined {
  switch (event.type) {
    case 'claim':
      return claim(job, event, ctx);
    case 'postpone':
      return postpone(job, event.seq, event.error, ctx);
    case 'attempt':
      return observe(job, event.attemptId, event.observed, ctx);
    case 'enqueueAgain':
    case 'stillWaiting':
      return enqueueAgain(job, event.type === 'enqueueAgain' ? 1 : 0, ctx);
    case 'deadline':
      return outOfTime(job, ctx);
    case 'cancel':
      return endFromOutside(job, ctx, undefined);
    case 'resolve':
      return resolve(job, event.ruling, ctx);
    case 'announced':
      return announced(job, ctx.now);
  }
}

/** I1: the one way to `submitting`, and only from `queued`. Whoever saves this, and nobody else, makes the call. */
function claim(
  job: Job,
  { seq, attemptId, location, reservedUsd }: Extract<JobEvent, { type: 'claim' }>,
  ctx: StepContext,
): Job | undefined {
  if (job.status !== 'queued' || job.wake.seq !== seq) return undefined;
  if (ctx.now >= timeUpAt(job)) return outOfTime(job, ctx);
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

function postpone(job: Job, seq: number, error: JobError, ctx: StepContext): Job | undefined {
  if (job.status !== 'queued' || job.wake.seq !== seq) return undefined;
  if (ctx.now >= timeUpAt(job)) return outOfTime(job, ctx);
  const refusalsInARow = job.refusalsInARow + 1;
  return requeue(
    baseOf(job),
    ctx.now + backoffMs(refusalsInARow, ctx.random, ctx.policy),
    error,
    refusalsInARow,
  );
}

function observe(job: Job, attemptId: string, observed: AttemptEvent, ctx: StepContext): Job | undefined {
  const attempt = liveAttemptOf(job);
  if (!attempt && observed.type === 'objectAppeared') return lookAgain(job, attemptId, undefined, ctx);
  if (!attempt && observed.type === 'submitAccepted') {
    return lookAgain(job, attemptId, observed.operation, ctx);
  }
  if (attempt?.attemptId !== attemptId) return undefined;
  const stage = currentStage(job);
  const sampleCount = stage.kind === 'image' ? 1 : stage.sampleCount;
  const attemptContext: AttemptContext = { ...ctx, sampleCount };
  const change = advanceAttempt(attempt, observed, attemptContext);
  if (change.kind === 'unchanged') return undefined;
  return isTerminal(job) ? follow(job, attempt, change, ctx) : settle(job, attempt, change, ctx);
}

/** What was given up as unknown has given a sign after all: it is followed again, to be brought home and accounted. */
function lookAgain(
  job: Job,
  attemptId: string,
  told: OperationRef | undefined,
  ctx: StepContext,
): Job | undefined {
  if (job.status !== 'failed' && job.status !== 'cancelled') return undefined;
  const ended = job.attempts.find((each) => each.attemptId === attemptId);
  if (ended?.outcome !== 'unknown' || ended.charged !== 'unknown') return undefined;
  const operation = ended.operation ?? told;
  const attempt: LiveAttempt = {
    ...attemptBaseOf(ended),
    state: 'uncertain',
    cause: ended.error?.message ?? 'It was given up.',
    decideAt: ctx.now + ctx.latency.longestMs,
    looks: 0,
    ...(operation ? { operation } : {}),
  };
  const attempts = job.attempts.filter((each) => each !== ended);
  const { wakes, wake } = followingWake(job, ctx.now);
  return { ...job, attempts, wakes, following: { attempt, wake } };
}

/** The attempt of an unfinished job has moved; the job moves with it. */
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
    // The attempt is among the landed ones by now: this is the index of the stage that comes next.
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
  // An operator's word is not counted against the job.
  const maySubmit = mayRetry && (ended.resolved !== undefined || tried < ctx.policy.maxAttempts);
  if (maySubmit || mayReroll(base, ended)) {
    const waitMs = Math.max(backoffMs(Math.max(tried, 1), ctx.random, ctx.policy), leastWaitMs(error));
    return requeue(base, ctx.now + waitMs, error, 0);
  }
  return { ...base, status: 'failed', finishedAt: ctx.now, error };
}

const attemptsAtStage = (job: Pick<Job, 'attempts'>): EndedAttempt[] =>
  job.attempts.filter(({ stage }) => stage === stageIndexOf(job));

/** The caller asked to roll again, and the filter judged what the model made, not what was asked of it. */
function mayReroll(base: JobBase, ended: EndedAttempt): boolean {
  if (ended.outcome !== 'filtered' || ended.filteredSide !== 'output') return false;
  const filtered = attemptsAtStage(base).filter(({ outcome }) => outcome === 'filtered').length;
  return filtered <= (base.request.rerollOnSafety ?? 0);
}

const requeue = (base: JobBase, at: number, error: JobError | undefined, refusalsInARow: number): Job => ({
  ...base,
  status: 'queued',
  ...nextWake(base, Math.min(at, startDeadline(base))),
  readyAt: at,
  ...(error ? { reason: `${error.code}: ${error.message}` } : {}),
  refusalsInARow,
});

/** I6: the job is over; its attempt is followed to the end for the sake of the bill. */
function follow(
  job: TerminalJob,
  before: LiveAttempt,
  change: Exclude<AttemptChange, { kind: 'unchanged' }>,
  ctx: StepContext,
): Job | undefined {
  if (job.status === 'succeeded') return undefined;
  if (change.kind === 'live') {
    const { wakes, wake } = followingWake(job, change.wakeAt);
    return { ...job, wakes, following: { attempt: change.attempt, wake } };
  }
  const ended = change.kind === 'ended' ? change.attempt : refusedAttempt(before, change.error, ctx);
  return { ...job, attempts: [...job.attempts, ended], following: undefined };
}

function refusedAttempt(attempt: LiveAttempt, error: JobError, { now }: StepContext): EndedAttempt {
  return {
    ...attemptBaseOf(attempt),
    state: 'ended',
    outcome: 'rejected',
    charged: 'no',
    endedAt: now,
    polls: 0,
    error,
  };
}

/** Cancelled (no error) or out of time. Before the call this is free; after it the attempt is followed. */
function endFromOutside(job: Job, ctx: StepContext, error: JobError | undefined): Job | undefined {
  if (isTerminal(job)) return undefined;
  const end = error
    ? ({ status: 'failed', finishedAt: ctx.now, error } as const)
    : ({ status: 'cancelled', finishedAt: ctx.now } as const);
  const base = baseOf(job);
  if (job.status === 'queued') return { ...base, ...end };
  if (job.status !== 'submitting')
    return { ...base, ...end, following: { attempt: job.attempt, wake: job.wake } };
  // The deadline may have brought the wake forward; the call may be under way until its lease is over.
  const { wakes, wake } = followingWake(job, job.attempt.leaseUntil);
  return { ...base, ...end, wakes, following: { attempt: job.attempt, wake } };
}

/** When the job is over if nothing else ends it: one that was never submitted may have less time than the others. */
export const timeUpAt = (job: Job): number => (job.status === 'queued' ? startDeadline(job) : job.deadlineAt);

const startDeadline = ({ attempts, startByAt, deadlineAt }: JobBase): number =>
  attempts.length === 0 ? Math.min(startByAt ?? deadlineAt, deadlineAt) : deadlineAt;

function outOfTime(job: Job, ctx: StepContext): Job | undefined {
  if (isTerminal(job) || ctx.now < timeUpAt(job)) return undefined;
  const late = ctx.now >= job.deadlineAt;
  return endFromOutside(job, ctx, {
    code: late ? 'DEADLINE_EXCEEDED' : 'NOT_STARTED_IN_TIME',
    message: late
      ? `The job was not finished by its deadline; it was ${job.status}.`
      : 'The job could not be submitted by its startBy, and nothing was paid for.',
    retryable: true,
    charged: job.status === 'queued' ? 'no' : 'unknown',
  });
}

/**
 * Rings again: the same step (`seq`), another task. A task that only waits its turn in a long queue is left there, and
 * looked for less often, so that a backlog does not use up the sweep.
 */
function enqueueAgain(job: Job, added: 0 | 1, ctx: StepContext): Job | undefined {
  const wake = wakeOf(job);
  // Not twice for the same lateness: two sweeps at once, or one that was delivered twice, ring once.
  if (!wake || ctx.now < wake.at + ctx.policy.overdueAfterMs) return undefined;
  const later = ctx.now + 5 * ctx.policy.overdueAfterMs;
  const at = added === 1 ? ctx.now : isTerminal(job) ? later : Math.min(later, timeUpAt(job));
  const reEnqueued: Wake = { seq: wake.seq, ring: wake.ring + added, at };
  if ('wake' in job) return { ...job, wake: reEnqueued };
  return 'following' in job && job.following
    ? { ...job, following: { ...job.following, wake: reEnqueued } }
    : undefined;
}

/** A job that begins with an attempt that is there already. */
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

/** Of an unfinished job: never after its deadline, so that it is over in time whatever it waits for (I6). */
const nextWake = (base: JobBase, at: number): { wakes: number; wake: Wake } =>
  followingWake(base, Math.min(at, base.deadlineAt));

const followingWake = ({ wakes }: Pick<JobBase, 'wakes'>, at: number): { wakes: number; wake: Wake } => ({
  wakes: wakes + 1,
  wake: { at, seq: wakes + 1, ring: 0 },
});

/** The operator's word on an attempt whose outcome could not be learned, live or ended. */
function resolve(job: Job, ruling: Ruling, ctx: StepContext): Job | undefined {
  const live = liveAttemptOf(job);
  if (live?.attemptId === ruling.attemptId) {
    if (ruling.decision === 'resubmit' && isTerminal(job)) return undefined;
    return observe(job, live.attemptId, { type: 'ruled', ruling }, ctx);
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
