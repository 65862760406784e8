/** The operations on queues and tasks, with the service's errors. */
import { status } from '@grpc/grpc-js';
import { refuse } from '../shared/grpc.ts';
import type { QueueStateName } from './messages.ts';
import { checkQueueName } from './names.ts';
import type { Persistence } from './persistence.ts';
import { QueueRunner, type RunnerContext } from './queue-runner.ts';
import { type QueueSettings, type QueueSpec, settingsOfSpec } from './queue-settings.ts';
import { queueRecord, type StoredQueue, type StoredTask } from './state.ts';
import type { QueueStats } from './task-attempt.ts';

export interface EngineOptions {
  readonly persistence: Persistence;
  readonly context: Omit<RunnerContext, 'commit'>;
  readonly tombstoneMs: number;
}

/** How long the name of a deleted queue cannot be reused. */
const DELETED_QUEUE_MS = 7 * 24 * 3_600_000;

export class TasksEngine {
  readonly #persistence: Persistence;
  readonly #context: RunnerContext;
  readonly #tombstoneMs: number;
  readonly #runners = new Map<string, QueueRunner>();

  constructor({ persistence, context, tombstoneMs }: EngineOptions) {
    this.#persistence = persistence;
    this.#context = { ...context, commit: (record) => persistence.commit(record) };
    this.#tombstoneMs = tombstoneMs;
  }

  get queues(): ReadonlyMap<string, StoredQueue> {
    return this.#persistence.state.queues;
  }

  /** Starts to dispatch the stored tasks. */
  start(): void {
    for (const queue of this.queues.values()) this.#run(queue);
  }

  stop(): void {
    for (const runner of this.#runners.values()) runner.stop();
    this.#persistence.close();
  }

  wakeUp(): void {
    for (const runner of this.#runners.values()) runner.wakeUp();
  }

  stats(): Record<string, QueueStats> {
    return Object.fromEntries([...this.#runners].map(([name, runner]) => [name, runner.stats()]));
  }

  /** Creates the queue, or updates the settings of an existing one. An existing queue keeps its state and its tasks. */
  declareQueue(spec: QueueSpec): void {
    checkQueueName(spec.name);
    const settings = settingsOfSpec(spec);
    const existing = this.queues.get(spec.name);
    if (existing === undefined) this.createQueue(spec.name, settings);
    else this.changeQueue(existing, { settings });
  }

  /** @throws GrpcError ALREADY_EXISTS, or FAILED_PRECONDITION while the name of a deleted queue is reserved */
  createQueue(name: string, settings: QueueSettings): StoredQueue {
    if (this.queues.has(name)) refuse(status.ALREADY_EXISTS, 'Queue already exists');
    const deletedAtMs = this.#persistence.state.deletedQueues.get(name);
    if (deletedAtMs !== undefined && this.#context.now() < deletedAtMs + DELETED_QUEUE_MS) {
      refuse(
        status.FAILED_PRECONDITION,
        'The queue cannot be created because a queue with this name existed too recently.',
      );
    }
    this.#persistence.commit(queueRecord({ name, settings, state: 'RUNNING', purgedAtMs: undefined }));
    const queue = this.queue(name);
    this.#run(queue);
    return queue;
  }

  /** @throws GrpcError NOT_FOUND */
  queue(name: string): StoredQueue {
    return (
      this.queues.get(name) ??
      refuse(
        status.NOT_FOUND,
        'Queue does not exist. If you just created the queue, wait at least a minute for the queue to initialize.',
      )
    );
  }

  changeQueue(
    queue: StoredQueue,
    changes: { readonly settings?: QueueSettings; readonly state?: QueueStateName },
  ): void {
    this.#persistence.commit(queueRecord(queue, changes));
    this.#runners.get(queue.name)?.wakeUp();
  }

  deleteQueue(name: string): void {
    if (!this.queues.has(name)) refuse(status.NOT_FOUND, 'Requested entity was not found.');
    this.#runners.get(name)?.stop();
    this.#runners.delete(name);
    this.#persistence.commit({ kind: 'queue-deleted', queue: name, atMs: this.#context.now() });
  }

  /** Deletes all tasks of the queue at once. The real service takes up to a minute. */
  purgeQueue(queue: StoredQueue): void {
    this.#runners.get(queue.name)?.forgetAll();
    this.#persistence.commit({ kind: 'queue-purged', queue: queue.name, atMs: this.#context.now() });
  }

  /** @throws GrpcError ALREADY_EXISTS for a name that is in use or still reserved */
  createTask(queue: StoredQueue, { spec, progress }: StoredTask): StoredTask {
    this.#dropOldTombstones(queue);
    if (queue.tasks.has(spec.id)) refuse(status.ALREADY_EXISTS, 'Requested entity already exists');
    if (this.#existedRecently(queue, spec.id)) {
      refuse(
        status.ALREADY_EXISTS,
        'The task cannot be created because a task with this name existed too recently. For more information about ' +
          'task de-duplication see https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks/create#body.request_body.FIELDS.task.',
      );
    }
    this.#persistence.commit({ kind: 'task', queue: queue.name, spec, progress });
    const task = this.task(queue, spec.id);
    this.#runners.get(queue.name)?.add(task);
    return task;
  }

  /** @throws GrpcError NOT_FOUND */
  task(queue: StoredQueue, taskId: string): StoredTask {
    return (
      queue.tasks.get(taskId) ??
      refuse(
        status.NOT_FOUND,
        this.#existedRecently(queue, taskId)
          ? 'The task no longer exists, though a task with this name existed recently. The task either successfully completed or was deleted.'
          : 'Requested entity was not found.',
      )
    );
  }

  deleteTask(queue: StoredQueue, taskId: string): void {
    this.task(queue, taskId);
    this.#runners.get(queue.name)?.forget(taskId);
    const atMs = this.#context.now();
    this.#persistence.commit({ kind: 'task-gone', queue: queue.name, id: taskId, atMs });
  }

  runTask(queue: StoredQueue, task: StoredTask): void {
    this.#runners.get(queue.name)?.runNow(task);
  }

  #run(queue: StoredQueue): void {
    const existing = this.#runners.get(queue.name);
    if (existing !== undefined) return;
    const runner = new QueueRunner(queue, this.#context);
    this.#runners.set(queue.name, runner);
    runner.start();
  }

  #existedRecently(queue: StoredQueue, taskId: string): boolean {
    const endedAtMs = queue.tombstones.get(taskId);
    return endedAtMs !== undefined && this.#context.now() < endedAtMs + this.#tombstoneMs;
  }

  /** Tombstones are ordered by time, so the loop stops at the first that has not expired. */
  #dropOldTombstones(queue: StoredQueue): void {
    const expiredBeforeMs = this.#context.now() - this.#tombstoneMs;
    for (const [taskId, endedAtMs] of queue.tombstones) {
      if (endedAtMs > expiredBeforeMs) return;
      queue.tombstones.delete(taskId);
    }
  }
}
