/** Webhooks of the providers that deliver by download: sent once or twice, late or never, repeated until accepted. */
import type { OperationRef } from '../../functions/core/job/attempt-record.ts';
import type { Services } from '../../functions/ports.ts';
import type { Engine, Invocation } from './engine.ts';
import type { PaidEntry } from './ledger.ts';
import type { Random } from './random.ts';
import type { Subject } from './subject.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DELIVERIES_MAX = 6;

export class Webhooks {
  /** When Clapper first accepted an event of each attempt. */
  readonly takenAt = new Map<string, number>();
  readonly #engine: Engine;
  readonly #subject: Subject;
  readonly #random: Random;
  readonly #servicesOf: (invocation: Invocation) => Services;
  /** Some deployments register no webhook URL. */
  readonly #configured: boolean;

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
    this.#configured = random.chance(0.7);
  }

  /** Called when an operation has ended, with any outcome. */
  readonly ended = (entry: PaidEntry, { provider, name }: OperationRef): void => {
    if (!this.#configured || provider === 'vertex') return;
    const { jobId, attemptId } = entry;
    const short = provider === 'gemini' && this.#random.chance(0.5);
    const body = {
      type: 'video.generated',
      data: { id: short ? (name.split('/').at(-1) ?? name) : name },
      user_metadata: { job_id: jobId, attempt_id: attemptId },
    };
    const { faults, timing } = this.#engine;
    if (faults.happens('event')) {
      this.#engine.note(`webhook of ${attemptId.slice(0, 9)} is lost`);
      return;
    }
    const lateMs = faults.happens('event') ? timing.int(SECOND, 10 * MINUTE) : timing.int(50, 2 * SECOND);
    this.#engine.after(lateMs, () => this.#deliver(attemptId, body, 1));
    if (faults.happens('event'))
      this.#engine.after(lateMs + timing.int(1, 5 * MINUTE), () => this.#deliver(attemptId, body, 1));
  };

  #deliver(attemptId: string, body: unknown, delivery: number): void {
    this.#engine.start(
      `webhook ${attemptId.slice(0, 9)}`,
      (invocation) => this.#subject.handleProviderEvent(this.#servicesOf(invocation), body),
      ({ kind }) => {
        if (kind === 'returned') {
          if (!this.takenAt.has(attemptId)) this.takenAt.set(attemptId, this.#engine.now);
        } else if (delivery < DELIVERIES_MAX)
          this.#engine.after(this.#engine.timing.int(SECOND, 30 * SECOND), () =>
            this.#deliver(attemptId, body, delivery + 1),
          );
      },
    );
  }
}
