/**
 * Messages on their way: durable from `add` until they are acknowledged or given up, attempted with exponential
 * back-off. After a restart everything that was not acknowledged is attempted again, at once.
 */
import path from 'node:path';
import { Journal } from '../shared/journal.ts';
import type { CloudEventMessage } from './cloud-event.ts';

export interface Delivery {
  /** Unique among deliveries; not the event's id, which a duplicate may share. */
  readonly key: string;
  /** Which trigger it is for. */
  readonly trigger: string;
  readonly message: CloudEventMessage;
  readonly publishedAtMs: number;
}

export interface RetryPolicy {
  /** Wait after the first failure; doubles with each further one. */
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /** A message this old is given up. */
  readonly retentionMs: number;
}

export interface DeliveriesOptions {
  /** Without it nothing survives. */
  readonly stateDir: string | undefined;
  readonly now: () => number;
  readonly retry: RetryPolicy;
  readonly maxConcurrent: number;
  /** Resolves to whether the delivery is done with. */
  readonly attempt: (delivery: Delivery) => Promise<boolean>;
  readonly onBug: (error: unknown) => void;
}

type DeliveryRecord = { readonly added: Delivery } | { readonly done: string };

export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #pending = new Map<string, Delivery>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #running = new Set<Promise<void>>();
  /** Due, but beyond the limit on concurrent attempts. */
  readonly #waiting: (() => void)[] = [];
  readonly #journal: Journal<DeliveryRecord> | undefined;
  #idleWaiters: (() => void)[] = [];
  #stopped = false;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#journal =
      options.stateDir === undefined
        ? undefined
        : Journal.open<DeliveryRecord>({
            file: path.join(options.stateDir, 'deliveries.jsonl'),
            replay: (record) => this.#apply(record),
            snapshot: () => [...this.#pending.values()].map((added) => ({ added })),
          });
  }

  /** Attempts what an earlier process left behind. */
  resume(isWanted: (delivery: Delivery) => boolean): void {
    for (const delivery of [...this.#pending.values()]) {
      if (isWanted(delivery)) this.#schedule(delivery, 0, 0);
      else this.#done(delivery);
    }
  }

  /** Durable when this returns; first attempted after `delayMs`. */
  add(delivery: Delivery, delayMs: number): void {
    this.#record({ added: delivery });
    this.#schedule(delivery, delayMs, 0);
  }

  /** Resolves once nothing is pending. */
  async idle(): Promise<void> {
    if (this.#pending.size === 0) return;
    await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  /** What is pending stays in the journal. The caller aborts the attempts that are under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#waiting.length = 0;
    await Promise.all(this.#running);
    this.#journal?.close();
    this.#wakeIdle();
  }

  #schedule(delivery: Delivery, delayMs: number, failures: number): void {
    if (this.#stopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#start(delivery, failures);
    }, delayMs);
    this.#timers.add(timer);
  }

  #start(delivery: Delivery, failures: number): void {
    if (this.#running.size >= this.#options.maxConcurrent) {
      this.#waiting.push(() => this.#start(delivery, failures));
      return;
    }
    const running = this.#run(delivery, failures)
      .catch(this.#options.onBug)
      .finally(() => {
        this.#running.delete(running);
        this.#waiting.shift()?.();
      });
    this.#running.add(running);
  }

  async #run(delivery: Delivery, failures: number): Promise<void> {
    const { now, retry, attempt } = this.#options;
    const done = await attempt(delivery).catch((error) => {
      this.#options.onBug(error);
      return false;
    });
    if (this.#stopped && !done) return;
    if (done || now() - delivery.publishedAtMs >= retry.retentionMs) this.#done(delivery);
    else
      this.#schedule(
        delivery,
        Math.min(retry.maxBackoffMs, retry.minBackoffMs * 2 ** failures),
        failures + 1,
      );
  }

  #done(delivery: Delivery): void {
    this.#record({ done: delivery.key });
    if (this.#pending.size === 0) this.#wakeIdle();
  }

  #wakeIdle(): void {
    for (const wake of this.#idleWaiters) wake();
    this.#idleWaiters = [];
  }

  /** Applied before it is appended: appending may compact, and the snapshot must know of it. */
  #record(record: DeliveryRecord): void {
    this.#apply(record);
    this.#journal?.append(record);
  }

  #apply(record: DeliveryRecord): void {
    if ('added' in record) this.#pending.set(record.added.key, record.added);
    else this.#pending.delete(record.done);
  }
}
