/** The calls that are under way: makes them, breaks off those that miss their deadline, and tells how each ended. */
import type { AttemptOutcome } from './attempt-status.ts';
import type { Dispatcher, OutgoingCall } from './dispatcher.ts';
import { DueHeap } from './due-heap.ts';
import type { IdTokens } from './id-tokens.ts';
import { deliveryHeaders } from './request-headers.ts';
import type { StoredTask, TaskProgress } from './state.ts';

/** One call of a task's target. */
export interface Delivery {
  readonly task: StoredTask;
  /** How far the task had come before this delivery; its headers tell. */
  readonly before: TaskProgress;
  readonly scheduledAtMs: number;
  readonly dispatchedAtMs: number;
  /** Asked for by RunTask. */
  readonly isForced: boolean;
}

export interface InFlightOptions {
  readonly queueName: string;
  readonly dispatcher: Dispatcher;
  readonly idTokens: IdTokens | undefined;
  readonly urlNow: (url: string) => string;
  readonly onBug: (error: unknown) => void;
}

export class InFlight {
  readonly #options: InFlightOptions;
  readonly #deadlines = new DueHeap<AbortController>();
  #stopped = false;

  constructor(options: InFlightOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#deadlines.size;
  }

  /** When the next call misses its deadline; Infinity when none is under way. */
  get nextDeadlineMs(): number {
    return this.#deadlines.peek()?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** @param onEnd is not called any more after `stop` */
  start(delivery: Delivery, onEnd: (outcome: AttemptOutcome) => void): void {
    const { dispatcher, onBug } = this.#options;
    const abort = new AbortController();
    const deadlineMs = delivery.dispatchedAtMs + delivery.task.spec.dispatchDeadlineMs;
    const deadline = this.#deadlines.add(deadlineMs, abort);
    const call = this.#callOf(delivery);
    const outcome: Promise<AttemptOutcome> =
      call === undefined
        ? Promise.resolve({ kind: 'unreachable', reason: 'The ID token could not be signed' })
        : dispatcher.call(call, abort.signal);
    outcome
      .then((ended) => {
        this.#deadlines.remove(deadline);
        if (!this.#stopped) onEnd(ended);
      })
      .catch(onBug);
  }

  /** Breaks off what is past its deadline. */
  abortOverdue(nowMs: number): void {
    for (let next = this.#deadlines.peek(); next !== undefined; next = this.#deadlines.peek()) {
      if (next.atMs > nowMs) return;
      this.#deadlines.remove(next);
      next.value.abort();
    }
  }

  stop(): void {
    this.#stopped = true;
    this.abortOverdue(Number.POSITIVE_INFINITY);
  }

  #callOf({ task, before }: Delivery): OutgoingCall | undefined {
    const { queueName, idTokens, urlNow, onBug } = this.#options;
    const { method, bodyBase64, oidcToken } = task.spec.target;
    const url = urlNow(task.spec.target.url);
    try {
      const idToken =
        oidcToken === undefined
          ? undefined
          : idTokens?.tokenFor(oidcToken.serviceAccountEmail, urlNow(oidcToken.audience || url));
      const headers = deliveryHeaders(queueName, { spec: task.spec, progress: before }, idToken);
      return { url, method, headers, body: Buffer.from(bodyBase64, 'base64') };
    } catch (error) {
      onBug(error);
      return undefined;
    }
  }
}
