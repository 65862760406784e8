/** What has to hold of batches, and of the jobs of their rows, at every write. */
import {
  type Batch,
  batchWakeOf,
  isBatchCancelled,
  isBatchOver,
} from '../../../functions/core/batch/batch.ts';
import type { Job } from '../../../functions/core/job/job.ts';
import type { Engine } from '../engine.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** A wake that nobody has acted upon for so long, though nothing goes wrong, is lost: a few sweeps and back-offs. */
const STUCK_AFTER_MS = 20 * MINUTE;
/** Prices are rounded to hundredths of a cent, and binary. */
const USD_NOISE = 1e-6;

export class BatchMonitor {
  /** All that there ever were, as they last were. */
  readonly batches = new Map<string, Batch>();
  readonly jobs = new Map<string, Job>();
  /** World time of each batch's latest end. */
  readonly endedAt = new Map<string, number>();
  /** Jobs made after their batch was cancelled, by whoever was reading rows then, or retrying; and how long after. */
  readonly late = new Map<string, number>();
  /**
   * Batches of which two deliveries made jobs at once. Where they find a picture there and not there, one may count a
   * row as at fault that the other makes a job: that is the one thing which `maxSpendUsd` cannot know of.
   */
  readonly readTwice = new Set<string>();
  readonly #engine: Engine;
  /** Callers whose batches come one after the other. */
  readonly #inTurn: ReadonlySet<string>;
  readonly #rows = new Map<string, string>();
  readonly #lastCancelAt = new Map<string, number>();
  readonly #spentUsd = new Map<string, number>();
  /** When a batch was first cancelled; a retry of what failed does not change that. */
  readonly cancelledAt = new Map<string, number>();
  readonly #wakes = new Map<string, { readonly seq: number; readonly since: number }>();

  constructor(engine: Engine, inTurn: ReadonlySet<string>) {
    this.#engine = engine;
    this.#inTurn = inTurn;
  }

  readonly jobWritten = (before: Job | undefined, after: Job): void => {
    this.jobs.set(after.jobId, after);
    if (before || !after.batch) return;
    const { batchId, row } = after.batch;
    if (after.retryOf) {
      const of = this.batches.get(batchId);
      // By a round of retries that was cancelled and goes on; nothing tells it from a retry of its own.
      if (of && of.status !== 'retrying' && isBatchCancelled(of))
        this.late.set(after.jobId, this.#engine.now - (this.#lastCancelAt.get(batchId) ?? 0));
      return;
    }
    const known = this.#rows.get(`${batchId} ${row}`);
    if (known !== undefined)
      this.#engine.violate('I5 one job per row', `${batchId} row ${row}: ${known}, ${after.jobId}`);
    this.#rows.set(`${batchId} ${row}`, after.jobId);
    const batch = this.batches.get(batchId);
    if (!batch) {
      this.#engine.violate('a row has its batch', `${after.jobId} is of batch ${batchId}`);
      return;
    }
    const cancelledAt = this.cancelledAt.get(batchId);
    if (cancelledAt !== undefined) this.late.set(after.jobId, this.#engine.now - cancelledAt);
    else if (isBatchOver(batch))
      this.#engine.violate(
        'no row after the end',
        `${batchId} was ${batch.status}; ${after.jobId} is of row ${row}`,
      );
    // None, where it is what a delivery that has failed left behind.
    if (this.#engine.running(`batch ${batchId.slice(0, 9)} `) !== 1) this.readTwice.add(batchId);
    const spentUsd = (this.#spentUsd.get(batchId) ?? 0) + after.estimateUsd;
    this.#spentUsd.set(batchId, spentUsd);
    const maxSpendUsd = batch.settings.maxSpendUsd ?? Number.POSITIVE_INFINITY;
    if (spentUsd > maxSpendUsd + USD_NOISE && cancelledAt === undefined && !this.readTwice.has(batchId))
      this.#engine.violate(
        'no row above maxSpendUsd',
        `${batchId} may spend $${maxSpendUsd}; its jobs come to $${spentUsd}`,
      );
  };

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
        this.#engine.violate('I3 a wake is rung', `${batchId} waits for wake ${open.seq} in ${status}`);
    }
  }

  #revision(before: Batch | undefined, after: Batch): void {
    if (after.revision !== (before?.revision ?? 0) + 1)
      this.#engine.violate(
        'I4 every write is counted',
        `${after.batchId}: ${before?.revision} → ${after.revision}`,
      );
  }

  /** What is over stays so, unless somebody has what failed retried; then it ends as it had ended, or is cancelled. */
  #over(before: Batch | undefined, after: Batch): void {
    if (!before || !isBatchOver(before)) return;
    const { batchId } = after;
    if (after.status === 'retrying' && after.retries === before.retries + 1) return;
    const shown = (batch: Batch): string => {
      const { revision: _r, announcement: _a, lettingGo: _l, ...rest } = batch;
      return JSON.stringify(rest);
    };
    if (shown(before) !== shown(after))
      this.#engine.violate('I6 terminal is terminal', `${batchId}: ${shown(before)} → ${shown(after)}`);
  }

  /** Each row once, however often it was read. */
  #rowsCounted(after: Batch): void {
    const { batchId, totals } = after;
    if (totals.rows !== totals.valid + totals.faults)
      this.#engine.violate('each row is counted once', `${batchId}: ${JSON.stringify(totals)}`);
    if ('cursor' in after && after.cursor.row !== totals.rows)
      this.#engine.violate(
        'each row is counted once',
        `${batchId} is at row ${after.cursor.row}, ${totals.rows} are counted`,
      );
    const { maxSpendUsd = Number.POSITIVE_INFINITY } = after.settings;
    const isAdmitting = 'pass' in after && after.pass === 'admit';
    if (isAdmitting && totals.priceUsd > maxSpendUsd + USD_NOISE)
      this.#engine.violate('no row above maxSpendUsd', `${batchId} counts $${totals.priceUsd}`);
  }

  /** The batch before is over. */
  #alone({ batchId, caller }: Batch): void {
    if (!this.#inTurn.has(caller)) return;
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
        `${batchId}: wake ${wake.seq} was reEnqueued by the sweep, though nothing failed`,
      );
  }
}
