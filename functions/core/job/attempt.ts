/**
 * The state machine of one attempt, from the paid call to its outcome, as a pure function. It does not depend on the
 * job's status, so that a job that was cancelled meanwhile still records the outcome and the cost of its attempt.
 */

import type { LatencyProfile } from '../catalogue/catalogue.ts';
import { defined } from '../defined.ts';
import type {
  AttemptIn,
  Charged,
  EndedAttempt,
  FilteredSide,
  JobError,
  LandedVideo,
  LiveAttempt,
  OperationRef,
  OperationResult,
} from './attempt-record.ts';
import {
  classifyOperationError,
  classifyPollFailure,
  type ProviderSignal,
  type SubmitFailure,
  safetyFiltered,
} from './errors.ts';
import { backoffMs, type Policy } from './policy.ts';
import { nextPollDelayMs, QUICK_LOOKS, quickLookDelayMs } from './poll-schedule.ts';

/** An observation about an attempt. */
export type AttemptEvent =
  | { readonly type: 'submitAccepted'; readonly operation: OperationRef }
  | { readonly type: 'submitFailed'; readonly failure: SubmitFailure }
  /** The paid call returned the result itself, and the result has been stored under the prefix. */
  | { readonly type: 'delivered'; readonly uri: string }
  /** The paid call returned, but a safety filter withheld the result. */
  | { readonly type: 'withheld'; readonly side: FilteredSide; readonly reasons: readonly string[] }
  /** The lease has expired and no answer was saved. */
  | { readonly type: 'leaseExpired' }
  | { readonly type: 'operationRunning' }
  | { readonly type: 'operationDone'; readonly result: OperationResult }
  | { readonly type: 'operationError'; readonly code: number; readonly message: string }
  | { readonly type: 'pollFailed'; readonly signal: ProviderSignal }
  /** Cloud Storage reported a new object under the prefix. */
  | { readonly type: 'objectAppeared' }
  /** The prefix of an uncertain attempt was listed. */
  | { readonly type: 'prefixListed'; readonly found: number; readonly newestAt: number | undefined }
  /** An operator decided an unknown outcome. */
  | { readonly type: 'resolved'; readonly ruling: Ruling }
  | { readonly type: 'landed'; readonly videos: readonly LandedVideo[] }
  | { readonly type: 'landingFailed'; readonly message: string; readonly final: boolean };

/** An operator's decision on an attempt with an unknown outcome, from evidence that Clapper cannot see, such as the bill. */
export interface Ruling {
  readonly attemptId: string;
  readonly by: string;
  readonly note?: string | undefined;
  /**
   * - `not-charged`: the operation never ran; the job submits again.
   * - `charged`: the operation ran, and its videos are lost.
   * - `fail`: the outcome stays unknown, and the job fails.
   * - `resubmit`: the outcome stays unknown, and the job submits again although it may be charged twice.
   * - `found`: the operation exists, as `operation`.
   */
  readonly decision: 'not-charged' | 'charged' | 'fail' | 'resubmit' | 'found';
  /** Only with `found`. */
  readonly operation?: OperationRef | undefined;
}

export interface AttemptContext {
  readonly now: number;
  /** In [0, 1). */
  readonly random: number;
  readonly policy: Policy;
  /** The latency profile of the model, divided by the speed-up. */
  readonly latency: LatencyProfile;
  readonly sampleCount: number;
}

export type AttemptChange =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'live'; readonly attempt: LiveAttempt; readonly wakeAt: number }
  /** Refused because of a quota, before an operation existed. Does not count as an attempt. */
  | { readonly kind: 'refused'; readonly error: JobError; readonly retryAfterMs: number | undefined }
  | { readonly kind: 'ended'; readonly attempt: EndedAttempt; readonly mayRetry: boolean };

/** The google.rpc.Code of a request that was refused before it ran. */
const INVALID_ARGUMENT = 3;

const UNCHANGED: AttemptChange = { kind: 'unchanged' };

