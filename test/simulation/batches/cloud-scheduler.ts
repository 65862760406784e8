/** Cloud Scheduler: calls at each fire of a schedule and repeats a failed call. Sometimes calls twice, late or never. */
import { isBatchOver } from '../../../functions/core/batch/batch.ts';
import { firesToResume, isSettled, type Schedules } from '../../../functions/core/batch/schedules.ts';
import type { Services } from '../../../functions/ports.ts';
import type { Engine, Invocation } from '../engine.ts';
import type { Subject } from '../subject.ts';
import type { ScheduleStates } from './schedule-store.ts';
import type { Fires } from './workload.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const CALLS_MAX = 5;

type ScheduleWork = Parameters<Subject['sweepSchedules']>[0];

export class CloudScheduler {
  /** Calls that are not finished. */
  waiting = 0;
  /** Fires whose call was answered, as `schedule dueAt`. */
  readonly answered = new Set<string>();
  readonly #engine: Engine;
  readonly #subject: Subject;
  readonly #states: ScheduleStates;
  readonly #schedules: Schedules;
  readonly #servicesOf: (invocation: Invocation) => Services;

  constructor(
    engine: Engine,
    subject: Subject,
    states: ScheduleStates,
    all: readonly Fires[],
    servicesOf: (invocation: Invocation) => Services,
  ) {
    this.#engine = engine;
    this.#subject = subject;
    this.#states = states;
    this.#schedules = Object.fromEntries(all.map(({ id, schedule }) => [id, schedule]));
    this.#servicesOf = servicesOf;
    for (const { id, ats } of all) {
      // After an outage, the fires that were due meanwhile come together.
      const backAt = engine.now + engine.timing.int(MINUTE, 15 * MINUTE);
      for (const at of ats) this.#plan(id, at, backAt);
    }
  }

  /** Whether a fire waits for the sweep. */
  hasDue(): boolean {
    const { now } = this.#engine;
    return [...this.#states.states.values()].some((state) => firesToResume(state, now).length > 0);
  }

  isSettled(): boolean {
    return [...this.#states.states.values()].every(({ fires }) => fires.every(isSettled));
  }

  sweep(invocation: Invocation): Promise<void> {
    return this.#subject.sweepSchedules(this.#workOf(invocation));
  }

  #plan(id: string, at: number, backAt: number): void {
    const { faults, timing, now } = this.#engine;
    if (faults.happens('event', 0.3)) {
      this.#engine.note(`a fire of ${id} is lost`);
      return;
    }
    const lateMs = faults.happens('event', 2) ? Math.max(0, backAt - at) : 0;
    const dueMs = at - now + lateMs + timing.int(0, SECOND / 5);
    const times = [dueMs];
    if (faults.happens('event')) times.push(dueMs + timing.int(0, timing.chance(0.5) ? 100 : 15 * MINUTE));
    for (const afterMs of times) {
      this.waiting++;
      this.#engine.after(afterMs, () => this.#call(id, at, 1));
    }
  }

  #call(id: string, at: number, calls: number): void {
    const time = new Date(at).toISOString();
    this.#engine.start(
      `fire ${id} ${time.slice(11, 16)}`,
      (invocation) => this.#subject.handleSchedule(this.#workOf(invocation), { schedule: id }, time),
      ({ kind }) => {
        if (kind === 'returned') this.answered.add(`${id} ${at}`);
        if (kind === 'returned' || calls > CALLS_MAX) this.waiting--;
        else
          this.#engine.after(this.#engine.timing.int(5 * SECOND, MINUTE), () =>
            this.#call(id, at, calls + 1),
          );
      },
    );
  }

  #workOf(invocation: Invocation): ScheduleWork {
    const services = this.#servicesOf(invocation);
    return {
      ...{ services, schedules: this.#schedules, store: this.#states.portOf(invocation) },
      startBatch: (start) => this.#subject.createBatch(services, { ...start, isTrusted: true }),
      isActive: async (batchId) => {
        const batch = await services.batches.get(batchId);
        return batch !== undefined && !isBatchOver(batch);
      },
    };
  }
}
