/** Begins a chunk, and ends it soon after its batch was paused or cancelled: the answer to that request waits for it. */
import type { BatchIn } from '../../core/batch/batch.ts';
import { stepBatch } from '../../core/batch/step-batch.ts';
import type { Services } from '../../ports.ts';
import { stepGuard } from './batch-work.ts';

/** A tenth of the time that the answer waits. A read of the batch takes some milliseconds. */
const CHECK_INTERVAL_MS = 500;

/** Records that rows are read from now on. @returns false if the batch has been paused, cancelled or read meanwhile */
export async function beginChunk(
  { batches, clock }: Services,
  batch: BatchIn<'expanding'>,
): Promise<boolean> {
  const { batchId, wake } = batch;
  const begun = await batches.update(batchId, (stored) =>
    stepBatch(stored, { type: 'chunkBegun', seq: wake.seq }, { now: clock.now() }),
  );
  if (begun.kind === 'missing') return false;
  return stepGuard(batch).allows(begun.kind === 'saved' ? begun.step.batch : begun.batch);
}

export class ChunkWatch {
  readonly #services: Services;
  readonly #batch: BatchIn<'expanding'>;
  #isWanted = true;
  #checkedAt: number;

  /** @param batch its chunk has just begun */
  constructor(services: Services, batch: BatchIn<'expanding'>) {
    this.#services = services;
    this.#batch = batch;
    this.#checkedAt = services.clock.now();
  }

  /** Whether the batch still waits for this chunk, by a read that is at most {@link CHECK_INTERVAL_MS} old. */
  async isWanted(): Promise<boolean> {
    const isFresh = this.#services.clock.now() < this.#checkedAt + CHECK_INTERVAL_MS;
    return isFresh || !this.#isWanted ? this.#isWanted : this.isWantedNow();
  }

  async isWantedNow(): Promise<boolean> {
    const { batches, clock } = this.#services;
    this.#checkedAt = clock.now();
    const stored = await batches.get(this.#batch.batchId);
    this.#isWanted &&= stepGuard(this.#batch).allows(stored);
    return this.#isWanted;
  }
}
