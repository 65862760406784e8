/** Callers of `POST /v1/batches`. Those with a key repeat the request until it is answered. */
import type { Services } from '../../../functions/ports.ts';
import type { Engine, Invocation } from '../engine.ts';
import { requestUntilAnswered } from '../repeated-request.ts';
import { hasStatus, type Subject } from '../subject.ts';
import type { PlannedBatch } from './workload.ts';

const SECOND = 1000;

export interface Requested {
  readonly planned: PlannedBatch;
  readonly batchIds: Set<string>;
  /** The request was refused with 400. */
  refused: boolean;
}

export class Requesters {
  readonly requested: readonly Requested[];
  /** Requests without an answer, which will be repeated. */
  waiting = 0;
  readonly #engine: Engine;
  readonly #subject: Subject;
  readonly #servicesOf: (invocation: Invocation) => Services;

  constructor(
    engine: Engine,
    subject: Subject,
    plannedBatches: readonly PlannedBatch[],
    servicesOf: (invocation: Invocation) => Services,
  ) {
    this.#engine = engine;
    this.#subject = subject;
    this.#servicesOf = servicesOf;
    this.requested = plannedBatches.map((planned) => ({ planned, batchIds: new Set(), refused: false }));
    for (const requested of this.requested) {
      const { planned } = requested;
      this.waiting++;
      engine.after(planned.atMs, () => this.#request(requested));
      if (planned.key === undefined || !engine.faults.happens('client')) continue;
      this.waiting++;
      engine.after(planned.atMs + engine.timing.int(0, engine.timing.chance(0.5) ? 100 : 60 * SECOND), () =>
        this.#request(requested),
      );
    }
  }

  #request(requested: Requested): void {
    const { planned } = requested;
    requestUntilAnswered(this.#engine, {
      label: `create ${planned.name}`,
      send: (invocation) => this.#create(invocation, planned),
      key: planned.key,
      onAnswer: (batchId) => {
        if (batchId === undefined) requested.refused = true;
        else requested.batchIds.add(batchId);
      },
      onDone: () => this.waiting--,
    });
  }

  async #create(invocation: Invocation, planned: PlannedBatch): Promise<string | undefined> {
    const { caller, key, isInline, manifest, settings } = planned;
    const source = isInline
      ? { rows: manifest.bodies }
      : { manifest: { gcsUri: `gs://in/${pathOf(planned)}` } };
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

/** The name in the input bucket of a manifest that is not inline. */
export const pathOf = ({ name, manifest }: PlannedBatch): string =>
  `manifests/${name.replace(' ', '-')}.${manifest.format}`;
