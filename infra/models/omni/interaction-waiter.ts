/** Waits for the end of interactions: for foreground calls and for webhooks. */
import type { ClockTimers } from '../clock-timers.ts';
import type { Operation, OperationStore } from '../operation/operations.ts';

export class InteractionWaiter {
  readonly #store: OperationStore;
  readonly #timers: ClockTimers;
  readonly #now: () => number;

  constructor(store: OperationStore, timers: ClockTimers, now: () => number) {
    this.#store = store;
    this.#timers = timers;
    this.#now = now;
  }

  /** Resolves when the operation is done or cancelled. Never resolves after the server has stopped. */
  untilEnded(operation: Operation): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!this.#store.isDone(operation, this.#now())) return;
        stopWatching();
        resolve();
      };
      const stopWatching = this.#store.watch(check);
      this.#timers.waitUntil(operation.readyAtMs).then(check, () => undefined);
    });
  }
}
