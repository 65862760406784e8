/**
 * Pending deliveries. A message is durable from `add` until it is acknowledged or dropped. It is retried with exponential
 * back-off. After a restart every message that was not acknowledged is attempted again at once.
 */
import path from 'node:path';
import { Journal } from '../shared/journal.ts';
import type { CloudEventMessage } from './cloud-event.ts';

export interface Delivery {
  /** Unique per delivery. Not the event's id: a duplicate may have the same one. */
  readonly key: string;
  /** Name of the trigger. */
  readonly trigger: string;
  readonly message: CloudEventMessage;
  readonly publishedAtMs: number;
}

export interface RetryPolicy {
  /** Wait after the first failure. It doubles with each further failure. */
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /** A message of this age is dropped. */
  readonly retentionMs: number;
}

export interface DeliveriesOptions {
  /** Without it no message survives a restart. */
  readonly stateDir: string | undefined;
  readonly now: () => number;
  readonly retry: RetryPolicy;
  readonly maxConcurrent: number;
  /** Resolves to true when the delivery needs no further attempt. */
  readonly attempt: (delivery: Delivery) => Promise<boolean>;
  readonly onBug: (error: unknown) => void;
}

type DeliveryRecord = { readonly added: Delivery } | { readonly done: string };

export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #pending = new Map<string, Delivery>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #running = new Set<Promise<void>>();
  /** Attempts that are due but exceed the limit on concurrent attempts. */
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

  /** Resumes the deliveries that an earlier process left pending. Drops those that are not wanted. */
  resume(isWanted: (delivery: Delivery) => boolean): void {
    for (const delivery of [...this.#pending.values()]) {
      if (isWanted(delivery)) this.#schedule(delivery, 0, 0);
      else this.#done(delivery);
    }
  }

  /** The delivery is durable when this returns. Its first attempt is after `delayMs`. */
  add(delivery: Delivery, delayMs: number): void {
    this.#record({ added: delivery });
    this.#schedule(delivery, delayMs, 0);
  }

  /** Resolves when no delivery is pending. */
  async idle(): Promise<void> {
    if (this.#pending.size === 0) return;
    await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Pending deliveries stay in the journal. The caller aborts the attempts in progress. */
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

  /** Applies the record before it appends it: appending may compact, and the snapshot must include the record. */
  #record(record: DeliveryRecord): void {
    this.#apply(record);
    this.#journal?.append(record);
  }

  #apply(record: DeliveryRecord): void {
    if ('added' in record) this.#pending.set(record.added.key, record.added);
    else this.#pending.delete(record.done);
  }
}
