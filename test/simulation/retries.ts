/** Callers whose job has failed and who want it made good: now or later, more than once, willing to pay twice or not. */
import type { Job } from '../../functions/core/job/job.ts';
import type { Services } from '../../functions/ports.ts';
import type { Engine, Invocation } from './engine.ts';
import type { Random } from './random.ts';
import { hasStatus, type Subject } from './subject.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** A retry of a retry of a retry shows nothing that its second did not. */
const DEPTH_MAX = 2;

export class Retries {
  /** Callers that are still to ask, or without an answer. */
  waiting = 0;
  /** Failed jobs that somebody was ready to pay twice for. */
  readonly accepted = new Set<string>();
  /** What callers were told: the retries of each failed job. */
  readonly told = new Map<string, Set<string>>();
  readonly #engine: Engine;
  readonly #subject: Subject;
  readonly #random: Random;
  readonly #servicesOf: (invocation: Invocation) => Services;
  readonly #eagerness: number;

  constructor(
    engine: Engine,
    subject: Subject,
    random: Random,
    servicesOf: (invocation: Invocation) => Services,
  ) {
    this.#engine = engine;
    this.#subject = subject;
    this.#random = random;
    this.#servicesOf = servicesOf;
    this.#eagerness = random.pick([0, 0.4, 0.9]);
  }

  readonly written = (before: Job | undefined, after: Job): void => {
    if (after.status !== 'failed' || before?.status === 'failed') return;
    if (this.#depthOf(after.jobId) >= DEPTH_MAX || !this.#random.chance(this.#eagerness)) return;
    const asks = this.#random.int(1, 3);
    const together = this.#random.chance(0.5);
    const firstMs = this.#random.int(0, this.#random.chance(0.4) ? 2 * SECOND : 30 * MINUTE);
    for (let n = 0; n < asks; n++) {
      const accept = this.#random.chance(0.2);
      const laterMs = n === 0 ? 0 : this.#random.int(0, together ? 200 : 30 * MINUTE);
      this.waiting++;
      this.#engine.after(firstMs + laterMs, () => this.#ask(after.jobId, accept));
    }
  };

  #depthOf(jobId: string): number {
    for (const [parent, children] of this.told) if (children.has(jobId)) return 1 + this.#depthOf(parent);
    return 0;
  }

  #ask(jobId: string, acceptDoubleCharge: boolean): void {
    if (acceptDoubleCharge) this.accepted.add(jobId);
    this.#engine.start(
      `retry ${jobId.slice(0, 9)}${acceptDoubleCharge ? ' at any price' : ''}`,
      (invocation) => this.#retry(this.#servicesOf(invocation), jobId, acceptDoubleCharge),
      (ending) => {
        if (ending.kind !== 'returned') {
          this.#engine.after(this.#random.int(SECOND, 30 * SECOND), () =>
            this.#ask(jobId, acceptDoubleCharge),
          );
          return;
        }
        this.waiting--;
        if (ending.value === undefined) return;
        const children = this.told.get(jobId) ?? new Set();
        this.told.set(jobId, children.add(ending.value));
      },
    );
  }

  /** @returns the id of the retry, or nothing where it was refused */
  async #retry(services: Services, jobId: string, acceptDoubleCharge: boolean): Promise<string | undefined> {
    const job = await services.jobs.get(jobId);
    if (!job) throw new Error(`404 ${jobId}`);
    try {
      return (await this.#subject.retry(services, job, { acceptDoubleCharge })).job.jobId;
    } catch (error) {
      if (hasStatus(error, 409)) return undefined;
      throw error;
    }
  }
}
