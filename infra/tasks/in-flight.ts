/** The calls in progress of one queue: starts them, aborts those that miss their deadline, and reports each outcome. */
import type { AttemptOutcome } from './attempt-status.ts';
import type { Dispatcher, OutgoingCall } from './dispatcher.ts';
import { DueHeap } from './due-heap.ts';
import type { IdTokens } from './id-tokens.ts';
import { deliveryHeaders } from './request-headers.ts';
import type { StoredTask, TaskProgress } from './state.ts';

/** One call of a task's target. */
export interface Delivery {
  readonly task: StoredTask;
  /** The task's progress before this delivery, which the headers report. */
  readonly before: TaskProgress;
  readonly scheduledAtMs: number;
  readonly dispatchedAtMs: number;
  /** Started by RunTask. */
  readonly isForced: boolean;
}

export interface InFlightOptions {
  readonly queueName: string;
  readonly dispatcher: Dispatcher;
  readonly idTokens: IdTokens | undefined;
  readonly resolveUrl: (url: string) => string;
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

  /** The earliest deadline of a call in progress; Infinity when there is none. */
  get nextDeadlineMs(): number {
    return this.#deadlines.peek()?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** @param onEnd not called after `stop` */
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

  /** Aborts the calls whose deadline has passed. */
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
    const { queueName, idTokens, resolveUrl, onBug } = this.#options;
    const { method, bodyBase64, oidcToken } = task.spec.target;
    const url = resolveUrl(task.spec.target.url);
    try {
      const idToken =
        oidcToken === undefined
          ? undefined
          : idTokens?.tokenFor(oidcToken.serviceAccountEmail, resolveUrl(oidcToken.audience || url));
      const headers = deliveryHeaders(queueName, { spec: task.spec, progress: before }, idToken);
      return { url, method, headers, body: Buffer.from(bodyBase64, 'base64') };
    } catch (error) {
      onBug(error);
      return undefined;
    }
  }
}
