/** Cloud Tasks: at-least-once delivery in any order, task names usable once an hour, and now and then a lost task. */
import type { BatchTask, TaskQueue, WakeTask } from '../../functions/ports.ts';
import type { Ending, Engine, Invocation } from './engine.ts';
import { SimulatedFault } from './faults.ts';
import type { Subject } from './subject.ts';
import type { SubmitTasks } from './submit-task-checks.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** How long the name of a deleted task cannot be reused. */
const TOMBSTONE_MS = 60 * MINUTE;
const BACKOFF_MAX_MS = MINUTE;

type Task = WakeTask | BatchTask;
type Deliver = (task: Task, ended: (ending: Ending<unknown>) => void) => void;

interface Named {
  readonly task: Task;
  waiting: boolean;
  /** Its second delivery came before the first. */
  isDelivered: boolean;
  /** When the name can be reused. */
  freeAt: number;
}

/** Delivers a task to its handler. */
export const deliverTo =
  (
    engine: Engine,
    { handleSubmit, handlePoll, handleBatch }: Subject,
    servicesOf: (i: Invocation) => Parameters<typeof handlePoll>[0],
  ): Deliver =>
  (task, ended) =>
    engine.start(
      labelOf(task),
      (invocation) => {
        const { seq, ring } = task.wake;
        const services = servicesOf(invocation);
        if ('batchId' in task) return handleBatch(services, { batchId: task.batchId, seq });
        const { target, jobId, provider, model, lane } = task;
        return target === 'submit'
          ? handleSubmit(services, { jobId, seq, ring, line: { provider, model, lane } })
          : handlePoll(services, { jobId, seq });
      },
      ended,
    );

export class Tasks {
  readonly #engine: Engine;
  readonly #names = new Map<string, Named>();
  readonly #attemptsMax: number;
  #deliver: Deliver = () => undefined;
  /** Deliveries that have not ended. That of a crashed process ends a little later. */
  #delivering = 0;
  #failed = 0;
  #lost = 0;
  #onEnded: () => void = () => undefined;

  /** @param attemptsMax the number of deliveries after which the queue drops a task */
  constructor(engine: Engine, attemptsMax: number) {
    this.#engine = engine;
    this.#attemptsMax = attemptsMax;
  }

  deliverBy(deliver: Deliver): void {
    this.#deliver = deliver;
  }

  /** Called whenever a queue has removed a task. */
  onEnded(ended: () => void): void {
    this.#onEnded = ended;
  }

  submitTasks(): SubmitTasks {
    const waiting = [...this.#names.values()].flatMap(({ waiting, isDelivered, task }) =>
      waiting && !('batchId' in task) && task.target === 'submit' ? [{ ...task, isDelivered }] : [],
    );
    return { waiting, isDelivering: this.#delivering > 0, failed: this.#failed, lost: this.#lost };
  }

  portOf(invocation: Invocation): TaskQueue {
    return new TasksPort(this, this.#engine, invocation);
  }

  isWaiting(task: Task): boolean {
    return this.#names.get(labelOf(task))?.waiting ?? false;
  }

  enqueue(task: Task): void {
    const engine = this.#engine;
    const name = labelOf(task);
    const known = this.#names.get(name);
    if (known && (known.waiting || known.freeAt > engine.now)) return;
    const named: Named = { task, waiting: true, isDelivered: false, freeAt: 0 };
    this.#names.set(name, named);
    if (engine.faults.happens('delivery', 0.7)) {
      engine.note(`task ${name.replaceAll(' ', '/')} is lost`);
      this.#remove(named);
      if (targetOf(task) === 'submit') this.#lost++;
      return;
    }
    const delayMs = engine.timing.int(1, 30) + (engine.faults.happens('delivery') ? this.#delayMs() : 0);
    engine.after(Math.max(0, task.wake.at - engine.now) + delayMs, () => this.#dispatch(task, named, 1));
    if (engine.faults.happens('delivery')) {
      const againMs = Math.max(0, task.wake.at - engine.now) + this.#delayMs();
      engine.after(againMs, () => {
        named.isDelivered = true;
        this.#deliver(task, () => undefined);
      });
    }
  }

  #dispatch(task: Task, named: Named, attempt: number): void {
    this.#delivering++;
    this.#deliver(task, (ending) => {
      this.#delivering--;
      if (ending.kind !== 'returned' && targetOf(task) !== 'poll') this.#failed++;
      if (ending.kind === 'returned' || attempt >= this.#attemptsMax) {
        this.#remove(named);
        this.#onEnded();
        return;
      }
      const backoffMs = Math.min(BACKOFF_MAX_MS, SECOND * 2 ** attempt);
      this.#engine.after(backoffMs, () => this.#dispatch(task, named, attempt + 1));
    });
  }

  #remove(named: Named): void {
    named.waiting = false;
    named.freeAt = this.#engine.now + TOMBSTONE_MS;
  }

  /** Mostly under 300 ms, so that the same task runs twice at once. Sometimes minutes. */
  #delayMs(): number {
    const { timing } = this.#engine;
    return timing.chance(0.7) ? timing.int(1, 300) : timing.int(SECOND, 10 * MINUTE);
  }
}

class TasksPort implements TaskQueue {
  readonly #tasks: Tasks;
  readonly #engine: Engine;
  readonly #invocation: Invocation;

  constructor(tasks: Tasks, engine: Engine, invocation: Invocation) {
    this.#tasks = tasks;
    this.#engine = engine;
    this.#invocation = invocation;
  }

  enqueue(task: Task): Promise<void> {
    const { faults } = this.#engine;
    return this.#engine.call(
      this.#invocation,
      `enqueue ${targetOf(task)} ${task.wake.seq}/${task.wake.ring}`,
      () => {
        if (faults.happens('queue')) throw new SimulatedFault('UNAVAILABLE: the queue cannot be reached');
        this.#tasks.enqueue(task);
        if (faults.happens('queue', 0.5)) throw new SimulatedFault('DEADLINE_EXCEEDED: the answer was lost');
      },
    );
  }

  enqueueBatch(task: BatchTask): Promise<void> {
    return this.enqueue(task);
  }

  isBatchWaiting(task: BatchTask): Promise<boolean> {
    return this.isWaiting(task);
  }

  isWaiting(task: Task): Promise<boolean> {
    return this.#engine.call(this.#invocation, 'isWaiting', () => {
      if (this.#engine.faults.happens('queue'))
        throw new SimulatedFault('UNAVAILABLE: the queue cannot be reached');
      return this.#tasks.isWaiting(task);
    });
  }
}

const targetOf = (task: Task): string => ('batchId' in task ? 'batch' : task.target);

/** `target id seq/ring` */
function labelOf(task: Task): string {
  const id = 'batchId' in task ? task.batchId : task.jobId;
  return `${targetOf(task)} ${id.slice(0, 9)} ${task.wake.seq}/${task.wake.ring}`;
}