/** The provider accepted the operation, but polls no longer reach it. */
const hasOperation = (
  attempt: LiveAttempt,
): attempt is AttemptIn<'uncertain'> & { operation: OperationRef } =>
  attempt.state === 'uncertain' && attempt.operation !== undefined;

export function advanceAttempt(
  attempt: LiveAttempt,
  event: AttemptEvent,
  ctx: AttemptContext,
): AttemptChange {
  switch (event.type) {
    case 'submitAccepted':
      return onAccepted(attempt, event.operation, ctx);
    case 'submitFailed':
      return attempt.state === 'submitting' ? onSubmitFailed(attempt, event.failure, ctx) : UNCHANGED;
    case 'delivered': {
      if (attempt.state !== 'submitting' && attempt.state !== 'uncertain') return UNCHANGED;
      const result = { sources: [{ uri: event.uri }], filteredCount: 0, filteredReasons: [] };
      return { kind: 'live', attempt: toLanding(attempt, result, ctx), wakeAt: ctx.now };
    }
    case 'withheld': {
      if (attempt.state !== 'submitting') return UNCHANGED;
      const error = safetyFiltered(event.reasons);
      const filteredSide = event.side;
      return end(attempt, { outcome: 'filtered', charged: 'no', error, filteredSide }, ctx, false);
    }
    case 'leaseExpired':
      if (attempt.state !== 'submitting' || ctx.now < attempt.leaseUntil) return UNCHANGED;
      return toUncertain(
        attempt,
        'The paid call started, but no answer was saved before the lease expired.',
        ctx,
      );
    case 'operationRunning':
      if (attempt.state === 'running') return onRunning(attempt, ctx);
      return hasOperation(attempt) ? startPolling(attempt, attempt.operation, ctx) : UNCHANGED;
    case 'operationDone':
      return attempt.state === 'running' || hasOperation(attempt)
        ? onDone(attempt, event.result, ctx)
        : UNCHANGED;
    case 'operationError': {
      if (attempt.state !== 'running' && !hasOperation(attempt)) return UNCHANGED;
      const error = classifyOperationError(event.code, event.message);
      if (error.code === 'SAFETY_FILTERED') {
        const filteredSide = event.code === INVALID_ARGUMENT ? 'input' : 'output';
        return end(attempt, { outcome: 'filtered', charged: error.charged, error, filteredSide }, ctx, false);
      }
      // An error does not prove that nothing was charged. Only a free failure is submitted again.
      const mayRetry = error.retryable && error.charged === 'no';
      return end(attempt, { outcome: 'failed', charged: error.charged, error }, ctx, mayRetry);
    }
    case 'pollFailed':
      return attempt.state === 'running' ? onPollFailed(attempt, event.signal, ctx) : UNCHANGED;
    case 'objectAppeared':
      return onObjectAppeared(attempt, ctx);
    case 'prefixListed':
      return attempt.state === 'uncertain' ? onListed(attempt, event.found, event.newestAt, ctx) : UNCHANGED;
    case 'resolved':
      return attempt.state === 'uncertain' ? onResolved(attempt, event.ruling, ctx) : UNCHANGED;
    case 'landed': {
      if (attempt.state !== 'landing') return UNCHANGED;
      const { filteredCount, filteredReasons, sources } = attempt.result;
      const sourceUris = sources.map(({ uri }) => uri);
      const videos = [...event.videos];
      return end(
        attempt,
        { outcome: 'landed', charged: 'yes', videos, sourceUris, filteredCount, filteredReasons },
        ctx,
        false,
      );
    }
    case 'landingFailed':
      return attempt.state === 'landing' ? onLandingFailed(attempt, event, ctx) : UNCHANGED;
  }
}

function onAccepted(attempt: LiveAttempt, operation: OperationRef, ctx: AttemptContext): AttemptChange {
  // Accepted after the lease has expired as well: the answer proves that the operation exists.
  if (attempt.state !== 'submitting' && (attempt.state !== 'uncertain' || attempt.operation))
    return UNCHANGED;
  return startPolling(attempt, operation, ctx);
}

