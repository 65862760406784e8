/** The database's own deletion of what has been kept long enough; nothing goes that is still needed. */
import type { Database } from '../database.ts';
import type { Engine } from '../engine.ts';
import type { BatchMonitor } from './batch-monitor.ts';
import type { Batches } from './batch-store.ts';

export class Retention {
  /** Records of jobs that are gone. */
  deleted = 0;
  readonly #engine: Engine;
  readonly #database: Database;
  readonly #batches: Batches;
  readonly #watched: BatchMonitor;
  readonly #keepFinishedMs: number | undefined;

  constructor(
    engine: Engine,
    database: Database,
    batches: Batches,
    watched: BatchMonitor,
    keepFinishedMs: number | undefined,
  ) {
    this.#engine = engine;
    this.#database = database;
    this.#batches = batches;
    this.#watched = watched;
    this.#keepFinishedMs = keepFinishedMs;
  }

  /** Called once a virtual minute. */
  tick(): void {
    if (this.#keepFinishedMs === undefined) return;
    for (const job of this.#database.expired(this.#keepFinishedMs)) {
      this.#database.jobs.delete(job.jobId);
      this.deleted++;
      const batch = job.batch && this.#watched.batches.get(job.batch.batchId);
      if (job.batch && !(batch && 'lettingGo' in batch && batch.lettingGo !== undefined))
        this.#engine.violate('a batch keeps the records of its jobs', `${job.jobId} is gone`);
    }
    for (const { batchId } of this.#batches.expired()) {
      const held = this.#database.held(batchId).filter(({ jobId }) => !this.#watched.late.has(jobId));
      if (held.length > 0)
        this.#engine.violate(
          'a batch lets go of every job',
          `${batchId} is gone and holds ${held[0]?.jobId}`,
        );
      this.#batches.batches.delete(batchId);
    }
  }

  /** Of batches that are over nothing is left, where anything is ever deleted. */
  isOver(): boolean {
    return (
      this.#keepFinishedMs === undefined ||
      [...this.#batches.batches.values()].every((batch) => !('finishedAt' in batch))
    );
  }
}
