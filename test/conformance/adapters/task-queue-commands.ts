/**
 * Random commands for a task queue, compared with a model: the tasks, their due times, and the names that are still
 * reserved. A queue without faults is deterministic, so the model predicts every delivery.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { TaskQueue, WakeTask } from '../../../functions/ports.ts';

/** A task that has reached its handler. */
export interface Arrival {
  readonly name: string;
  readonly queueId: string;
  readonly target: string;
  readonly body: unknown;
}

/** A queue with its dispatcher, its handler, and an injected clock. */
export interface QueueUnderTest {
  readonly queue: TaskQueue;
  readonly now: () => number;
  readonly advance: (ms: number) => void;
  /** The next tasks that reach the handler, which holds them until `answer`. @throws when more arrive */
  readonly arrivals: (count: number) => Promise<readonly Arrival[]>;
  /** The handler responds. Resolves when the queue has received the response. */
  readonly answer: (name: string, status: number) => Promise<void>;
  /** Resolves when the queue has aborted `count` more calls at their deadline. */
  readonly aborted: (count: number) => Promise<void>;
  readonly rules: QueueRules;
  readonly close: () => Promise<void>;
}

/** In milliseconds. */
export interface QueueRules {
  /** The statuses that a handler may return. */
  readonly statuses: readonly number[];
  /** Whether a task in progress still counts as waiting in its queue. */
  readonly countsInProgressAsWaiting: boolean;
  readonly tombstoneMs: number;
  readonly backoffMs: (failures: number) => number;
  readonly deadlineMs: Readonly<Record<WakeTask['target'], number>>;
}

interface ModelTask {
  readonly name: string;
  readonly wake: WakeTask;
  dueAt: number;
  failures: number;
  /** When its current call started; undefined when no call is in progress. */
  callStartedAt: number | undefined;
}

export class QueueModel {
  readonly tasks = new Map<string, ModelTask>();
  /** By name: when the task ended. */
  readonly ended = new Map<string, number>();
  /** By name of an accepted task: the number of its deliveries. */
  readonly deliveries = new Map<string, number>();

  inProgress(): ModelTask[] {
    return [...this.tasks.values()].filter(({ callStartedAt }) => callStartedAt !== undefined);
  }

  due(now: number): ModelTask[] {
    return [...this.tasks.values()].filter((task) => task.callStartedAt === undefined && task.dueAt <= now);
  }
}

type Command = fc.AsyncCommand<QueueModel, QueueUnderTest>;
type Run = (model: QueueModel, real: QueueUnderTest) => Promise<void>;

const command = (
  title: string,
  run: Run,
  check: (model: Readonly<QueueModel>) => boolean = () => true,
): Command => ({ check, run, toString: () => title });

export const hash = (parts: readonly string[]): string => parts.join('_');

/** The queue ids of the deployment. */
const QUEUE_IDS = {
  poll: 'poll',
  submit: 'submit-vertex-veo-3-1-fast-generate-001',
} as const;

interface WakeSpec {
  readonly job: string;
  readonly seq: number;
  readonly ring: number;
  readonly inMs: number;
}

/** The body that the function receives. A submit task also has its submit queue; the wire name of that field is `line`. */
export const messageOf = ({ target, jobId, wake, provider, model, lane }: WakeTask) => ({
  ...{ jobId, seq: wake.seq },
  ...(target === 'submit' ? { ring: wake.ring, line: { provider, model, lane } } : {}),
});

/** A step of a job is either a submission or a poll, so its names do not occur in two queues. */
const wakeTask = ({ job, seq, ring, inMs }: WakeSpec, now: number): WakeTask => ({
  target: seq % 2 === 1 ? 'submit' : 'poll',
  jobId: job,
  wake: { at: now + inMs, seq, ring },
  provider: 'vertex',
  model: 'veo-3.1-fast-generate-001',
  lane: 'interactive',
});

const nameOf = ({ jobId, wake }: WakeTask): string =>
  hash(['wake', jobId, String(wake.seq), String(wake.ring)]);

/** Every due task is delivered exactly once per due time, and no other task is. */
async function deliverDue(model: QueueModel, real: QueueUnderTest): Promise<void> {
  const now = real.now();
  const due = new Map(model.due(now).map((task) => [task.name, task]));
  for (const arrival of await real.arrivals(due.size)) {
    const task = due.get(arrival.name);
    if (!task) expect.fail(`${arrival.name} came, and is not due`);
    due.delete(arrival.name);
    const { target, wake } = task.wake;
    const { name, queueId, ...call } = arrival;
    expect(now, `${name} before its time`).toBeGreaterThanOrEqual(wake.at);
    expect(queueId).toBe(QUEUE_IDS[target]);
    expect(call).toEqual({ target, body: messageOf(task.wake) });
    task.callStartedAt = now;
    model.deliveries.set(name, (model.deliveries.get(name) ?? 0) + 1);
  }
}

