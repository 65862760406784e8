/** Checks at every write of a batch or of a job of a row. */
import {
  type Batch,
  batchWakeOf,
  countedRowOf,
  isBatchCancelled,
  isBatchOver,
} from '../../../functions/core/batch/batch.ts';
import type { Job } from '../../../functions/core/job/job.ts';
import type { Engine } from '../engine.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** A wake that is not processed for this long without faults is lost. Covers a few sweeps and back-offs. */
const STUCK_AFTER_MS = 20 * MINUTE;
/** Tolerance for binary floating point. */
const USD_NOISE = 1e-6;

export class BatchMonitor {
  /** The last state of every batch of the run, the deleted ones included. */
  readonly batches = new Map<string, Batch>();
  /** The last state of every job of the run, the deleted ones included. */
  readonly jobs = new Map<string, Job>();
  /** The engine's time at which each batch last ended. */
  readonly endedAt = new Map<string, number>();
  /** Jobs that a task made after their batch was cancelled, while it read rows or retried. Each with its delay in ms. */
  readonly late = new Map<string, number>();
  /**
   * Batches with two concurrent deliveries that made jobs. If only one of them finds the image of a row, it makes a job of a
   * row that the other counts as faulty. `maxSpendUsd` does not cover such a job.
   */
  readonly readTwice = new Set<string>();
  /** Jobs that a pause has held, each with the time of the first hold. */
  readonly held = new Map<string, number>();
  /** Batches that were cancelled while their rows were read. */
  readonly interrupted = new Set<string>();
  readonly #resumedAt = new Map<string, number>();
  readonly #engine: Engine;
  /** Callers whose batches must not overlap. */
  readonly #nonOverlapping: ReadonlySet<string>;
  readonly #rows = new Map<string, string>();
  readonly #lastCancelAt = new Map<string, number>();
  readonly #spentUsd = new Map<string, number>();
  /** When a batch was first cancelled. A later retry does not change it. */
  readonly cancelledAt = new Map<string, number>();
  readonly #wakes = new Map<string, { readonly seq: number; readonly since: number }>();

  constructor(engine: Engine, nonOverlapping: ReadonlySet<string>) {
    this.#engine = engine;
    this.#nonOverlapping = nonOverlapping;
  }

