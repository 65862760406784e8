/** The callers: they request jobs, repeat requests without an answer, and cancel some jobs. */
import { isTerminal, type Job } from '../../functions/core/job/job.ts';
import type { Services } from '../../functions/ports.ts';
import type { Engine, Invocation } from './engine.ts';
import type { Random } from './random.ts';
import { requestUntilAnswered } from './repeated-request.ts';
import { hasStatus, type Subject } from './subject.ts';
import type { PlannedJob } from './workload.ts';

const SECOND = 1000;

export interface Accepted {
  readonly planned: PlannedJob;
  readonly jobIds: Set<string>;
  /** The request was refused because its `startBy` or `finishBy` had passed. */
  refused: boolean;
}

export class Clients {
  /** The answers that callers received. */
  readonly accepted: readonly Accepted[];
  /** Requests without an answer, which will be repeated. */
  waiting = 0;
  readonly #engine: Engine;
  readonly #subject: Subject;
  readonly #random: Random;
  readonly #servicesOf: (invocation: Invocation) => Services;

  constructor(
    engine: Engine,
    subject: Subject,
    random: Random,
    plannedJobs: readonly PlannedJob[],
    servicesOf: (invocation: Invocation) => Services,
  ) {
    this.#engine = engine;
    this.#subject = subject;
    this.#random = random;
    this.#servicesOf = servicesOf;
    this.accepted = plannedJobs.map((planned) => ({ planned, jobIds: new Set(), refused: false }));
    for (const accepted of this.accepted) this.#plan(accepted);
  }

  #plan(accepted: Accepted): void {
    const { planned } = accepted;
    this.waiting++;
    this.#engine.after(planned.atMs, () => this.#request(accepted));
    if (planned.key !== undefined && this.#engine.faults.happens('client'))
      this.#engine.after(planned.atMs + this.#engine.timing.int(0, 100), () => this.#requestAgain(accepted));
    if (planned.cancelAtMs !== undefined)
      this.#engine.after(planned.atMs + planned.cancelAtMs, () => {
        for (const jobId of accepted.jobIds) this.#cancel(jobId);
      });
  }

  /** Some callers cancel when the job reaches a state. */
  readonly written = (before: Job | undefined, after: Job): void => {
    const cancelIn = this.accepted.find(({ planned }) => planned.name === after.request.prompt)?.planned
      .cancelIn;
    if (cancelIn === undefined || isTerminal(after) || before?.status === after.status) return;
    const between = after.status === 'queued' && after.attempts.some(({ outcome }) => outcome === 'landed');
    if (cancelIn === 'landing' ? after.status !== 'landing' : !between) return;
    const afterMs = this.#random.int(0, this.#random.chance(0.7) ? 200 : 5 * SECOND);
    this.#engine.after(afterMs, () => this.#cancel(after.jobId));
  };

  #request(accepted: Accepted): void {
    const { planned } = accepted;
    requestUntilAnswered(this.#engine, {
      label: `create ${planned.name}`,
      send: (invocation) => this.#create(invocation, planned),
      key: planned.key,
      onAnswer: (jobId) => this.#answered(accepted, jobId),
      onDone: () => this.waiting--,
    });
  }

  #answered(accepted: Accepted, jobId: string | undefined): void {
    if (jobId === undefined) accepted.refused = true;
    else accepted.jobIds.add(jobId);
  }

  #requestAgain(accepted: Accepted): void {
    const { planned } = accepted;
    this.#engine.start(
      `create again ${planned.name}`,
      (invocation) => this.#create(invocation, planned),
      (ending) => {
        if (ending.kind === 'returned') this.#answered(accepted, ending.value);
      },
    );
  }

  /** @returns the job's id; undefined when the request was refused because its time had passed */
  async #create(invocation: Invocation, { caller, body, key }: PlannedJob): Promise<string | undefined> {
    try {
      const request = { caller, body, idempotencyKey: key };
      return (await this.#subject.createJob(this.#servicesOf(invocation), request)).job.jobId;
    } catch (error) {
      if (hasStatus(error, 400) && ('startBy' in body || 'finishBy' in body)) return undefined;
      throw error;
    }
  }

  #cancel(jobId: string): void {
    this.#engine.start(
      `cancel ${jobId.slice(0, 9)}`,
      (invocation) =>
        this.#subject.advanceAndPerform(this.#servicesOf(invocation), jobId, { type: 'cancel' }),
      () => undefined,
    );
  }
}
