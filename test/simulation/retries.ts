/** Callers that retry a failed job: at once or later, once or several times, some accepting a double charge. */
import type { Job } from '../../functions/core/job/job.ts';
import type { Services } from '../../functions/ports.ts';
import type { Engine, Invocation } from './engine.ts';
import type { Random } from './random.ts';
import { hasStatus, type Subject } from './subject.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** A retry of a retry is retried no further: a third level behaves as the second. */
const DEPTH_MAX = 2;

export class Retries {
  /** Requests that are not sent yet, or not answered. */
  waiting = 0;
  /** Failed jobs for which a caller accepted a double charge. */
  readonly accepted = new Set<string>();
  /** The ids of retries that were returned to callers, by the failed job. */
  readonly returned = new Map<string, Set<string>>();
  readonly #engine: Engine;
  readonly #subject: Subject;
  readonly #random: Random;
  readonly #servicesOf: (invocation: Invocation) => Services;
  readonly #retryShare: number;

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
    this.#retryShare = random.pick([0, 0.4, 0.9]);
  }

  readonly written = (before: Job | undefined, after: Job): void => {
    if (after.status !== 'failed' || before?.status === 'failed') return;
    if (this.#depthOf(after.jobId) >= DEPTH_MAX || !this.#random.chance(this.#retryShare)) return;
    const requests = this.#random.int(1, 3);
    const together = this.#random.chance(0.5);
    const firstMs = this.#random.int(0, this.#random.chance(0.4) ? 2 * SECOND : 30 * MINUTE);
    for (let n = 0; n < requests; n++) {
      const accept = this.#random.chance(0.2);
      const laterMs = n === 0 ? 0 : this.#random.int(0, together ? 200 : 30 * MINUTE);
      this.waiting++;
      this.#engine.after(firstMs + laterMs, () => this.#send(after.jobId, accept));
    }
  };

  #depthOf(jobId: string): number {
    for (const [parent, children] of this.returned) if (children.has(jobId)) return 1 + this.#depthOf(parent);
    return 0;
  }

  #send(jobId: string, acceptDoubleCharge: boolean): void {
    if (acceptDoubleCharge) this.accepted.add(jobId);
    this.#engine.start(
      `retry ${jobId.slice(0, 9)}${acceptDoubleCharge ? ' accepting a double charge' : ''}`,
      (invocation) => this.#retry(this.#servicesOf(invocation), jobId, acceptDoubleCharge),
      (ending) => {
        if (ending.kind !== 'returned') {
          this.#engine.after(this.#random.int(SECOND, 30 * SECOND), () =>
            this.#send(jobId, acceptDoubleCharge),
          );
          return;
        }
        this.waiting--;
        if (ending.value === undefined) return;
        const children = this.returned.get(jobId) ?? new Set();
        this.returned.set(jobId, children.add(ending.value));
      },
    );
  }

  /** @returns the id of the retry; undefined when the request was refused with 409 */
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
