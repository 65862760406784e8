/** The batch store in memory. Stores JSON and parses it at every read, as a database would. */
import {
  type Batch,
  batchAnnouncementDueAt,
  batchSchema,
  batchWakeOf,
} from '../../functions/core/batch/batch.ts';
import type { BatchStore, BatchUpdated } from '../../functions/ports.ts';

export class MemoryBatchStore implements BatchStore {
  readonly #batches = new Map<string, string>();

  async create(batch: Batch): Promise<'created' | 'exists'> {
    if (this.#batches.has(batch.batchId)) return 'exists';
    this.#batches.set(batch.batchId, JSON.stringify(batch));
    return 'created';
  }

  async get(batchId: string): Promise<Batch | undefined> {
    return this.peek(batchId);
  }

  async update(batchId: string, decide: Parameters<BatchStore['update']>[1]): Promise<BatchUpdated> {
    const batch = this.peek(batchId);
    if (!batch) return { kind: 'missing' };
    const step = decide(batch);
    if (!step) return { kind: 'unchanged', batch };
    this.#batches.set(batchId, JSON.stringify(step.batch));
    for (const done of [...this.#waits]) done(false);
    return { kind: 'saved', step };
  }

  readonly #waits = new Set<(isOver: boolean) => void>();

  async waitFor(
    batchId: string,
    until: (batch: Batch) => boolean,
    timeoutMs: number,
  ): Promise<Batch | undefined> {
    const deadline = Date.now() + timeoutMs;
    for (let isOver = false; ; ) {
      const batch = this.peek(batchId);
      if (!batch || until(batch) || isOver) return batch;
      isOver = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => done(true), deadline - Date.now());
        const done = (isTimedOut: boolean): void => {
          clearTimeout(timer);
          this.#waits.delete(done);
          resolve(isTimedOut);
        };
        this.#waits.add(done);
      });
    }
  }

  /** Ends all waits, as if their time had run out. */
  timeOut(): void {
    for (const done of [...this.#waits]) done(true);
  }

  async list({
    caller,
    callers,
    pageSize,
    after,
  }: Parameters<BatchStore['list']>[0]): Promise<readonly Batch[]> {
    const key = (batch: { readonly createdAt: number; readonly batchId: string }): string =>
      `${String(batch.createdAt).padStart(16, '0')}/${batch.batchId}`;
    return this.#all()
      .filter((batch) => caller === undefined || batch.caller === caller)
      .filter((batch) => callers?.includes(batch.caller) ?? true)
      .filter((batch) => after === undefined || key(batch) < key(after))
      .sort((a, b) => (key(a) < key(b) ? 1 : -1))
      .slice(0, pageSize);
  }

  async overdue(before: number, limit: number): Promise<readonly Batch[]> {
    const at = (batch: Batch): number => batchWakeOf(batch)?.at ?? Number.POSITIVE_INFINITY;
    return this.#all()
      .filter((batch) => at(batch) <= before)
      .sort((a, b) => at(a) - at(b))
      .slice(0, limit);
  }

  async unannounced(before: number, limit: number): Promise<readonly Batch[]> {
    const at = (batch: Batch): number => batchAnnouncementDueAt(batch) ?? Number.POSITIVE_INFINITY;
    return this.#all()
      .filter((batch) => at(batch) <= before)
      .sort((a, b) => at(a) - at(b))
      .slice(0, limit);
  }

  /** undefined: batches are kept forever. */
  keepFinishedMs: number | undefined;

  async dueForRelease(now: number, limit: number): Promise<readonly Batch[]> {
    const { keepFinishedMs = Number.POSITIVE_INFINITY } = this;
    return this.#all()
      .filter((batch) => 'finishedAt' in batch && batch.lettingGo !== 'done')
      .filter((batch) => 'finishedAt' in batch && batch.finishedAt + keepFinishedMs <= now)
      .slice(0, limit);
  }

  #all(): Batch[] {
    return [...this.#batches.keys()].flatMap((batchId) => this.peek(batchId) ?? []);
  }

  /** Reads within the transaction of a job. */
  peek(batchId: string): Batch | undefined {
    const text = this.#batches.get(batchId);
    return text === undefined ? undefined : batchSchema.parse(JSON.parse(text));
  }
}