function startPolling(attempt: LiveAttempt, operation: OperationRef, ctx: AttemptContext): AttemptChange {
  const running = {
    ...attemptBaseOf(attempt),
    state: 'running',
    operation,
    polls: 0,
    pollErrorsInARow: 0,
    quickLooks: 0,
  } as const;
  return { kind: 'live', attempt: running, wakeAt: nextPollAt(running, ctx) };
}

function onResolved(attempt: AttemptIn<'uncertain'>, ruling: Ruling, ctx: AttemptContext): AttemptChange {
  const resolved = resolvedBy(ruling, ctx.now);
  switch (ruling.decision) {
    case 'found':
      return ruling.operation ? startPolling(attempt, ruling.operation, ctx) : UNCHANGED;
    case 'not-charged': {
      const message = 'An operator determined that this submission never ran.';
      const error: JobError = { code: 'NOT_SUBMITTED', message, retryable: true, charged: 'no' };
      return end(attempt, { outcome: 'failed', charged: 'no', error, resolved }, ctx, true);
    }
    case 'charged': {
      const message = 'An operator determined that this submission ran and that its videos are lost.';
      const error: JobError = { code: 'RESULT_LOST', message, retryable: true, charged: 'yes' };
      return end(attempt, { outcome: 'failed', charged: 'yes', error, resolved }, ctx, false);
    }
    case 'fail':
    case 'resubmit': {
      const error = unknownOutcome(attempt);
      const again = ruling.decision === 'resubmit';
      return end(attempt, { outcome: 'unknown', charged: 'unknown', error, resolved }, ctx, again);
    }
  }
}

export const resolvedBy = ({ by, note }: Ruling, at: number) => ({
  by,
  at,
  ...defined({ note }),
});

const unknownOutcome = ({
  reservedUsd,
  cause,
  operation,
}: Pick<AttemptIn<'uncertain'>, 'reservedUsd' | 'cause' | 'operation'>): JobError => ({
  code: 'OUTCOME_UNKNOWN',
  message:
    (operation
      ? `The outcome of operation ${operation.name} is unknown`
      : 'It is unknown whether the provider accepted this submission') +
    `; up to $${reservedUsd} may have been charged. Cause: ${cause}`,
  retryable: true,
  charged: 'unknown',
});

function onSubmitFailed(
  attempt: AttemptIn<'submitting'>,
  failure: SubmitFailure,
  ctx: AttemptContext,
): AttemptChange {
  if (failure.outcome === 'unknown') return toUncertain(attempt, failure.message, ctx);
  if (failure.retry === 'quota')
    return { kind: 'refused', error: failure.error, retryAfterMs: failure.retryAfterMs };
  const { error } = failure;
  if (error.code === 'SAFETY_FILTERED')
    return end(attempt, { outcome: 'filtered', charged: 'no', error, filteredSide: 'input' }, ctx, false);
  return end(attempt, { outcome: 'rejected', charged: 'no', error }, ctx, failure.retry === 'counted');
}

/** I2: an unknown outcome stays `uncertain` until there is evidence, or until `decideAt`. */
function toUncertain(
  attempt: AttemptIn<'submitting' | 'running'>,
  cause: string,
  ctx: AttemptContext,
  decideAt = Math.max(attempt.submittedAt + ctx.latency.longestMs, ctx.now),
): AttemptChange {
  const uncertain = {
    ...attemptBaseOf(attempt),
    state: 'uncertain',
    cause,
    decideAt,
    looks: 0,
    ...(attempt.state === 'running' ? { operation: attempt.operation } : {}),
  } as const;
  return { kind: 'live', attempt: uncertain, wakeAt: nextListAt(uncertain, ctx) };
}

