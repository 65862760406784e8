/** Decides the next state of a task when an attempt has ended. Pure. */
import { type AttemptOutcome, isSuccess, previousResponseOf, statusOf } from './attempt-status.ts';
import { backoffMs, isExhausted, type RetrySettings, retryAfterMs } from './retry-schedule.ts';
import type { AttemptRecord, TaskProgress } from './state.ts';

export type Settlement =
  | { readonly kind: 'succeeded' }
  /** The retries are exhausted. The task is deleted: there is no dead-letter queue. */
  | { readonly kind: 'exhausted' }
  | { readonly kind: 'retrying'; readonly progress: TaskProgress };

export interface EndedAttempt {
  readonly outcome: AttemptOutcome;
  readonly scheduledAtMs: number;
  readonly dispatchedAtMs: number;
  readonly endedAtMs: number;
  /** Start of the back-off: the dispatch of a RunTask call, otherwise the end of the attempt. */
  readonly backoffFromMs: number;
}

export function settle(settings: RetrySettings, progress: TaskProgress, ended: EndedAttempt): Settlement {
  const { outcome, endedAtMs } = ended;
  if (isSuccess(outcome)) return { kind: 'succeeded' };
  const attempts = progress.dispatchCount;
  const sinceFirstMs = endedAtMs - (progress.firstDispatchedAtMs ?? endedAtMs);
  if (isExhausted(settings, attempts, sinceFirstMs)) return { kind: 'exhausted' };

  const isResponse = outcome.kind === 'response';
  const requestedMs = isResponse ? retryAfterMs(outcome.retryAfter, endedAtMs) : undefined;
  const scheduledAtMs = Math.max(
    ended.backoffFromMs + backoffMs(settings, attempts),
    endedAtMs + (requestedMs ?? 0),
  );
  return {
    kind: 'retrying',
    progress: {
      ...progress,
      scheduledAtMs,
      responseCount: progress.responseCount + (isResponse ? 1 : 0),
      executionCount: progress.executionCount + (isResponse && outcome.status < 500 ? 1 : 0),
      lastAttempt: recordOf(ended),
      previousResponse: previousResponseOf(outcome),
    },
  };
}

function recordOf({ outcome, scheduledAtMs, dispatchedAtMs, endedAtMs }: EndedAttempt): AttemptRecord {
  const record = { scheduledAtMs, dispatchedAtMs, ...statusOf(outcome) };
  return outcome.kind === 'response' ? { ...record, respondedAtMs: endedAtMs } : record;
}
