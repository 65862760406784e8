/** Callers of `POST /v1/batches`: they ask again under their key until they are answered. */
import type { Services } from '../../../functions/ports.ts';
import { askUntilAnswered } from '../asking.ts';
import type { Engine, Invocation } from '../engine.ts';
import { hasStatus, type Subject } from '../subject.ts';
import type { Wish } from './workload.ts';

const SECOND = 1000;

export interface Asked {
  readonly wish: Wish;
  readonly batchIds: Set<string>;
  /** The manifest that it named was not to be used any more. */
  refused: boolean;
}

export class Requesters {
  readonly asked: readonly Asked[];
  /** Callers without an answer, who will ask again. */
  waiting = 0;
  readonly #engine: Engine;
  readonly #subject: Subject;
  readonly #servicesOf: (invocation: Invocation) => Services;

  constructor(
    engine: Engine,
    subject: Subject,
    wishes: readonly Wish[],
    servicesOf: (invocation: Invocation) => Services,
  ) {
    this.#engine = engine;
    this.#subject = subject;
    this.#servicesOf = servicesOf;
    this.asked = wishes.map((wish) => ({ wish, batchIds: new Set(), refused: false }));
    for (const asked of this.asked) {
      const { wish } = asked;
      this.waiting++;
      engine.after(wish.atMs, () => this.#ask(asked));
      if (wish.key === undefined || !engine.faults.happens('client')) continue;
      this.waiting++;
      engine.after(wish.atMs + engine.timing.int(0, engine.timing.chance(0.5) ? 100 : 60 * SECOND), () =>
        this.#ask(asked),
      );
    }
  }

  #ask(asked: Asked): void {
    const { wish } = asked;
    askUntilAnswered(this.#engine, {
      label: `create ${wish.name}`,
      ask: (invocation) => this.#create(invocation, wish),
      key: wish.key,
      answered: (batchId) => {
        if (batchId === undefined) asked.refused = true;
        else asked.batchIds.add(batchId);
      },
      over: () => this.waiting--,
    });
  }

  async #create(invocation: Invocation, wish: Wish): Promise<string | undefined> {
    const { caller, key, isInline, manifest, settings } = wish;
    const source = isInline ? { rows: manifest.bodies } : { manifest: { gcsUri: `gs://in/${pathOf(wish)}` } };
    const cause = key === undefined ? undefined : ['http', caller, key];
    try {
      const body = { ...source, ...settings };
      const { batch } = await this.#subject.createBatch(this.#servicesOf(invocation), {
        caller,
        body,
        cause,
      });
      return batch.batchId;
    } catch (error) {
      if (hasStatus(error, 400)) return undefined;
      throw error;
    }
  }
}

/** Where the manifest of a wish that does not bring its rows itself lies in the input bucket. */
export const pathOf = ({ name, manifest }: Wish): string =>
  `manifests/${name.replace(' ', '-')}.${manifest.format}`;
