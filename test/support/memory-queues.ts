/** The task queue and the rate limiter store in memory. */
import { NEW_RATE_LIMITER, type RateLimiter } from '../../functions/core/job/rate-limiter.ts';
import type { BatchTask, RateLimiterStore, TaskQueue, WakeTask } from '../../functions/ports.ts';

export class MemoryRateLimiterStore implements RateLimiterStore {
  readonly #rateLimiters = new Map<string, RateLimiter>();

  async get({ provider, model }: Parameters<RateLimiterStore['get']>[0]): Promise<RateLimiter> {
    return this.#rateLimiters.get(`${provider}/${model}`) ?? NEW_RATE_LIMITER;
  }

  async update(...[model, decide]: Parameters<RateLimiterStore['update']>): Promise<'saved' | 'unchanged'> {
    const key = `${model.provider}/${model.model}`;
    const next = decide(this.#rateLimiters.get(key) ?? NEW_RATE_LIMITER);
    if (!next) return 'unchanged';
    this.#rateLimiters.set(key, next);
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
      throw new Error('the queue returned 503');
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
      throw new Error('the queue returned 503');
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

  /** Removes and returns the earliest batch task if it is due. */
  takeBatch(now: number): BatchTask | undefined {
    const [next] = [...this.waitingBatches].sort((a, b) => a.wake.at - b.wake.at);
    if (!next || next.wake.at > now) return undefined;
    this.waitingBatches.splice(this.waitingBatches.indexOf(next), 1);
    return next;
  }

  async isWaiting(task: WakeTask): Promise<boolean> {
    return this.waiting.some((each) => nameOf(each) === nameOf(task));
  }

  /** Removes and returns this task. */
  remove(task: WakeTask): WakeTask {
    this.waiting.splice(this.waiting.indexOf(task), 1);
    return task;
  }

  /** Removes and returns the earliest task if it is due. */
  take(now: number): WakeTask | undefined {
    const [next] = [...this.waiting].sort((a, b) => a.wake.at - b.wake.at);
    if (!next || next.wake.at > now) return undefined;
    this.waiting.splice(this.waiting.indexOf(next), 1);
    return next;
  }
}

const nameOf = ({ jobId, wake }: Pick<WakeTask, 'jobId' | 'wake'>): string =>
  `${jobId}/${wake.seq}/${wake.ring}`;