  readonly jobWritten = (before: Job | undefined, after: Job): void => {
    this.jobs.set(after.jobId, after);
    this.#stopped(before, after);
    this.#held(before, after);
    if (before || !after.batch) return;
    const { batchId, row } = after.batch;
    if (after.retryOf) {
      const ownBatch = this.batches.get(batchId);
      // Made by a retry round that continues after the cancel. It looks the same as a retry of the single job.
      if (ownBatch && ownBatch.status !== 'retrying' && isBatchCancelled(ownBatch))
        this.late.set(after.jobId, this.#engine.now - (this.#lastCancelAt.get(batchId) ?? 0));
      return;
    }
    const known = this.#rows.get(`${batchId} ${row}`);
    if (known !== undefined)
      this.#engine.violate('I5 one job per row', `${batchId} row ${row}: ${known}, ${after.jobId}`);
    this.#rows.set(`${batchId} ${row}`, after.jobId);
    const batch = this.batches.get(batchId);
    if (!batch) {
      this.#engine.violate(
        'a row has its batch',
        `${after.jobId} belongs to batch ${batchId}, which does not exist`,
      );
      return;
    }
    const cancelledAt = this.cancelledAt.get(batchId);
    if (cancelledAt !== undefined) this.late.set(after.jobId, this.#engine.now - cancelledAt);
    else if (isBatchOver(batch))
      this.#engine.violate(
        'no job is made after the batch has ended',
        `${batchId} was ${batch.status}; ${after.jobId} is of row ${row}`,
      );
    // 0: a failed delivery has left the call in progress. 2 or more: two deliveries at once.
    if (this.#engine.running(`batch ${batchId.slice(0, 9)} `) !== 1) this.readTwice.add(batchId);
    const spentUsd = (this.#spentUsd.get(batchId) ?? 0) + after.estimateUsd;
    this.#spentUsd.set(batchId, spentUsd);
    const maxSpendUsd = batch.settings.maxSpendUsd ?? Number.POSITIVE_INFINITY;
    if (spentUsd > maxSpendUsd + USD_NOISE && cancelledAt === undefined && !this.readTwice.has(batchId))
      this.#engine.violate(
        'no batch exceeds maxSpendUsd',
        `${batchId} may spend $${maxSpendUsd}; its jobs amount to $${spentUsd}`,
      );
  };

  /** A job that is held after the resume waits for its fallback wake. */
  #held(before: Job | undefined, after: Job): void {
    if (before?.status !== 'queued' || after.status !== 'queued' || !after.batch) return;
    if (after.heldAt === undefined || before.wake.seq === after.wake.seq) return;
    const batch = this.batches.get(after.batch.batchId);
    if (batch && batch.status !== 'paused')
      this.#engine.violate(
        'a job is held only while its batch is paused',
        `${after.jobId} is held while batch ${after.batch.batchId} is ${batch.status}`,
      );
  }

  /** From the moment that a pause or a cancel is saved. */
  #stopped(before: Job | undefined, after: Job): void {
    const batch = after.batch && this.batches.get(after.batch.batchId);
    if (!batch) return;
    const isPaidFor = before?.status === 'queued' && after.status === 'submitting';
    if (batch.status === 'paused' && !before)
      this.#engine.violate('a paused batch makes no jobs', `${batch.batchId} made ${after.jobId}`);
    if (batch.status === 'paused' && isPaidFor)
      this.#engine.violate('a paused batch pays for nothing', `${batch.batchId} submits ${after.jobId}`);
    if (isBatchCancelled(batch) && isPaidFor && !after.retryOf)
      this.#engine.violate('nothing is paid after a cancel', `${batch.batchId} submits ${after.jobId}`);
    if (after.status === 'queued' && after.heldAt !== undefined && !this.held.has(after.jobId))
      this.held.set(after.jobId, this.#engine.now);
  }

  readonly written = (before: Batch | undefined, after: Batch): void => {
    this.batches.set(after.batchId, after);
    this.#revision(before, after);
    this.#over(before, after);
    this.#rowsCounted(after);
    this.#wake(after);
    if (after.status === 'cancelling' && before?.status !== 'cancelling') {
      this.#lastCancelAt.set(after.batchId, this.#engine.now);
      if (!this.cancelledAt.has(after.batchId)) this.cancelledAt.set(after.batchId, this.#engine.now);
    }
    if (after.status === 'cancelling' && after.countedRow !== undefined) this.interrupted.add(after.batchId);
    if (before?.status === 'paused' && after.status !== 'paused')
      this.#resumedAt.set(after.batchId, this.#engine.now);
    if (!before) this.#alone(after);
    if (isBatchOver(after) && !(before && isBatchOver(before)))
      this.endedAt.set(after.batchId, this.#engine.now);
  };

  /** Called once a virtual minute. */
  tick(batches: Iterable<Batch>): void {
    const { now, quietAt } = this.#engine;
    for (const { batchId, status } of batches) {
      const open = this.#wakes.get(batchId);
      const dueAt = Math.max(open?.since ?? now, quietAt);
      if (open && now > dueAt + STUCK_AFTER_MS)
        this.#engine.violate(
          'I3 every wake is processed',
          `${batchId} waits for wake ${open.seq} in ${status}`,
        );
    }
    for (const jobId of this.held.keys()) {
      const job = this.jobs.get(jobId);
      const batch = job?.batch && this.batches.get(job.batch.batchId);
      if (job?.status !== 'queued' || job.heldAt === undefined || !batch || batch.status === 'paused')
        continue;
      const releasedBy = Math.max(this.#resumedAt.get(batch.batchId) ?? 0, quietAt) + STUCK_AFTER_MS;
      if (now > releasedBy)
        this.#engine.violate('a resumed batch releases its jobs', `${batch.batchId} still holds ${jobId}`);
    }
  }

  #revision(before: Batch | undefined, after: Batch): void {
    if (after.revision !== (before?.revision ?? 0) + 1)
      this.#engine.violate(
        'I4 every write increments the revision',
        `${after.batchId}: ${before?.revision} → ${after.revision}`,
      );
  }

  /** A batch that has ended does not change, unless its owner retries its failed jobs. */
  #over(before: Batch | undefined, after: Batch): void {
    if (!before || !isBatchOver(before)) return;
    const { batchId } = after;
    if (after.status === 'retrying' && after.retries === before.retries + 1) return;
    const shown = (batch: Batch): string => {
      const { revision: _r, announcement: _a, lettingGo: _l, ...rest } = batch;
      return JSON.stringify(rest);
    };
    if (shown(before) !== shown(after))
      this.#engine.violate(
        'I6 an ended batch stays as it is',
        `${batchId}: ${shown(before)} → ${shown(after)}`,
      );
  }

  /** Each row is counted once, however often it was read. */
  #rowsCounted(after: Batch): void {
    const { batchId, totals } = after;
    if (totals.rows !== totals.valid + totals.faults)
      this.#engine.violate('each row is counted once', `${batchId}: ${JSON.stringify(totals)}`);
    if ('cursor' in after && after.cursor && after.cursor.row !== totals.rows)
      this.#engine.violate(
        'each row is counted once',
        `${batchId} is at row ${after.cursor.row}, but has counted ${totals.rows} rows`,
      );
    this.#jobsCounted(after);
    const { maxSpendUsd = Number.POSITIVE_INFINITY } = after.settings;
    const isAdmitting = 'pass' in after && after.pass === 'admit';
    if (isAdmitting && totals.priceUsd > maxSpendUsd + USD_NOISE)
      this.#engine.violate('no batch exceeds maxSpendUsd', `${batchId} counts $${totals.priceUsd}`);
  }

  /** Answers of the API add the jobs of later rows. */
  #jobsCounted(after: Batch): void {
    const countedRow = countedRowOf(after);
    // A dry run, and a strict batch in its first pass, has counted rows and has no jobs.
    const { strict, dryRun } = after.settings;
    const hasNone = after.status === 'cancelling' && (strict || dryRun);
    if (countedRow === undefined || hasNone || this.readTwice.has(after.batchId)) return;
    let jobs = 0;
    for (let row = 1; row <= countedRow; row++) if (this.#rows.has(`${after.batchId} ${row}`)) jobs++;
    if (jobs !== after.totals.valid)
      this.#engine.violate(
        'each job is counted once',
        `${after.batchId} has ${jobs} jobs up to row ${countedRow}, but has counted ${after.totals.valid}`,
      );
  }

  /** The previous batch of the schedule has ended. */
  #alone({ batchId, caller }: Batch): void {
    if (!this.#nonOverlapping.has(caller)) return;
    for (const other of this.batches.values())
      if (other.caller === caller && other.batchId !== batchId && !isBatchOver(other))
        this.#engine.violate('batches of a schedule do not overlap', `${other.batchId} is ${other.status}`);
  }

  #wake(after: Batch): void {
    const { batchId, status } = after;
    const wake = batchWakeOf(after);
    const needsNone = isBatchOver(after) || status === 'paused';
    if (needsNone !== (wake === undefined))
      this.#engine.violate('I3 unfinished batches have a wake', `${batchId} is ${status}`);
    if (!wake) {
      this.#wakes.delete(batchId);
      return;
    }
    if (this.#wakes.get(batchId)?.seq !== wake.seq)
      this.#wakes.set(batchId, { seq: wake.seq, since: Math.max(wake.at, this.#engine.now) });
    if (wake.ring > 0 && this.#engine.faults.fired === 0)
      this.#engine.violate(
        'I3 a wake has its task',
        `${batchId}: the sweep re-enqueued wake ${wake.seq}, though no fault happened`,
      );
  }
}
