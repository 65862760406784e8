/**
 * Runs one queue with one timer: dispatches tasks within the rate, the burst size, the concurrency and the deadlines.
 * Picking the next task costs O(log n) for n waiting tasks. Queues share nothing that can block, so a target that hangs
 * delays only its own queue.
 */
import type { AttemptOutcome } from './attempt-status.ts';
import type { Dispatcher } from './dispatcher.ts';
import { type DueEntry, DueHeap } from './due-heap.ts';
import type { FaultInjector } from './faults.ts';
import type { IdTokens } from './id-tokens.ts';
import { type Delivery, InFlight } from './in-flight.ts';
import { settle } from './settlement.ts';
import { SlowDown } from './slow-down.ts';
import type { StoredQueue, StoredTask, TaskProgress, TasksRecord } from './state.ts';
import {
  attemptOf,
  countAttempt,
  lossOf,
  noAttempts,
  type QueueStats,
  type TaskAttempt,
} from './task-attempt.ts';
import { TokenBucket } from './token-bucket.ts';

export interface RunnerContext {
  readonly now: () => number;
  readonly faults: FaultInjector;
  readonly dispatcher: Dispatcher;
  readonly idTokens: IdTokens | undefined;
  readonly resolveUrl: (url: string) => string;
  readonly commit: (record: TasksRecord) => void;
  readonly onAttempt: (attempt: TaskAttempt) => void;
  readonly onBug: (error: unknown) => void;
}

type Waiting =
  | { readonly kind: 'task'; readonly task: StoredTask }
  /** An injected duplicate delivery. It is made even when the task no longer exists. */
  | { readonly kind: 'repeat'; readonly delivery: Delivery };

/** The service deletes older tasks. */
const TASK_LIFETIME_MS = 31 * 24 * 3_600_000;

/** Longest timer. A timer stops while a laptop sleeps, and the clock may be changed, so due times are rechecked. */
const MAX_SLEEP_MS = 60_000;

/** The rate of a throttled queue rises continuously, so the wait for its next token is recomputed at this interval. */
const THROTTLED_SLEEP_MS = 250;

/** The number of due tasks from which a reordering queue picks. A larger window costs more and hardly mixes better. */
const REORDER_WINDOW = 64;

export class QueueRunner {
  readonly #queue: StoredQueue;
  readonly #context: RunnerContext;
  readonly #due = new DueHeap<Waiting>();
  /** The heap entry of each waiting task. A task in progress has none. */
  readonly #waiting = new Map<string, DueEntry<Waiting>>();
  readonly #inFlight: InFlight;
  readonly #slowDown = new SlowDown();
  readonly #bucket: TokenBucket;
  #counts = noAttempts();
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #stopped = false;

  constructor(queue: StoredQueue, context: RunnerContext) {
    this.#queue = queue;
    this.#context = context;
    this.#inFlight = new InFlight({ queueName: queue.name, ...context });
    const { maxDispatchesPerSecond, maxBurstSize } = queue.settings;
    this.#bucket = new TokenBucket(maxDispatchesPerSecond, maxBurstSize, context.now());
  }

  /** Queues the stored tasks. A task that was in progress when the last process died is due and is dispatched again. */
  start(): void {
    for (const task of this.#queue.tasks.values()) this.#wait(task);
    this.wakeUp();
  }

  add(task: StoredTask): void {
    this.#wait(task);
    this.wakeUp();
  }

  /** Removes a deleted task. A call of it that is in progress ends without effect. */
  forget(taskId: string): void {
    const entry = this.#waiting.get(taskId);
    if (entry === undefined) return;
    this.#due.remove(entry);
    this.#waiting.delete(taskId);
  }

  forgetAll(): void {
    for (const taskId of [...this.#waiting.keys()]) this.forget(taskId);
  }

  /** Dispatches now, regardless of the queue's state and limits, and even if the task is already in progress. */
  runNow(task: StoredTask): void {
    this.forget(task.spec.id);
    this.#dispatch(task, this.#context.now(), true);
    this.wakeUp();
  }

  /** Schedules a check for due tasks. It is not immediate, so that the caller of CreateTask gets its response first. */
  wakeUp(): void {
    if (this.#stopped) return;
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined;
      this.#pump();
    });
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#inFlight.stop();
  }

  stats(): QueueStats {
    return {
      ...this.#counts,
      tasks: this.#queue.tasks.size,
      running: this.#inFlight.count,
      rateFactor: this.#slowDown.factor(this.#context.now()),
    };
  }

  #wait(task: StoredTask): void {
    this.forget(task.spec.id);
    const atMs = task.progress.scheduledAtMs + this.#context.faults.delayMs();
    this.#waiting.set(task.spec.id, this.#due.add(atMs, { kind: 'task', task }));
  }

  #pump(): void {
    if (this.#stopped) return;
    try {
      const nowMs = this.#context.now();
      this.#inFlight.abortOverdue(nowMs);
      const wakeAtMs = this.#queue.state === 'RUNNING' ? this.#dispatchDue(nowMs) : Number.POSITIVE_INFINITY;
      this.#arm(Math.min(wakeAtMs, this.#inFlight.nextDeadlineMs), nowMs);
    } catch (error) {
      this.#context.onBug(error);
    }
  }

  #arm(wakeAtMs: number, nowMs: number): void {
    clearTimeout(this.#timer);
    if (wakeAtMs === Number.POSITIVE_INFINITY) return;
    const sleepMs = Math.min(Math.max(1, Math.ceil(wakeAtMs - nowMs)), MAX_SLEEP_MS);
    this.#timer = setTimeout(() => this.#pump(), sleepMs);
  }

  /** Dispatches the tasks that are allowed now. Returns the time of the next check; Infinity when an event triggers it. */
  #dispatchDue(nowMs: number): number {
    for (;;) {
      const next = this.#due.peek();
      if (next === undefined) return Number.POSITIVE_INFINITY;
      if (next.atMs > nowMs) return next.atMs;
      // The end of a running attempt triggers the next check.
      if (this.#inFlight.count >= this.#queue.settings.maxConcurrentDispatches)
        return Number.POSITIVE_INFINITY;
      const waitMs = this.#takeToken(nowMs);
      if (waitMs > 0) return nowMs + waitMs;
      this.#dispatchEntry(this.#takeDue(next, nowMs).value, nowMs);
    }
  }

  #takeToken(nowMs: number): number {
    const { maxDispatchesPerSecond, maxBurstSize } = this.#queue.settings;
    const factor = this.#slowDown.factor(nowMs);
    this.#bucket.configure(maxDispatchesPerSecond * factor, Math.max(1, maxBurstSize * factor), nowMs);
    const waitMs = this.#bucket.take(nowMs);
    return factor < 1 ? Math.min(waitMs, THROTTLED_SLEEP_MS) : waitMs;
  }