function onRunning(attempt: AttemptIn<'running'>, ctx: AttemptContext): AttemptChange {
  if (ctx.now >= attempt.submittedAt + ctx.policy.followMs) {
    const cause = 'The operation was still running at the time limit for polling.';
    const error = unknownOutcome({ ...attempt, cause });
    return end(attempt, { outcome: 'unknown', charged: 'unknown', error }, ctx, false);
  }
  const next = {
    ...attempt,
    polls: attempt.polls + 1,
    pollErrorsInARow: 0,
    quickLooks: Math.max(0, attempt.quickLooks - 1),
  };
  const wakeAt =
    attempt.quickLooks > 0
      ? ctx.now + quickLookDelayMs(attempt.quickLooks, ctx.policy.speedUp)
      : nextPollAt(next, ctx);
  return { kind: 'live', attempt: next, wakeAt };
}

function onDone(
  attempt: AttemptIn<'running' | 'uncertain'>,
  result: OperationResult,
  ctx: AttemptContext,
): AttemptChange {
  const polled = attempt.state === 'running' ? { ...attempt, polls: attempt.polls + 1 } : attempt;
  if (result.sources.length === 0 && result.filteredCount > 0) {
    const error = safetyFiltered(result.filteredReasons);
    const { filteredCount, filteredReasons, filteredSide = 'output' } = result;
    const withheld = { error, filteredCount, filteredReasons, filteredSide };
    return end(polled, { outcome: 'filtered', charged: 'no', ...withheld }, ctx, false);
  }
  // A result without videos and without a reason is landed as well, because the prefix may hold videos: one known answer
  // of Vertex AI names its videos in a field that the SDK drops.
  return { kind: 'live', attempt: toLanding(polled, result, ctx), wakeAt: ctx.now };
}

function toLanding(
  attempt: AttemptIn<'submitting' | 'running' | 'uncertain'>,
  result: OperationResult,
  ctx: AttemptContext,
): AttemptIn<'landing'> {
  return {
    ...attemptBaseOf(attempt),
    state: 'landing',
    ...defined({ operation: 'operation' in attempt ? attempt.operation : undefined }),
    polls: attempt.state === 'running' ? attempt.polls : 0,
    result,
    doneAt: ctx.now,
    tries: 0,
  };
}

function onPollFailed(
  attempt: AttemptIn<'running'>,
  signal: ProviderSignal,
  ctx: AttemptContext,
): AttemptChange {
  const next = { ...attempt, polls: attempt.polls + 1, pollErrorsInARow: attempt.pollErrorsInARow + 1 };
  if (classifyPollFailure(signal) === 'notFound') {
    const cause = `The provider reports that the operation does not exist: ${signal.message}`;
    // Providers sometimes return 404 for an operation that they find again moments later.
    return toUncertain(next, cause, ctx, ctx.now + ctx.latency.longestMs);
  }
  if (next.pollErrorsInARow >= ctx.policy.maxPollErrorsInARow) {
    const cause = `${next.pollErrorsInARow} polls in a row failed. Last error: ${signal.message}`;
    return toUncertain(next, cause, ctx, ctx.now + ctx.policy.outageMs);
  }
  const retryAfterMs = signal.kind === 'http' ? (signal.retryAfterMs ?? 0) : 0;
  const waitMs = Math.max(retryAfterMs, backoffMs(next.pollErrorsInARow, ctx.random, ctx.policy));
  return { kind: 'live', attempt: next, wakeAt: ctx.now + waitMs };
}

function onObjectAppeared(attempt: LiveAttempt, ctx: AttemptContext): AttemptChange {
  switch (attempt.state) {
    case 'running':
      // Several samples appear together. The first one has already moved the wake.
      if (attempt.quickLooks > 0) return UNCHANGED;
      return { kind: 'live', attempt: { ...attempt, quickLooks: QUICK_LOOKS }, wakeAt: ctx.now };
    case 'uncertain':
      return { kind: 'live', attempt, wakeAt: ctx.now };
    case 'submitting':
    case 'landing':
      return UNCHANGED;
  }
}

