/** The batch store: frozen records, a monitor at each write, and failing transactions, as in the job store. */
import {
  type Batch,
  batchAnnouncementDueAt,
  batchSchema,
  batchWakeOf,
  isBatchOver,
} from '../../../functions/core/batch/batch.ts';
import type { BatchStore, BatchUpdated } from '../../../functions/ports.ts';
import type { Engine, Invocation } from '../engine.ts';
import { SimulatedFault } from '../faults.ts';

export type BatchWritten = (before: Batch | undefined, after: Batch) => void;
type Decide = Parameters<BatchStore['update']>[1];

export class Batches {
  readonly batches = new Map<string, Batch>();
  readonly #engine: Engine;
  readonly #written: BatchWritten;
  readonly #strict: boolean;
  readonly #keepFinishedMs: number | undefined;

  /** @param strict converts each record to JSON and parses it with the schema, as the Firestore adapter does; slow */
  constructor(engine: Engine, written: BatchWritten, strict: boolean, keepFinishedMs: number | undefined) {
    this.#engine = engine;
    this.#written = written;
    this.#strict = strict;
    this.#keepFinishedMs = keepFinishedMs;
  }

  portOf(invocation: Invocation): BatchStore {
    return new BatchesPort(this, this.#engine, invocation);
  }

  get(batchId: string): Batch | undefined {
    this.mayFail();
    return this.batches.get(batchId);
  }

  create(batch: Batch): 'created' | 'exists' {
    this.mayFail();
    if (this.batches.has(batch.batchId)) return 'exists';
    this.#put(undefined, batch);
    this.#mayLoseAnswer();
    return 'created';
  }

  /** `again`: the decision was discarded, or it was saved and its answer was lost. The client decides again. */
  tryUpdate(batchId: string, decide: Decide): BatchUpdated | 'again' {
    const { faults } = this.#engine;
    if (faults.happens('store', 0.5)) {
      const batch = this.batches.get(batchId);
      if (batch) decide(batch);
      return 'again';
    }
    if (faults.happens('store', 0.3)) {
      this.#update(batchId, decide);
      return 'again';
    }
    this.mayFail();
    const updated = this.#update(batchId, decide);
    this.#mayLoseAnswer();
    return updated;
  }

  overdue(before: number): readonly Batch[] {
    return this.#dueBy(before, (batch) => batchWakeOf(batch)?.at);
  }

  unannounced(before: number): readonly Batch[] {
    return this.#dueBy(before, batchAnnouncementDueAt);
  }

  dueForRelease(now: number): readonly Batch[] {
    return this.#dueBy(now, (batch) =>
      isBatchOver(batch) && batch.lettingGo !== 'done' ? this.#keptUntil(batch) : undefined,
    );
  }

  /** The batches that Firestore's TTL policy deletes by now. */
  expired(): readonly Batch[] {
    return this.#dueBy(this.#engine.now, (batch) =>
      isBatchOver(batch) && batch.lettingGo === 'done' && batchAnnouncementDueAt(batch) === undefined
        ? this.#keptUntil(batch)
        : undefined,
    );
  }

  mayFail(): void {
    if (!this.#engine.faults.happens('store')) return;
    throw new SimulatedFault(this.#engine.timing.pick(['ABORTED', 'UNAVAILABLE', 'DEADLINE_EXCEEDED']));
  }

  #mayLoseAnswer(): void {
    if (this.#engine.faults.happens('store', 0.5))
      throw new SimulatedFault('DEADLINE_EXCEEDED: the answer was lost');
  }

  #keptUntil(batch: Batch): number | undefined {
    return isBatchOver(batch) && this.#keepFinishedMs !== undefined
      ? batch.finishedAt + this.#keepFinishedMs
      : undefined;
  }

  #dueBy(before: number, atOf: (batch: Batch) => number | undefined): readonly Batch[] {
    const at = (batch: Batch): number => atOf(batch) ?? Number.POSITIVE_INFINITY;
    return [...this.batches.values()].filter((batch) => at(batch) <= before).sort((a, b) => at(a) - at(b));
  }

  #update(batchId: string, decide: Decide): BatchUpdated {
    const before = this.batches.get(batchId);
    if (!before) return { kind: 'missing' };
    const step = decide(before);
    if (!step) return { kind: 'unchanged', batch: before };
    this.#put(before, step.batch);
    return { kind: 'saved', step };
  }

  #put(before: Batch | undefined, batch: Batch): void {
    const stored = this.#strict ? batchSchema.parse(JSON.parse(JSON.stringify(batch))) : Object.freeze(batch);
    this.batches.set(batch.batchId, stored);
    const { at, seq, ring } = batchWakeOf(batch) ?? {};
    const wake = at === undefined ? 'none' : `${seq}/${ring} in ${Math.round(at - this.#engine.now)} ms`;
    const { rows, valid, faults } = batch.totals;
    this.#engine.comment(
      `${batch.batchId.slice(0, 9)} r${batch.revision} ${batch.status} ${rows} rows, ${valid} valid, ${faults} faulty, wake ${wake}`,
    );
    this.#written(before, stored);
  }
}

class BatchesPort implements BatchStore {
  readonly #store: Batches;
  readonly #engine: Engine;
  readonly #invocation: Invocation;

  constructor(store: Batches, engine: Engine, invocation: Invocation) {
    this.#store = store;
    this.#engine = engine;
    this.#invocation = invocation;
  }

  create(batch: Batch): Promise<'created' | 'exists'> {
    return this.#call('createBatch', () => this.#store.create(batch));
  }

  get(batchId: string): Promise<Batch | undefined> {
    return this.#call('getBatch', () => this.#store.get(batchId));
  }

  async update(batchId: string, decide: Decide): Promise<BatchUpdated> {
    for (;;) {
      const updated = await this.#call('updateBatch', () => this.#store.tryUpdate(batchId, decide));
      if (updated !== 'again') return updated;
    }
  }

  /** Only the API's requests wait. */
  waitFor(batchId: string): Promise<Batch | undefined> {
    return this.get(batchId);
  }

  /** Only the API's pages list batches. */
  async list(): Promise<readonly Batch[]> {
    return [];
  }

  overdue(before: number, limit: number): Promise<readonly Batch[]> {
    return this.#query('overdueBatches', () => this.#store.overdue(before), limit);
  }

  unannounced(before: number, limit: number): Promise<readonly Batch[]> {
    return this.#query('unannouncedBatches', () => this.#store.unannounced(before), limit);
  }

  dueForRelease(now: number, limit: number): Promise<readonly Batch[]> {
    return this.#query('dueForRelease', () => this.#store.dueForRelease(now), limit);
  }

  #query(what: string, find: () => readonly Batch[], limit: number): Promise<readonly Batch[]> {
    return this.#call(what, () => {
      this.#store.mayFail();
      return find().slice(0, limit);
    });
  }

  #call<T>(what: string, effect: () => T): Promise<T> {
    return this.#engine.call(this.#invocation, what, effect);
  }
}
