/** What stands in line, in memory: the task queue and the turnstiles. */
import { NEW_TURNSTILE, type Turnstile } from '../../functions/core/job/turnstile.ts';
import type { BatchTask, TaskQueue, TurnstileStore, WakeTask } from '../../functions/ports.ts';

export class MemoryTurnstileStore implements TurnstileStore {
  readonly #turnstiles = new Map<string, Turnstile>();

  async get({ provider, model }: Parameters<TurnstileStore['get']>[0]): Promise<Turnstile> {
    return this.#turnstiles.get(`${provider}/${model}`) ?? NEW_TURNSTILE;
  }

  async update(...[model, decide]: Parameters<TurnstileStore['update']>): Promise<'saved' | 'unchanged'> {
    const key = `${model.provider}/${model.model}`;
    const next = decide(this.#turnstiles.get(key) ?? NEW_TURNSTILE);
    if (!next) return 'unchanged';
    this.#turnstiles.set(key, next);
    return 'saved';
  }
}

export class MemoryTaskQueue implements TaskQueue {
  readonly waiting: WakeTask[] = [];
  readonly waitingBatches: BatchTask[] = [];
  readonly #names = new Set<string>();
  enqueued = 0;
  failNext = 0;

  async enqueue(task: WakeTask): Promise<void> {
    if (this.failNext > 0) {
      this.failNext--;
      throw new Error('the queue does not answer');
    }
    const name = nameOf(task);
    if (this.#names.has(name)) return;
    this.#names.add(name);
    this.enqueued++;
    this.waiting.push(task);
  }

  async enqueueBatch(task: BatchTask): Promise<void> {
    if (this.failNext > 0) {
      this.failNext--;
      throw new Error('the queue does not answer');
    }
    const name = nameOf({ jobId: task.batchId, wake: task.wake });
    if (this.#names.has(name)) return;
    this.#names.add(name);
    this.waitingBatches.push(task);
  }

  async isBatchWaiting({ batchId, wake }: BatchTask): Promise<boolean> {
    const name = nameOf({ jobId: batchId, wake });
    return this.waitingBatches.some((each) => nameOf({ jobId: each.batchId, wake: each.wake }) === name);
  }

  /** Takes the earliest task of a batch out, if it is due. */
  takeBatch(now: number): BatchTask | undefined {
    const [next] = [...this.waitingBatches].sort((a, b) => a.wake.at - b.wake.at);
    if (!next || next.wake.at > now) return undefined;
    this.waitingBatches.splice(this.waitingBatches.indexOf(next), 1);
    return next;
  }

  async isWaiting(task: WakeTask): Promise<boolean> {
    return this.waiting.some((each) => nameOf(each) === nameOf(task));
  }

  /** Back into the queue, as after an answer that is no success. */
  putBack(task: WakeTask): void {
    this.waiting.push(task);
  }

  /** Takes the earliest task out, if it is due. */
  take(now: number): WakeTask | undefined {
    const [next] = [...this.waiting].sort((a, b) => a.wake.at - b.wake.at);
    if (!next || next.wake.at > now) return undefined;
    this.waiting.splice(this.waiting.indexOf(next), 1);
    return next;
  }
}

const nameOf = ({ jobId, wake }: Pick<WakeTask, 'jobId' | 'wake'>): string =>
  `${jobId}/${wake.seq}/${wake.ring}`;
