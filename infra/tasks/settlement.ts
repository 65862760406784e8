/** What becomes of a task when an attempt has ended. Pure. */
import { type AttemptOutcome, isSuccess, previousResponseOf, statusOf } from './attempt-status.ts';
import { backoffMs, isExhausted, type RetrySettings, retryAfterMs } from './retry-schedule.ts';
import type { AttemptRecord, TaskProgress } from './state.ts';

export type Settlement =
  | { readonly kind: 'succeeded' }
  /** Given up: there is no dead-letter queue. */
  | { readonly kind: 'exhausted' }
  | { readonly kind: 'retrying'; readonly progress: TaskProgress };

export interface EndedAttempt {
  readonly outcome: AttemptOutcome;
  readonly scheduledAtMs: number;
  readonly dispatchedAtMs: number;
  readonly endedAtMs: number;
  /** RunTask counts the back-off from its call, everything else from the end of the attempt. */
  readonly backoffFromMs: number;
}

export function settle(settings: RetrySettings, progress: TaskProgress, ended: EndedAttempt): Settlement {
  const { outcome, endedAtMs } = ended;
  if (isSuccess(outcome)) return { kind: 'succeeded' };
  const attempts = progress.dispatchCount;
  const sinceFirstMs = endedAtMs - (progress.firstDispatchedAtMs ?? endedAtMs);
  if (isExhausted(settings, attempts, sinceFirstMs)) return { kind: 'exhausted' };

  const isResponse = outcome.kind === 'response';
  const asked = isResponse ? retryAfterMs(outcome.retryAfter, endedAtMs) : undefined;
  const scheduledAtMs = Math.max(
    ended.backoffFromMs + backoffMs(settings, attempts),
    endedAtMs + (asked ?? 0),
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