  #takeDue(first: DueEntry<Waiting>, nowMs: number): DueEntry<Waiting> {
    this.#due.remove(first);
    if (!this.#context.faults.reorders) return first;
    const due = [first];
    for (let next = this.#due.peek(); next !== undefined && next.atMs <= nowMs; next = this.#due.peek()) {
      if (due.length === REORDER_WINDOW) break;
      this.#due.remove(next);
      due.push(next);
    }
    const chosen = due[this.#context.faults.pick(due.length)] ?? first;
    for (const entry of due) if (entry !== chosen) this.#due.putBack(entry);
    return chosen;
  }

  #dispatchEntry(entry: Waiting, nowMs: number): void {
    if (entry.kind === 'task') {
      this.#waiting.delete(entry.task.spec.id);
      this.#dispatchDueTask(entry.task, nowMs);
      return;
    }
    const repeated = { ...entry.delivery, dispatchedAtMs: nowMs };
    this.#deliver(repeated, (outcome) => this.#report(repeated, outcome, 'repeated'));
  }

  #dispatchDueTask(task: StoredTask, nowMs: number): void {
    if (nowMs - task.spec.createdAtMs > TASK_LIFETIME_MS) {
      this.#removeTask(task);
    } else if (this.#context.faults.loses()) {
      this.#removeTask(task);
      this.#emit(lossOf(this.#queue.name, task, nowMs));
    } else {
      this.#dispatch(task, nowMs, false);
    }
  }

  #dispatch(task: StoredTask, nowMs: number, isForced: boolean): void {
    const before = task.progress;
    const scheduledAtMs = isForced ? nowMs : before.scheduledAtMs;
    const delivery: Delivery = { task, before, scheduledAtMs, dispatchedAtMs: nowMs, isForced };
    this.#commitProgress(task, {
      ...before,
      scheduledAtMs,
      dispatchCount: before.dispatchCount + 1,
      firstDispatchedAtMs: before.firstDispatchedAtMs ?? nowMs,
      lastAttempt: { scheduledAtMs, dispatchedAtMs: nowMs },
    });
    const againAfterMs = this.#context.faults.duplicateAfterMs();
    if (againAfterMs !== undefined) this.#due.add(nowMs + againAfterMs, { kind: 'repeat', delivery });
    this.#deliver(delivery, (outcome) => this.#settle(delivery, outcome));
  }

  #deliver(delivery: Delivery, onEnd: (outcome: AttemptOutcome) => void): void {
    this.#inFlight.start(delivery, (outcome) => {
      if (outcome.kind === 'response') this.#slowDown.record(outcome.status, this.#context.now());
      this.wakeUp();
      onEnd(outcome);
    });
  }

  #settle(delivery: Delivery, outcome: AttemptOutcome): void {
    const { task, scheduledAtMs, dispatchedAtMs, isForced } = delivery;
    // The task was deleted, purged, or completed by another attempt in the meantime.
    if (this.#queue.tasks.get(task.spec.id) !== task) {
      this.#report(delivery, outcome, 'superseded');
      return;
    }
    const endedAtMs = this.#context.now();
    const settlement = settle(this.#queue.settings, task.progress, {
      outcome,
      scheduledAtMs,
      dispatchedAtMs,
      endedAtMs,
      backoffFromMs: isForced ? dispatchedAtMs : endedAtMs,
    });
    if (settlement.kind === 'retrying') {
      this.#commitProgress(task, settlement.progress);
      this.#wait(task);
    } else {
      this.#removeTask(task);
    }
    this.#report(delivery, outcome, settlement.kind);
  }

  #removeTask({ spec }: StoredTask): void {
    this.forget(spec.id);
    const { commit, now } = this.#context;
    commit({ kind: 'task-gone', queue: this.#queue.name, id: spec.id, atMs: now() });
  }

  #commitProgress(task: StoredTask, progress: TaskProgress): void {
    this.#context.commit({ kind: 'progress', queue: this.#queue.name, id: task.spec.id, progress });
  }

  #report(delivery: Delivery, outcome: AttemptOutcome, end: TaskAttempt['end']): void {
    this.#emit(attemptOf(this.#queue.name, delivery, outcome, end, this.#context.now()));
  }

  #emit(attempt: TaskAttempt): void {
    this.#counts = countAttempt(this.#counts, attempt);
    try {
      this.#context.onAttempt(attempt);
    } catch (error) {
      // A listener that throws must not stop the queue.
      this.#context.onBug(error);
    }
  }
}
