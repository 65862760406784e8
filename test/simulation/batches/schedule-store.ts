/** The schedule store: documents of the same database, with the same failures. */
import { NEW_SCHEDULE, type ScheduleState } from '../../../functions/core/batch/schedules.ts';
import type { ScheduleStore } from '../../../functions/ports.ts';
import type { Engine, Invocation } from '../engine.ts';
import { SimulatedFault } from '../faults.ts';

type Decide = Parameters<ScheduleStore['update']>[1];

export class ScheduleStates {
  readonly states = new Map<string, ScheduleState>();
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  portOf(invocation: Invocation): ScheduleStore {
    return {
      get: (id) =>
        this.#engine.call(invocation, 'getFires', () => {
          this.#mayFail();
          return this.of(id);
        }),
      update: (id, decide) => this.#engine.call(invocation, 'updateFires', () => this.#update(id, decide)),
    };
  }

  of(id: string): ScheduleState {
    return this.states.get(id) ?? NEW_SCHEDULE;
  }

  #update(id: string, decide: Decide): 'saved' | 'unchanged' {
    this.#mayFail();
    // Contention: the first decision is discarded, and the client runs the transaction again.
    if (this.#engine.faults.happens('store', 0.5)) decide(this.of(id));
    const next = decide(this.of(id));
    if (!next) return 'unchanged';
    this.states.set(id, Object.freeze(next));
    this.#engine.comment(`${id}: ${next.fires.map(({ state }) => state).join(', ')}`);
    this.#mayFail();
    return 'saved';
  }

  #mayFail(): void {
    if (this.#engine.faults.happens('store', 0.5)) throw new SimulatedFault('UNAVAILABLE');
  }
}
