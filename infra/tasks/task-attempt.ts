/** The report of each delivery, and the counters of a queue. */
import { type AttemptOutcome, reasonOf } from './attempt-status.ts';
import type { Delivery } from './in-flight.ts';
import { taskNameOf } from './names.ts';
import type { StoredTask } from './state.ts';

export interface TaskAttempt {
  /** Full name. */
  readonly queue: string;
  /** Full name. */
  readonly task: string;
  readonly url: string;
  /** 1 for the first delivery of the task. A duplicate has the number of the delivery that it repeats. */
  readonly attempt: number;
  readonly dispatchedAtMs: number;
  readonly endedAtMs: number;
  /**
   * `succeeded`, `exhausted` and `lost` deleted the task. `retrying` scheduled it again. `superseded` changed nothing,
   * because the task no longer existed. `repeated` changed nothing: it is an injected duplicate.
   */
  readonly end: 'succeeded' | 'retrying' | 'exhausted' | 'superseded' | 'repeated' | 'lost';
  readonly isDuplicate: boolean;
  /** Absent when there was no response. */
  readonly httpStatus?: number;
  /** The outcome as text. */
  readonly reason: string;
}

/** Statistics of one queue. Counters start at 0 when the server starts. */
export interface QueueStats {
  /** Tasks that exist now, waiting or in progress. */
  readonly tasks: number;
  /** Calls in progress now. */
  readonly running: number;
  /** Ended calls, including duplicates. */
  readonly attempts: number;
  readonly succeeded: number;
  readonly retried: number;
  readonly exhausted: number;
  readonly duplicates: number;
  readonly lost: number;
  /** Current factor of system throttling; 1 is unthrottled. */
  readonly rateFactor: number;
}

export type AttemptCounts = Omit<QueueStats, 'tasks' | 'running' | 'rateFactor'>;

export const noAttempts = (): AttemptCounts => ({
  attempts: 0,
  succeeded: 0,
  retried: 0,
  exhausted: 0,
  duplicates: 0,
  lost: 0,
});

export function countAttempt(counts: AttemptCounts, { end, isDuplicate }: TaskAttempt): AttemptCounts {
  return {
    attempts: counts.attempts + (end === 'lost' ? 0 : 1),
    succeeded: counts.succeeded + (end === 'succeeded' ? 1 : 0),
    retried: counts.retried + (end === 'retrying' ? 1 : 0),
    exhausted: counts.exhausted + (end === 'exhausted' ? 1 : 0),
    duplicates: counts.duplicates + (isDuplicate ? 1 : 0),
    lost: counts.lost + (end === 'lost' ? 1 : 0),
  };
}

export function attemptOf(
  queueName: string,
  delivery: Delivery,
  outcome: AttemptOutcome,
  end: TaskAttempt['end'],
  endedAtMs: number,
): TaskAttempt {
  const attempt = {
    ...attemptHead(queueName, delivery.task, delivery.before.dispatchCount),
    dispatchedAtMs: delivery.dispatchedAtMs,
    endedAtMs,
    end,
    isDuplicate: end === 'repeated',
    reason: reasonOf(outcome),
  };
  return outcome.kind === 'response' ? { ...attempt, httpStatus: outcome.status } : attempt;
}

export function lossOf(queueName: string, task: StoredTask, nowMs: number): TaskAttempt {
  return {
    ...attemptHead(queueName, task, task.progress.dispatchCount),
    dispatchedAtMs: nowMs,
    endedAtMs: nowMs,
    end: 'lost',
    isDuplicate: false,
    reason: 'Lost by fault injection',
  };
}

const attemptHead = (queueName: string, { spec }: StoredTask, attemptsBefore: number) => ({
  queue: queueName,
  task: taskNameOf(queueName, spec.id),
  url: spec.target.url,
  attempt: attemptsBefore + 1,
});
