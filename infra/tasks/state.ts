/**
 * The state that survives: queues, their tasks, and the names that may not be used again yet. It changes only by
 * applying records, so that replaying the journal rebuilds it. It knows no clock.
 */
import type { QueueStateName } from './messages.ts';
import type { QueueSettings } from './queue-settings.ts';

/** What is called. */
export interface HttpTarget {
  readonly url: string;
  readonly method: string;
  /** As given, but for the user agent, which the service sets. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON holds no bytes. */
  readonly bodyBase64: string;
  readonly oidcToken?: { readonly serviceAccountEmail: string; readonly audience: string };
}

/** What a client asked for; it never changes. */
interface TaskSpec {
  readonly id: string;
  readonly target: HttpTarget;
  readonly createdAtMs: number;
  readonly dispatchDeadlineMs: number;
}

/** One delivery, as the API tells it. */
export interface AttemptRecord {
  readonly scheduledAtMs: number;
  readonly dispatchedAtMs: number;
  /** Absent while it runs, and when no answer came. */
  readonly respondedAtMs?: number;
  /** google.rpc.Code */
  readonly code?: number;
  readonly message?: string;
}

/** How far a task has come. */
export interface TaskProgress {
  readonly scheduledAtMs: number;
  readonly dispatchCount: number;
  readonly responseCount: number;
  /** Answers that came from the handler: those below 500. */
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
  /** When the task of that id was deleted, completed or given up; oldest first. */
  readonly tombstones: Map<string, number>;
}

export type TasksRecord =
  /** Makes the queue, or changes everything about it except its tasks. */
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
  | { readonly kind: 'task-gone'; readonly queue: string; readonly id: string; readonly atMs: number };

export class TasksState {
  readonly queues = new Map<string, StoredQueue>();
  /** When the queue of that name was deleted. */
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
        for (const id of queue.tasks.keys()) bury(queue, id, record.atMs);
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
        bury(queue, record.id, record.atMs);
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

/** The record that makes or changes this queue, with what `changes` says. */
export function queueRecord(
  queue: Pick<StoredQueue, 'name' | 'settings' | 'state' | 'purgedAtMs'>,
  changes: Partial<Pick<StoredQueue, 'settings' | 'state'>> = {},
): TasksRecord {
  const { name, settings, state, purgedAtMs } = queue;
  const record = { kind: 'queue', queue: name, settings, state, ...changes } as const;
  return purgedAtMs === undefined ? record : { ...record, purgedAtMs };
}

function bury(queue: StoredQueue, id: string, atMs: number): void {
  queue.tasks.delete(id);
  // Deleted first, so that the names stay in the order of their ends.
  queue.tombstones.delete(id);
  queue.tombstones.set(id, atMs);
}
