/** Users who upload files, and Eventarc, which delivers the events: late, in any order, several times, or never. */
import type { Services } from '../../../functions/ports.ts';
import type { Engine, Invocation } from '../engine.ts';
import type { Subject } from '../subject.ts';
import { type Drop, RULES } from './drops.ts';
import { INPUT_BUCKET, type InputBucket, type StoredInput } from './input-bucket.ts';
import type { UploadWaitStates } from './upload-waits.ts';

type UploadWork = Parameters<Subject['handleUpload']>[0];

const SECOND = 1000;
const MINUTE = 60 * SECOND;

export interface Dropped {
  readonly drop: Drop;
  readonly generation: string;
  readonly at: number;
}

interface Deliveries {
  /** When the deliveries that were acknowledged started. */
  readonly deliveredAt: number[];
}

export class Uploaders {
  readonly dropped: Dropped[] = [];
  /** Keyed by `name#generation`. */
  readonly deliveries = new Map<string, Deliveries>();
  /** Uploads that are not made yet, and events that are not acknowledged. */
  waiting = 0;
  readonly #engine: Engine;
  readonly #subject: Subject;
  readonly #waits: UploadWaitStates;
  readonly #servicesOf: (invocation: Invocation) => Services;

  constructor(
    engine: Engine,
    subject: Subject,
    { input, waits }: { readonly input: InputBucket; readonly waits: UploadWaitStates },
    drops: readonly Drop[],
    servicesOf: (invocation: Invocation) => Services,
  ) {
    this.#waits = waits;
    this.#engine = engine;
    this.#subject = subject;
    this.#servicesOf = servicesOf;
    input.onFinalized((object) => this.#finalized(object));
    for (const drop of drops) {
      this.waiting++;
      engine.after(drop.atMs, () => {
        this.waiting--;
        const { name, content, contentType, metadata } = drop;
        const generation = input.put(name, content, contentType, metadata);
        this.dropped.push({ drop, generation, at: engine.now });
      });
    }
  }

  #finalized({ name, generation, bytes, contentType, metadata }: StoredInput): void {
    const { faults, timing } = this.#engine;
    const size = String(bytes);
    const data = { bucket: INPUT_BUCKET, name, generation, size, contentType, metadata };
    const deliveries: Deliveries = { deliveredAt: [] };
    this.deliveries.set(`${name}#${generation}`, deliveries);
    if (faults.happens('event', 0.5)) {
      this.#engine.note(`event of ${name}#${generation} is lost`);
      return;
    }
    const lateMs = faults.happens('event') ? timing.int(SECOND, 20 * MINUTE) : timing.int(20, 400);
    this.#plan(data, deliveries, lateMs);
    for (let n = 0; n < 2; n++) {
      if (!faults.happens('event')) continue;
      this.#plan(
        data,
        deliveries,
        timing.chance(0.5) ? lateMs + timing.int(0, 60) : timing.int(20, 30 * MINUTE),
      );
    }
  }

  #plan(data: Readonly<Record<string, unknown>>, deliveries: Deliveries, afterMs: number): void {
    this.waiting++;
    this.#engine.after(afterMs, () => this.#deliver(data, deliveries));
  }

  /** Repeats until the event is acknowledged: Eventarc retries for a day. */
  #deliver(data: Readonly<Record<string, unknown>>, deliveries: Deliveries): void {
    const deliveredAt = this.#engine.now;
    this.#engine.start(
      `upload ${String(data['name']).slice(-16)}#${String(data['generation'])}`,
      (invocation) => this.#take(invocation, data),
      ({ kind }) => {
        if (kind === 'returned') {
          this.waiting--;
          deliveries.deliveredAt.push(deliveredAt);
        } else
          this.#engine.after(this.#engine.timing.int(SECOND, 30 * SECOND), () =>
            this.#deliver(data, deliveries),
          );
      },
    );
  }

  async #take(invocation: Invocation, data: unknown): Promise<void> {
    const work = this.#workOf(invocation);
    if (work)
      await this.#subject.handleUpload(work, { type: 'google.cloud.storage.object.v1.finalized', data });
  }

  async sweep(invocation: Invocation): Promise<void> {
    const work = this.#workOf(invocation);
    if (work) await this.#subject.sweepUploads(work);
  }

  #workOf(invocation: Invocation): UploadWork | undefined {
    const services = this.#servicesOf(invocation);
    const { uploads } = services;
    if (!uploads) return undefined;
    return {
      ...{ services, uploads, waits: this.#waits.portOf(invocation), rules: RULES },
      startBatch: (start) => this.#subject.createBatch(services, { ...start, isTrusted: true }),
    };
  }
}
