/** The callers: they ask, ask again when they get no answer, and change their minds. */
import { isTerminal, type Job } from '../../functions/core/job/job.ts';
import type { Services } from '../../functions/ports.ts';
import { askUntilAnswered } from './asking.ts';
import type { Engine, Invocation } from './engine.ts';
import type { Random } from './random.ts';
import { hasStatus, type Subject } from './subject.ts';
import type { Wish } from './workload.ts';

const SECOND = 1000;

export interface Accepted {
  readonly wish: Wish;
  readonly jobIds: Set<string>;
  /** They asked for a time that is over. */
  refused: boolean;
}

export class Clients {
  /** What callers were told. */
  readonly accepted: readonly Accepted[];
  /** Callers without an answer, who will ask again. */
  waiting = 0;
  readonly #engine: Engine;
  readonly #subject: Subject;
  readonly #random: Random;
  readonly #servicesOf: (invocation: Invocation) => Services;

  constructor(
    engine: Engine,
    subject: Subject,
    random: Random,
    wishes: readonly Wish[],
    servicesOf: (invocation: Invocation) => Services,
  ) {
    this.#engine = engine;
    this.#subject = subject;
    this.#random = random;
    this.#servicesOf = servicesOf;
    this.accepted = wishes.map((wish) => ({ wish, jobIds: new Set(), refused: false }));
    for (const accepted of this.accepted) this.#plan(accepted);
  }

  #plan(accepted: Accepted): void {
    const { wish } = accepted;
    this.waiting++;
    this.#engine.after(wish.atMs, () => this.#ask(accepted));
    if (wish.key !== undefined && this.#engine.faults.happens('client'))
      this.#engine.after(wish.atMs + this.#engine.timing.int(0, 100), () => this.#askTwice(accepted));
    if (wish.cancelAtMs !== undefined)
      this.#engine.after(wish.atMs + wish.cancelAtMs, () => {
        for (const jobId of accepted.jobIds) this.#cancel(jobId);
      });
  }

  /** Some change their minds when they see how far it is. */
  readonly written = (before: Job | undefined, after: Job): void => {
    const wished = this.accepted.find(({ wish }) => wish.name === after.request.prompt)?.wish.cancelIn;
    if (wished === undefined || isTerminal(after) || before?.status === after.status) return;
    const between = after.status === 'queued' && after.attempts.some(({ outcome }) => outcome === 'landed');
    if (wished === 'landing' ? after.status !== 'landing' : !between) return;
    const afterMs = this.#random.int(0, this.#random.chance(0.7) ? 200 : 5 * SECOND);
    this.#engine.after(afterMs, () => this.#cancel(after.jobId));
  };

  #ask(accepted: Accepted): void {
    const { wish } = accepted;
    askUntilAnswered(this.#engine, {
      label: `create ${wish.name}`,
      ask: (invocation) => this.#create(invocation, wish),
      key: wish.key,
      answered: (jobId) => this.#answered(accepted, jobId),
      over: () => this.waiting--,
    });
  }

  #answered(accepted: Accepted, jobId: string | undefined): void {
    if (jobId === undefined) accepted.refused = true;
    else accepted.jobIds.add(jobId);
  }

  #askTwice(accepted: Accepted): void {
    const { wish } = accepted;
    this.#engine.start(
      `create again ${wish.name}`,
      (invocation) => this.#create(invocation, wish),
      (ending) => {
        if (ending.kind === 'returned') this.#answered(accepted, ending.value);
      },
    );
  }

  /** @returns the job's id, or nothing where its time was over before it was accepted */
  async #create(invocation: Invocation, { caller, body, key }: Wish): Promise<string | undefined> {
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
