/** Waits for interactions to end: for callers that stay on the line, and for webhooks. */
import type { Alarms } from '../alarms.ts';
import type { Operation, OperationStore } from '../operation/operations.ts';

export class InteractionEndings {
  readonly #store: OperationStore;
  readonly #alarms: Alarms;
  readonly #now: () => number;

  constructor(store: OperationStore, alarms: Alarms, now: () => number) {
    this.#store = store;
    this.#alarms = alarms;
    this.#now = now;
  }

  /** Resolves when the operation is done or cancelled; never after the server has stopped. */
  whenEnded(operation: Operation): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!this.#store.isDone(operation, this.#now())) return;
        stopWatching();
        resolve();
      };
      const stopWatching = this.#store.watch(look);
      this.#alarms.at(operation.readyAtMs).then(look, () => undefined);
    });
  }
}
