/** The owners of batches: they pause, resume, cancel and retry them, at once or later, sometimes twice. */
import { type Batch, isBatchOver } from '../../../functions/core/batch/batch.ts';
import type { Job } from '../../../functions/core/job/job.ts';
import type { Services } from '../../../functions/ports.ts';
import type { Engine, Invocation } from '../engine.ts';
import type { Random } from '../random.ts';
import type { Subject } from '../subject.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const ROUNDS_MAX = 2;
const TRIES_MAX = 3;

type Action = 'pause' | 'resume' | 'cancel' | 'retry';

export class Owners {
  /** Actions that are not finished. */
  waiting = 0;
  /** Batches that an owner has retried. */
  readonly retried = new Set<string>();
  /** Batches that no owner resumes after a pause. */
  readonly #abandoned = new Set<string>();
  /** The time of the last action on each batch. */
  readonly lastAt = new Map<string, number>();
  readonly #engine: Engine;
  readonly #subject: Subject;
  readonly #random: Random;
  readonly #servicesOf: (invocation: Invocation) => Services;
  readonly #actionShare: number;
  readonly #keepFinishedMs: number | undefined;

  constructor(
    engine: Engine,
    subject: Subject,
    random: Random,
    servicesOf: (invocation: Invocation) => Services,
    keepFinishedMs: number | undefined,
  ) {
    this.#keepFinishedMs = keepFinishedMs;
    this.#engine = engine;
    this.#subject = subject;
    this.#random = random;
    this.#servicesOf = servicesOf;
    this.#actionShare = random.pick([0, 0.5, 1]);
  }

  /** Whether the batch is paused and nobody will resume it. */
  isLeftPaused({ batchId, status }: Batch): boolean {
    return status === 'paused' && this.#abandoned.has(batchId);
  }

  readonly written = (before: Batch | undefined, after: Batch): void => {
    if (!before) this.#created(after);
    else if (isBatchOver(after) && !isBatchOver(before)) this.#ended(after);
    else if (before.status === 'expanding' && after.status === 'running') this.#admitted(after);
    else if (after.status !== before.status || after.revision % 3 === 0) this.#moved(after);
  };

  #created(batch: Batch): void {
    const { batchId } = batch;
    const random = this.#random;
    const isPaused = random.chance(0.35 * this.#actionShare);
    const isCancelled = random.chance(0.2 * this.#actionShare);
    const pauseMs = this.#whenMs();
    const forMs = random.int(0, random.chance(0.5) ? MINUTE : 30 * MINUTE);
    const cancelMs = this.#whenMs();
    const isAbandoned = random.chance(0.1);
    if (isAbandoned && !isScheduled(batch)) this.#abandoned.add(batchId);
    if (isPaused) this.#plan(batchId, 'pause', pauseMs, forMs);
    if (isCancelled) this.#plan(batchId, 'cancel', cancelMs);
  }

  /** Some batches are paused while their last jobs are submitted, and half of those are resumed at once. */
  #admitted({ batchId }: Batch): void {
    const isPaused = this.#random.chance(0.4 * this.#actionShare);
    const pauseMs = this.#random.int(0, 300);
    const forMs = this.#random.int(0, this.#random.chance(0.5) ? 150 : 30 * MINUTE);
    if (isPaused) this.#plan(batchId, 'pause', pauseMs, forMs);
  }

  /** Most races happen while rows are read, so some batches are cancelled then. */
  readonly jobWritten = (before: Job | undefined, { batch }: Job): void => {
    if (before || !batch || !this.#random.chance(0.03 * this.#actionShare)) return;
    this.#plan(batch.batchId, 'cancel', this.#random.int(0, 100));
  };

  #moved({ batchId, status }: Batch): void {
    const isReading = status === 'expanding' || status === 'retrying';
    if (!isReading || !this.#random.chance(0.04 * this.#actionShare)) return;
    this.#plan(batchId, 'cancel', this.#random.int(0, 300));
  }

  #ended(batch: Batch): void {
    const { batchId, retries } = batch;
    const isWanted = this.#random.chance(0.5 * this.#actionShare);
    const afterMs = this.#random.int(0, this.#random.chance(0.5) ? 5 * SECOND : 20 * MINUTE);
    const isTwice = this.#random.chance(0.3);
    // About when its jobs are deleted.
    const isTooLate = this.#random.chance(0.1);
    const tooLateMs = (this.#keepFinishedMs ?? 0) + this.#random.int(-MINUTE, 5 * MINUTE);
    if (!isWanted || retries >= ROUNDS_MAX || isScheduled(batch)) return;
    this.#plan(batchId, 'retry', isTooLate && this.#keepFinishedMs !== undefined ? tooLateMs : afterMs);
    if (isTwice) this.#plan(batchId, 'retry', afterMs + this.#random.int(0, 200));
    if (this.#random.chance(0.2)) this.#plan(batchId, 'cancel', afterMs + this.#random.int(0, 10 * SECOND));
  }

  #whenMs(): number {
    return this.#random.int(0, this.#random.chance(0.6) ? 5 * SECOND : 15 * MINUTE);
  }

  /** @param resumeMs how long after a pause the batch is resumed */
  #plan(batchId: string, action: Action, afterMs: number, resumeMs = 0): void {
    this.waiting++;
    this.#engine.after(afterMs, () => this.#send(batchId, action, resumeMs, 1));
  }

  #send(batchId: string, action: Action, resumeMs: number, tries: number): void {
    if (action === 'retry') this.retried.add(batchId);
    this.#engine.start(
      `${action} ${batchId.slice(0, 9)}`,
      (invocation) => this.#act(this.#servicesOf(invocation), batchId, action),
      ({ kind }) => {
        // A resume is repeated until it succeeds. Other actions are given up after TRIES_MAX.
        if (kind === 'returned' || (tries >= TRIES_MAX && action !== 'resume')) {
          this.lastAt.set(batchId, this.#engine.now);
          // A pause without an answer may have happened.
          if (action === 'pause' && !this.#abandoned.has(batchId)) this.#plan(batchId, 'resume', resumeMs);
          this.waiting--;
        } else
          this.#engine.after(this.#random.int(SECOND, 20 * SECOND), () =>
            this.#send(batchId, action, resumeMs, tries + 1),
          );
      },
    );
  }

  /** Does what the routes of the API do. */
  async #act(services: Services, batchId: string, type: Action): Promise<void> {
    if (type === 'retry') {
      const batch = await services.batches.get(batchId);
      if (batch) await this.#subject.tryToAnnounce(services, batch);
    }
    await this.#subject.advanceBatch(services, batchId, { type });
  }
}

/** The next fire of a schedule may wait for the batch, so it has to end and must not be retried. */
const isScheduled = ({ caller }: Batch): boolean => caller.startsWith('schedule:');
