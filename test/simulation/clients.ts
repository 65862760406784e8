/** The callers: they ask, ask again when they get no answer, and change their minds. */
import type { Services } from '../../functions/ports.ts';
import type { Engine, Invocation } from './engine.ts';
import type { Subject } from './subject.ts';
import type { Wish } from './workload.ts';

const SECOND = 1000;
const CALLER = 'local';
/** A client that is still without an answer asks on for as long as it takes. */
const RETRY_MAX_MS = 30 * SECOND;

export interface Accepted {
  readonly wish: Wish;
  readonly jobIds: Set<string>;
}

export class Clients {
  /** What callers were told. */
  readonly accepted: readonly Accepted[];
  /** Callers without an answer, who will ask again. */
  waiting = 0;
  readonly #engine: Engine;
  readonly #subject: Subject;
  readonly #servicesOf: (invocation: Invocation) => Services;

  constructor(
    engine: Engine,
    subject: Subject,
    wishes: readonly Wish[],
    servicesOf: (invocation: Invocation) => Services,
  ) {
    this.#engine = engine;
    this.#subject = subject;
    this.#servicesOf = servicesOf;
    this.accepted = wishes.map((wish) => ({ wish, jobIds: new Set() }));
    for (const accepted of this.accepted) this.#plan(accepted);
  }

  #plan(accepted: Accepted): void {
    const { wish } = accepted;
    this.waiting++;
    this.#engine.after(wish.atMs, () => this.#ask(accepted, 1));
    if (wish.key !== undefined && this.#engine.faults.happens('client'))
      this.#engine.after(wish.atMs + this.#engine.timing.int(0, 100), () => this.#askTwice(accepted));
    if (wish.cancelAtMs !== undefined)
      this.#engine.after(wish.atMs + wish.cancelAtMs, () => this.#cancel(accepted));
  }

  #ask(accepted: Accepted, attempt: number): void {
    const { wish } = accepted;
    this.#engine.start(
      `create ${wish.name}`,
      (invocation) => this.#create(invocation, wish),
      (ending) => {
        if (ending.kind === 'returned') accepted.jobIds.add(ending.value.job.jobId);
        // Without a key nobody can ask again and be sure to get the same job.
        if (ending.kind === 'returned' || wish.key === undefined) {
          this.waiting--;
          return;
        }
        const backoffMs = Math.min(RETRY_MAX_MS, SECOND * 2 ** attempt);
        this.#engine.after(backoffMs, () => this.#ask(accepted, attempt + 1));
      },
    );
  }

  #askTwice({ wish, jobIds }: Accepted): void {
    this.#engine.start(
      `create again ${wish.name}`,
      (invocation) => this.#create(invocation, wish),
      (ending) => {
        if (ending.kind === 'returned') jobIds.add(ending.value.job.jobId);
      },
    );
  }

  #create(invocation: Invocation, { body, key }: Wish): ReturnType<Subject['createJob']> {
    const request = { caller: CALLER, body, idempotencyKey: key };
    return this.#subject.createJob(this.#servicesOf(invocation), request);
  }

  #cancel({ wish, jobIds }: Accepted): void {
    for (const jobId of jobIds) {
      this.#engine.start(
        `cancel ${wish.name}`,
        (invocation) =>
          this.#subject.advanceAndPerform(this.#servicesOf(invocation), jobId, { type: 'cancel' }),
        () => undefined,
      );
    }
  }
}
