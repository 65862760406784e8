/** Operators decide attempts whose outcome is unknown: late, twice, concurrently, but never contrary to the facts. */
import type { Ruling } from '../../functions/core/job/attempt.ts';
import { type Job, liveAttemptOf } from '../../functions/core/job/job.ts';
import type { Services } from '../../functions/ports.ts';
import type { Engine, Invocation } from './engine.ts';
import type { Models } from './models.ts';
import type { Random } from './random.ts';
import type { Subject } from './subject.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const TRIES_MAX = 4;

/** The decisions that an operator may make, by what really happened. Likelier ones are listed more than once. */
const DECISIONS = {
  uncharged: ['not-charged', 'not-charged', 'not-charged', 'fail', 'resubmit'],
  charged: ['charged', 'found', 'found', 'fail', 'resubmit'],
  open: ['found', 'found', 'fail', 'resubmit'],
} as const;

export class Operators {
  /** Decisions that are not made yet. */
  waiting = 0;
  /** Attempts that an operator has decided. */
  readonly decided = new Set<string>();
  /** Attempts that an operator had submitted again. */
  readonly resubmitted = new Set<string>();
  readonly #engine: Engine;
  readonly #subject: Subject;
  readonly #random: Random;
  readonly #models: Models;
  readonly #servicesOf: (invocation: Invocation) => Services;
  readonly #seen = new Set<string>();
  /** The probability that an operator looks at an attempt. */
  readonly #reviewShare: number;

  constructor(
    engine: Engine,
    subject: Subject,
    random: Random,
    models: Models,
    servicesOf: (invocation: Invocation) => Services,
  ) {
    this.#engine = engine;
    this.#subject = subject;
    this.#random = random;
    this.#models = models;
    this.#servicesOf = servicesOf;
    this.#reviewShare = random.pick([0, 0, 0.4, 0.9]);
  }

  readonly written = (after: Job): void => {
    if (this.#reviewShare === 0) return;
    const live = liveAttemptOf(after);
    if (live?.state === 'uncertain') this.#notice(after.jobId, live.attemptId);
    else if (!live && after.status === 'failed') {
      const ended = after.attempts.find(({ charged }) => charged === 'unknown');
      if (ended) this.#notice(after.jobId, ended.attemptId);
    }
  };

  #notice(jobId: string, attemptId: string): void {
    if (this.#seen.has(attemptId)) return;
    this.#seen.add(attemptId);
    if (!this.#random.chance(this.#reviewShare)) return;
    const decisions = this.#random.int(1, 3);
    const soon = this.#random.chance(0.4);
    for (let n = 0; n < decisions; n++) {
      this.waiting++;
      const delayMs = this.#random.int(0, soon ? 3 * MINUTE : 25 * MINUTE);
      this.#engine.after(delayMs, () => this.#resolve(jobId, this.#rulingOf(attemptId), 1));
    }
  }

  #rulingOf(attemptId: string): Ruling {
    const truth = this.#models.truthOf(attemptId);
    const operation = this.#models.operationOf(attemptId);
    let decision: Ruling['decision'] = this.#random.pick(DECISIONS[truth]);
    if (decision === 'found' && !operation) decision = 'fail';
    return {
      attemptId,
      by: 'operator',
      decision,
      ...(decision === 'found' && operation ? { operation } : {}),
    };
  }

  #resolve(jobId: string, ruling: Ruling, tries: number): void {
    const { attemptId, decision } = ruling;
    this.#engine.note(`operator decides ${attemptId.slice(0, 9)} ${decision}`);
    this.decided.add(attemptId);
    if (decision === 'resubmit') this.resubmitted.add(attemptId);
    this.#engine.start(
      `resolve ${decision}`,
      (invocation) =>
        this.#subject.advanceAndPerform(this.#servicesOf(invocation), jobId, { type: 'resolve', ruling }),
      ({ kind }) => {
        if (kind === 'returned' || tries === TRIES_MAX) this.waiting--;
        else
          this.#engine.after(this.#random.int(SECOND, MINUTE), () => this.#resolve(jobId, ruling, tries + 1));
      },
    );
  }
}
