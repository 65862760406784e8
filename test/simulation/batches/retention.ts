/** Firestore's TTL policy: deletes records whose retention time has passed, and checks that none is still needed. */
import type { Database } from '../database.ts';
import type { Engine } from '../engine.ts';
import type { BatchMonitor } from './batch-monitor.ts';
import type { Batches } from './batch-store.ts';

export class Retention {
  /** The number of deleted job records. */
  deleted = 0;
  readonly #engine: Engine;
  readonly #database: Database;
  readonly #batches: Batches;
  readonly #batchMonitor: BatchMonitor;
  readonly #keepFinishedMs: number | undefined;

  constructor(
    engine: Engine,
    database: Database,
    batches: Batches,
    batchMonitor: BatchMonitor,
    keepFinishedMs: number | undefined,
  ) {
    this.#engine = engine;
    this.#database = database;
    this.#batches = batches;
    this.#batchMonitor = batchMonitor;
    this.#keepFinishedMs = keepFinishedMs;
  }

  /** Called once a virtual minute. */
  tick(): void {
    if (this.#keepFinishedMs === undefined) return;
    for (const job of this.#database.expired(this.#keepFinishedMs)) {
      this.#database.jobs.delete(job.jobId);
      this.deleted++;
      const batch = job.batch && this.#batchMonitor.batches.get(job.batch.batchId);
      if (job.batch && !(batch && 'lettingGo' in batch && batch.lettingGo !== undefined))
        this.#engine.violate(
          'a batch keeps the records of its jobs',
          `${job.jobId} was deleted before its batch released it`,
        );
    }
    for (const { batchId } of this.#batches.expired()) {
      const held = this.#database.held(batchId).filter(({ jobId }) => !this.#batchMonitor.late.has(jobId));
      if (held.length > 0)
        this.#engine.violate(
          'a batch releases every job before it is deleted',
          `${batchId} was deleted and still holds ${held[0]?.jobId}`,
        );
      this.#batches.batches.delete(batchId);
    }
  }

  /** Whether all ended batches are deleted. Always true when nothing is deleted. */
  isOver(): boolean {
    return (
      this.#keepFinishedMs === undefined ||
      [...this.#batches.batches.values()].every((batch) => !('finishedAt' in batch))
    );
  }
}
