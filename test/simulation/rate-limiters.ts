/** The rate limiter store: documents of the same database, with the same failures. */
import { NEW_RATE_LIMITER, type RateLimiter } from '../../functions/core/job/rate-limiter.ts';
import type { RateLimiterStore } from '../../functions/ports.ts';
import type { Engine, Invocation } from './engine.ts';
import { SimulatedFault } from './faults.ts';

type Model = Parameters<RateLimiterStore['get']>[0];
type Decide = Parameters<RateLimiterStore['update']>[1];

export class RateLimiters {
  readonly #engine: Engine;
  readonly #saved = new Map<string, RateLimiter>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  portOf(invocation: Invocation): RateLimiterStore {
    return new RateLimitersPort(this, this.#engine, invocation);
  }

  get(model: Model): RateLimiter {
    this.#mayFail();
    return this.#saved.get(keyOf(model)) ?? NEW_RATE_LIMITER;
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

class RateLimitersPort implements RateLimiterStore {
  readonly #rateLimiters: RateLimiters;
  readonly #engine: Engine;
  readonly #invocation: Invocation;

  constructor(rateLimiters: RateLimiters, engine: Engine, invocation: Invocation) {
    this.#rateLimiters = rateLimiters;
    this.#engine = engine;
    this.#invocation = invocation;
  }

  get(model: Model): Promise<RateLimiter> {
    return this.#engine.call(this.#invocation, 'getRateLimiter', () => this.#rateLimiters.get(model));
  }

  update(model: Model, decide: Decide): Promise<'saved' | 'unchanged'> {
    return this.#engine.call(this.#invocation, 'updateRateLimiter', () =>
      this.#rateLimiters.update(model, decide),
    );
  }
}

const keyOf = ({ provider, model }: Model): string => `${provider}/${model}`;
