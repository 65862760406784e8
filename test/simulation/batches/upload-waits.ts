/** Uploads that wait for another file: documents of the same database, with the same failures. */
import type { UploadWait, UploadWaits } from '../../../functions/ports.ts';
import type { Engine, Invocation } from '../engine.ts';
import { SimulatedFault } from '../faults.ts';

export class UploadWaitStates {
  readonly waits = new Map<string, UploadWait>();
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  hasDue(): boolean {
    return [...this.waits.values()].some(({ dueAt }) => dueAt <= this.#engine.now);
  }

  portOf(invocation: Invocation): UploadWaits {
    const call = <T>(what: string, work: () => T): Promise<T> =>
      this.#engine.call(invocation, what, () => {
        this.#mayFail();
        const result = work();
        this.#mayFail();
        return result;
      });
    return {
      put: (wait) =>
        call('putWait', () => {
          this.waits.set(wait.waitId, wait);
        }),
      due: (now, limit) =>
        call('dueWaits', () =>
          [...this.waits.values()]
            .filter(({ dueAt }) => dueAt <= now)
            .sort((a, b) => a.dueAt - b.dueAt)
            .slice(0, limit),
        ),
      remove: (waitId) =>
        call('removeWait', () => {
          this.waits.delete(waitId);
        }),
    };
  }

  #mayFail(): void {
    if (this.#engine.faults.happens('store', 0.5)) throw new SimulatedFault('UNAVAILABLE');
  }
}