const enqueueTimes =
  (wanted: WakeSpec, times: number): Run =>
  async (model, real) => {
    const now = real.now();
    const wake = wakeTask(wanted, now);
    const name = nameOf(wake);
    await Promise.all(Array.from({ length: times }, () => real.queue.enqueue(wake)));
    const endedAt = model.ended.get(name);
    const rests = endedAt !== undefined && now < endedAt + real.rules.tombstoneMs;
    if (!model.tasks.has(name) && !rests) {
      const dueAt = Math.max(now, Math.ceil(wake.wake.at));
      model.tasks.set(name, { name, wake, dueAt, failures: 0, callStartedAt: undefined });
      model.deliveries.set(name, 0);
    }
    await deliverDue(model, real);
  };

/** Few names, so that they recur. */
const names = fc.record({
  job: fc.constantFrom('a', 'b'),
  seq: fc.integer({ min: 1, max: 3 }),
  ring: fc.nat(1),
});

const enqueue = fc
  .tuple(
    names,
    fc.oneof(fc.constantFrom(-1000, 0, 1, 0.4, 999.6), fc.integer({ min: 1, max: 700_000 })),
    fc.constantFrom(1, 1, 2, 3),
  )
  .map(([wanted, inMs, times]) =>
    command(
      `enqueue ${hash([wanted.job, String(wanted.seq), String(wanted.ring)])} in ${inMs} ms ${times}×`,
      enqueueTimes({ ...wanted, inMs }, times),
    ),
  );

const isWaiting = names.map((wanted) =>
  command(
    `is ${hash([wanted.job, String(wanted.seq), String(wanted.ring)])} waiting`,
    async (model, real) => {
      const wake = wakeTask({ ...wanted, inMs: 0 }, real.now());
      const task = model.tasks.get(nameOf(wake));
      const waits =
        task !== undefined && (task.callStartedAt === undefined || real.rules.countsInProgressAsWaiting);
      expect(await real.queue.isWaiting(wake)).toBe(waits);
    },
  ),
);

function fail(task: ModelTask, { now, rules }: QueueUnderTest): void {
  task.failures += 1;
  task.callStartedAt = undefined;
  task.dueAt = now() + rules.backoffMs(task.failures);
}

async function advanceBy(ms: number, model: QueueModel, real: QueueUnderTest): Promise<void> {
  real.advance(ms);
  const late = model
    .inProgress()
    .filter(
      ({ callStartedAt = 0, wake }) => real.now() >= callStartedAt + real.rules.deadlineMs[wake.target],
    );
  await real.aborted(late.length);
  for (const task of late) fail(task, real);
  await deliverDue(model, real);
}

const advance = fc
  .oneof(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 2000, max: 700_000 }))
  .map((ms) => command(`advance ${ms} ms`, (model, real) => advanceBy(ms, model, real)));

/** Undefined when no task waits. */
function untilNextDue(model: QueueModel, now: number): number | undefined {
  const waiting = [...model.tasks.values()].filter(({ callStartedAt }) => callStartedAt === undefined);
  return waiting.length === 0 ? undefined : Math.min(...waiting.map(({ dueAt }) => dueAt)) - now;
}

/** Advances to one millisecond before a task is due, to its due time, or to one millisecond after. */
const advanceToDue = fc.integer({ min: -1, max: 1 }).map((offsetMs) =>
  command(`advance to the next task ${offsetMs} ms`, async (model, real) => {
    const ms = untilNextDue(model, real.now());
    if (ms !== undefined && ms + offsetMs > 0) await advanceBy(ms + offsetMs, model, real);
  }),
);

const answerOne =
  (nth: number, status: number): Run =>
  async (model, real) => {
    const inProgress = model.inProgress();
    const task = inProgress[nth % inProgress.length];
    if (!task) expect.fail('no call is in progress');
    await real.answer(task.name, status);
    if (status >= 200 && status < 300) {
      model.tasks.delete(task.name);
      model.ended.set(task.name, real.now());
    } else {
      fail(task, real);
    }
    await deliverDue(model, real);
  };

/** Successes and failures are equally frequent. */
const answer = (statuses: readonly number[]): fc.Arbitrary<Command> =>
  fc
    .tuple(fc.nat(11), fc.oneof(fc.constant(200), fc.constantFrom(...statuses)))
    .map(([nth, status]) =>
      command(
        `answer ${nth} with ${status}`,
        answerOne(nth, status),
        (model) => model.inProgress().length > 0,
      ),
    );

export const taskQueueCommands = ({ statuses }: QueueRules): fc.Arbitrary<Command>[] => [
  ...[enqueue, enqueue, isWaiting, advance, advanceToDue],
  ...[answer(statuses), answer(statuses)],
];

/** Lets all remaining tasks succeed. Afterwards every task has been delivered, and none waits. */
export async function finish(model: QueueModel, real: QueueUnderTest): Promise<void> {
  while (model.tasks.size > 0) {
    if (model.inProgress().length > 0) await answerOne(0, 200)(model, real);
    else await advanceBy(untilNextDue(model, real.now()) ?? 0, model, real);
  }
  for (const [name, count] of model.deliveries) expect(count, name).toBeGreaterThanOrEqual(1);
}