function onListed(
  attempt: AttemptIn<'uncertain'>,
  found: number,
  newestAt: number | undefined,
  ctx: AttemptContext,
): AttemptChange {
  const settled = newestAt !== undefined && ctx.now >= newestAt + ctx.policy.settleMs;
  if (found >= ctx.sampleCount || (found > 0 && settled)) {
    const result = { sources: [], filteredCount: 0, filteredReasons: [] };
    return { kind: 'live', attempt: toLanding(attempt, result, ctx), wakeAt: ctx.now };
  }
  if (found === 0 && ctx.now >= attempt.decideAt) {
    return end(
      attempt,
      { outcome: 'unknown', charged: 'unknown', error: unknownOutcome(attempt) },
      ctx,
      ctx.policy.unknownOutcome === 'resubmit',
    );
  }
  const next = { ...attempt, looks: attempt.looks + 1 };
  return { kind: 'live', attempt: next, wakeAt: nextListAt(next, ctx) };
}

function onLandingFailed(
  attempt: AttemptIn<'landing'>,
  { message, final }: { readonly message: string; readonly final: boolean },
  ctx: AttemptContext,
): AttemptChange {
  const next = { ...attempt, tries: attempt.tries + 1 };
  if (!final && next.tries < ctx.policy.maxLandingTries) {
    return { kind: 'live', attempt: next, wakeAt: ctx.now + backoffMs(next.tries, ctx.random, ctx.policy) };
  }
  const hasSources = attempt.result.sources.length > 0;
  // Unless the failure is final, the videos may still exist: a retry of the job then lands them without paying again.
  const error: JobError = !final
    ? { code: 'LANDING_FAILED', message, retryable: true, charged: hasSources ? 'yes' : 'unknown' }
    : hasSources
      ? { code: 'RESULT_EXPIRED', message, retryable: true, charged: 'yes' }
      : {
          code: 'NO_VIDEOS',
          message: noVideos(attempt.result.words),
          retryable: true,
          charged: 'unknown',
        };
  const { sources, filteredCount, filteredReasons } = attempt.result;
  const sourceUris = sources.map(({ uri }) => uri);
  const reported = { sourceUris, filteredCount, filteredReasons };
  return end(next, { outcome: 'failed', charged: error.charged, error, ...reported }, ctx, false);
}

const noVideos = (words: string | undefined): string =>
  words === undefined
    ? 'The provider reported success, but returned no video and no reason.'
    : `The model returned text instead of a video: ${words}`;

function end(
  attempt: LiveAttempt,
  outcome: {
    readonly outcome: EndedAttempt['outcome'];
    readonly charged: Charged;
    readonly error?: JobError;
    readonly videos?: LandedVideo[];
    readonly sourceUris?: string[];
    readonly filteredCount?: number;
    readonly filteredReasons?: string[];
    readonly filteredSide?: FilteredSide;
    readonly resolved?: EndedAttempt['resolved'];
  },
  ctx: AttemptContext,
  mayRetry: boolean,
): AttemptChange {
  const operation = 'operation' in attempt ? attempt.operation : undefined;
  const polls = 'polls' in attempt ? attempt.polls : 0;
  const ended = {
    ...attemptBaseOf(attempt),
    ...defined({ operation }),
    ...outcome,
    polls,
    endedAt: ctx.now,
  } as const;
  return { kind: 'ended', attempt: { ...ended, state: 'ended' }, mayRetry };
}

const nextPollAt = (attempt: AttemptIn<'running'>, ctx: AttemptContext): number =>
  ctx.now + Math.ceil(nextPollDelayMs(ctx.now - attempt.submittedAt, ctx.latency));

/** The prefix of an uncertain attempt is listed as often as a running one is polled, and once more at `decideAt`. */
const nextListAt = (attempt: AttemptIn<'uncertain'>, ctx: AttemptContext): number => {
  const next = ctx.now + Math.ceil(nextPollDelayMs(ctx.now - attempt.submittedAt, ctx.latency));
  return ctx.now < attempt.decideAt ? Math.min(next, attempt.decideAt) : next;
};

export function attemptBaseOf(attempt: LiveAttempt | EndedAttempt) {
  const { attemptId, stage, number, outputPrefix, location, reservedUsd, submittedAt } = attempt;
  return { attemptId, stage, number, outputPrefix, location, reservedUsd, submittedAt };
}
