/**
 * The durable state: queues, their tasks, and the names that are still reserved. It changes only by applying records, so
 * that replaying the journal rebuilds it. It reads no clock.
 */
import type { QueueStateName } from './messages.ts';
import type { QueueSettings } from './queue-settings.ts';

/** The HTTP request of a task. */
export interface HttpTarget {
  readonly url: string;
  readonly method: string;
  /** The client's headers, with the service's User-Agent. */
  readonly headers: Readonly<Record<string, string>>;
  /** Base64, because the journal is JSON. */
  readonly bodyBase64: string;
  readonly oidcToken?: { readonly serviceAccountEmail: string; readonly audience: string };
}

/** The immutable part of a task. */
interface TaskSpec {
  readonly id: string;
  readonly target: HttpTarget;
  readonly createdAtMs: number;
  readonly dispatchDeadlineMs: number;
}

/** One delivery, as the API reports it. */
export interface AttemptRecord {
  readonly scheduledAtMs: number;
  readonly dispatchedAtMs: number;
  /** Absent while the delivery runs, and when there was no response. */
  readonly respondedAtMs?: number;
  /** google.rpc.Code */
  readonly code?: number;
  readonly message?: string;
}

/** The mutable part of a task. */
export interface TaskProgress {
  readonly scheduledAtMs: number;
  readonly dispatchCount: number;
  readonly responseCount: number;
  /** Responses from the handler: those with a status below 500. */
  readonly executionCount: number;
  readonly firstDispatchedAtMs?: number;
  readonly lastAttempt?: AttemptRecord;
  /** HTTP status of the last failure. */
  readonly previousResponse?: number;
}

export interface StoredTask {
  readonly spec: TaskSpec;
  progress: TaskProgress;
}

export interface StoredQueue {
  readonly name: string;
  settings: QueueSettings;
  state: QueueStateName;
  purgedAtMs: number | undefined;
  readonly tasks: Map<string, StoredTask>;
  /** By task id: when the task was deleted, completed or exhausted its retries. Oldest first. */
  readonly tombstones: Map<string, number>;
}

export type TasksRecord =
  /** Creates the queue, or replaces everything except its tasks. */
  | {
      readonly kind: 'queue';
      readonly queue: string;
      readonly settings: QueueSettings;
      readonly state: QueueStateName;
      readonly purgedAtMs?: number;
    }
  | { readonly kind: 'queue-deleted'; readonly queue: string; readonly atMs: number }
  | { readonly kind: 'queue-purged'; readonly queue: string; readonly atMs: number }
  | {
      readonly kind: 'task';
      readonly queue: string;
      readonly spec: TaskSpec;
      readonly progress: TaskProgress;
    }
  | {
      readonly kind: 'progress';
      readonly queue: string;
      readonly id: string;
      readonly progress: TaskProgress;
    }
  /** The task was deleted, completed or exhausted its retries. */
  | { readonly kind: 'task-gone'; readonly queue: string; readonly id: string; readonly atMs: number };

export class TasksState {
  readonly queues = new Map<string, StoredQueue>();
  /** By queue name: when the queue was deleted. */
  readonly deletedQueues = new Map<string, number>();

  apply(record: TasksRecord): void {
    if (record.kind === 'queue') {
      this.#putQueue(record);
      return;
    }
    if (record.kind === 'queue-deleted') {
      this.queues.delete(record.queue);
      this.deletedQueues.set(record.queue, record.atMs);
      return;
    }
    const queue = this.queues.get(record.queue);
    if (queue === undefined) return;
    switch (record.kind) {
      case 'queue-purged':
        queue.purgedAtMs = record.atMs;
        for (const id of queue.tasks.keys()) removeTask(queue, id, record.atMs);
        break;
      case 'task':
        queue.tombstones.delete(record.spec.id);
        queue.tasks.set(record.spec.id, { spec: record.spec, progress: record.progress });
        break;
      case 'progress': {
        const task = queue.tasks.get(record.id);
        if (task !== undefined) task.progress = record.progress;
        break;
      }
      case 'task-gone':
        removeTask(queue, record.id, record.atMs);
        break;
    }
  }

  *snapshot(): Generator<TasksRecord> {
    for (const [queue, atMs] of this.deletedQueues) yield { kind: 'queue-deleted', queue, atMs };
    for (const queue of this.queues.values()) {
      yield queueRecord(queue);
      for (const [id, atMs] of queue.tombstones) yield { kind: 'task-gone', queue: queue.name, id, atMs };
      for (const { spec, progress } of queue.tasks.values())
        yield { kind: 'task', queue: queue.name, spec, progress };
    }
  }

  #putQueue({ queue: name, settings, state, purgedAtMs }: TasksRecord & { kind: 'queue' }): void {
    const existing = this.queues.get(name);
    if (existing !== undefined) {
      Object.assign(existing, { settings, state, purgedAtMs });
      return;
    }
    this.deletedQueues.delete(name);
    this.queues.set(name, {
      name,
      settings,
      state,
      purgedAtMs,
      tasks: new Map(),
      tombstones: new Map(),
    });
  }
}

/** The record that creates this queue or applies `changes` to it. */
export function queueRecord(
  queue: Pick<StoredQueue, 'name' | 'settings' | 'state' | 'purgedAtMs'>,
  changes: Partial<Pick<StoredQueue, 'settings' | 'state'>> = {},
): TasksRecord {
  const { name, settings, state, purgedAtMs } = queue;
  const record = { kind: 'queue', queue: name, settings, state, ...changes } as const;
  return purgedAtMs === undefined ? record : { ...record, purgedAtMs };
}

function removeTask(queue: StoredQueue, id: string, atMs: number): void {
  queue.tasks.delete(id);
  // Deleted first, so that the map stays ordered by time.
  queue.tombstones.delete(id);
  queue.tombstones.set(id, atMs);
}
