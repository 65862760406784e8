/** The turnstiles: documents of the same database, with the same failures. */
import { NEW_TURNSTILE, type Turnstile } from '../../functions/core/job/turnstile.ts';
import type { TurnstileStore } from '../../functions/ports.ts';
import type { Engine, Invocation } from './engine.ts';
import { SimulatedFault } from './faults.ts';

type Model = Parameters<TurnstileStore['get']>[0];
type Decide = Parameters<TurnstileStore['update']>[1];

export class Turnstiles {
  readonly #engine: Engine;
  readonly #saved = new Map<string, Turnstile>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  portOf(invocation: Invocation): TurnstileStore {
    return new TurnstilesPort(this, this.#engine, invocation);
  }

  get(model: Model): Turnstile {
    this.#mayFail();
    return this.#saved.get(keyOf(model)) ?? NEW_TURNSTILE;
  }

  update(model: Model, decide: Decide): 'saved' | 'unchanged' {
    const next = decide(this.get(model));
    if (!next) return 'unchanged';
    this.#saved.set(keyOf(model), Object.freeze(next));
    this.#mayFail();
    return 'saved';
  }

  #mayFail(): void {
    if (this.#engine.faults.happens('store', 0.5)) throw new SimulatedFault('UNAVAILABLE');
  }
}

class TurnstilesPort implements TurnstileStore {
  readonly #turnstiles: Turnstiles;
  readonly #engine: Engine;
  readonly #invocation: Invocation;

  constructor(turnstiles: Turnstiles, engine: Engine, invocation: Invocation) {
    this.#turnstiles = turnstiles;
    this.#engine = engine;
    this.#invocation = invocation;
  }

  get(model: Model): Promise<Turnstile> {
    return this.#engine.call(this.#invocation, 'turnstile', () => this.#turnstiles.get(model));
  }

  update(model: Model, decide: Decide): Promise<'saved' | 'unchanged'> {
    return this.#engine.call(this.#invocation, 'turn', () => this.#turnstiles.update(model, decide));
  }
}

const keyOf = ({ provider, model }: Model): string => `${provider}/${model}`;
