import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { CloudTasksClient } from '@google-cloud/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { completeSettings } from '../../../infra/tasks/queue-settings.ts';
import { type QueueSpec, startTasks } from '../../../infra/tasks/server.ts';
import { type TasksRecord, TasksState } from '../../../infra/tasks/state.ts';
import {
  Code,
  clientOn,
  enqueue,
  ManualClock,
  makeQueue,
  millisecondsOf,
  queueName,
  SEED,
  secondsFrom,
  seeded,
  Target,
} from './support.ts';

const RUNNER = fileURLToPath(new URL('./runner-child.ts', import.meta.url));

function stateFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'clapper-tasks-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Life {
  readonly client: CloudTasksClient;
  /** kill -9. Resolves when the process has exited. */
  readonly kill: () => Promise<void>;
}

/** Starts the server in a separate process. */
async function live(stateDir: string): Promise<Life> {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import', 'tsx', RUNNER, JSON.stringify({ stateDir })],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  onTestFinished(kill);
  if (child.stdout === null) throw new Error('The child process has no stdout.');
  for await (const line of createInterface({ input: child.stdout })) {
    const client = clientOn(Number(line));
    onTestFinished(() => client.close());
    return { client, kill };
  }
  throw new Error('The server exited before it listened.');
}

async function startTarget(): Promise<Target> {
  const target = await Target.start();
  onTestFinished(() => target.stop());
  return target;
}

describe('kill -9', () => {
  it('preserves queues, waiting tasks with their bodies, attempts, and reserved names', async () => {
    const stateDir = stateFolder();
    const target = await startTarget();
    const first = await live(stateDir);
    const world = { client: first.client, target };

    const parent = await makeQueue(world, 'q', {
      rateLimits: { maxDispatchesPerSecond: 50, maxConcurrentDispatches: 9 },
      retryConfig: { minBackoff: { seconds: 3600 }, maxAttempts: 4 },
    });
    const paused = await makeQueue(world, 'paused');
    await first.client.pauseQueue({ name: paused });
    await enqueue(world, paused, 'held');
    await first.client.deleteQueue({ name: await makeQueue(world, 'deleted') });

    const body = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const scheduleTime = secondsFrom(Date.now() + 3_600_000);
    const waiting = await enqueue(world, parent, 'waiting', {
      scheduleTime,
      dispatchDeadline: { seconds: 20 },
      httpRequest: { url: target.url('/later'), httpMethod: 'PUT', headers: { 'X-A': 'b' }, body },
    });
    const deleted = await enqueue(world, parent, 'deleted', { scheduleTime });
    await first.client.deleteTask({ name: deleted });

    target.reply = ({ task }) => (task === 'failed' ? 418 : task === 'in-flight' ? 'hang' : 200);
    const failed = await enqueue(world, parent, 'failed');
    await enqueue(world, parent, 'done');
    await enqueue(world, parent, 'in-flight');
    await target.arrivals.atLeast(3);
    // The target has sent its responses. Poll until the server has received them.
    for (let settled = false; !settled; ) {
      const [{ responseCount }] = await first.client.getTask({ name: failed });
      const [tasks] = await first.client.listTasks({ parent });
      settled = responseCount === 1 && tasks.length === 3;
    }
    const [before] = await first.client.listTasks({ parent, responseView: 'FULL' });
    const [queueBefore] = await first.client.getQueue({ name: parent });
    await first.kill();

    target.reply = () => 200;
    const { client } = await live(stateDir);
    // The task that was in progress is dispatched again, with a retry count.
    const again = await target.arrivals.at(3);
    expect(again).toMatchObject({ task: 'in-flight', headers: { 'x-cloudtasks-taskretrycount': '1' } });

    const [queueAfter] = await client.getQueue({ name: parent });
    expect(queueAfter).toEqual(queueBefore);
    const [pausedAfter] = await client.getQueue({ name: paused });
    expect(pausedAfter.state).toBe('PAUSED');
    const [waitingAfter] = await client.getTask({ name: waiting, responseView: 'FULL' });
    expect(waitingAfter).toEqual(before.find(({ name }) => name === waiting));
    expect(Buffer.from(waitingAfter.httpRequest?.body ?? '')).toEqual(body);
    const [failedAfter] = await client.getTask({ name: failed, responseView: 'FULL' });
    expect(failedAfter).toEqual(before.find(({ name }) => name === failed));
    expect(failedAfter).toMatchObject({ dispatchCount: 1, responseCount: 1 });

    const now = { client, target };
    for (const id of ['done', 'deleted', 'waiting', 'failed']) {
      await expect(enqueue(now, parent, id), id).rejects.toMatchObject({ code: Code.ALREADY_EXISTS });
    }
    await expect(makeQueue(now, 'deleted')).rejects.toMatchObject({ code: Code.FAILED_PRECONDITION });
    await client.resumeQueue({ name: paused });
    expect((await target.arrivals.at(4)).task).toBe('held');
  });

  it(`at random moments under load loses no acknowledged task (SEED=${SEED})`, async () => {
    const random = seeded(SEED);
    const stateDir = stateFolder();
    const target = await startTarget();
    target.reply = () => (random() < 0.2 ? 500 : 200);
    const acknowledged = new Set<string>();
    let next = 0;
    for (let life = 0; life < 3; life++) {
      const { client, kill } = await live(stateDir);
      if (life === 0) {
        await makeQueue({ client }, 'q', {
          retryConfig: {
            maxAttempts: -1,
            minBackoff: { nanos: 10_000_000 },
            maxBackoff: { nanos: 50_000_000 },
          },
        });
      }
      const killAfter = acknowledged.size + 20 + Math.floor(random() * 100);
      let killed: Promise<void> | undefined;
      const flood = async (): Promise<void> => {
        while (killed === undefined) {
          const id = `t${next++}`;
          try {
            await enqueue({ client, target }, queueName('q'), id);
          } catch (error) {
            if (killed === undefined) throw error;
            return;
          }
          acknowledged.add(id);
          if (acknowledged.size >= killAfter) killed ??= kill();
        }
      };
      await Promise.all(Array.from({ length: 8 }, flood));
      await killed;
    }
    target.reply = () => 200;
    const { client } = await live(stateDir);
    for (let left = -1; left !== 0; ) {
      const [tasks] = await client.listTasks({ parent: queueName('q') });
      left = tasks.length;
    }
    const arrived = new Set(target.arrivals.all.map(({ task }) => task));
    expect([...acknowledged].filter((id) => !arrived.has(id))).toEqual([]);
    expect(acknowledged.size).toBeGreaterThanOrEqual(60);
  });
});

describe('the snapshot of a compacted journal', () => {
  it(`rebuilds the same state after random operations (SEED=${SEED})`, () => {
    const random = seeded(SEED);
    const pick = <T>(items: readonly [T, ...T[]]): T =>
      items[Math.floor(random() * items.length)] ?? items[0];
    const state = new TasksState();
    for (let atMs = 0; atMs < 2000; atMs++) {
      const queue = pick(['a', 'b', 'c']);
      const id = `t${Math.floor(random() * 20)}`;
      const progress = { scheduledAtMs: atMs, dispatchCount: 0, responseCount: 0, executionCount: 0 };
      const target = { url: 'http://x', method: 'POST', headers: {}, bodyBase64: '' };
      const spec = { id, target, createdAtMs: atMs, dispatchDeadlineMs: 1 };
      const settings = completeSettings({ maxAttempts: 1 + Math.floor(random() * 9) });
      const task: TasksRecord = { kind: 'task', queue, spec, progress };
      const rare: TasksRecord[] = random() < 0.05 ? [{ kind: 'queue-deleted', queue, atMs }] : [];
      const record = pick<TasksRecord>([
        task,
        task,
        { kind: 'task-gone', queue, id, atMs },
        { kind: 'progress', queue, id, progress: { ...progress, dispatchCount: 1 } },
        { kind: 'queue', queue, settings, state: pick(['RUNNING', 'PAUSED']), purgedAtMs: atMs },
        { kind: 'queue-purged', queue, atMs },
        ...rare,
      ]);
      // The journal stores JSON.
      state.apply(JSON.parse(JSON.stringify(record)));
      if (atMs % 100 !== 99) continue;
      const rebuilt = new TasksState();
      for (const stored of state.snapshot()) rebuilt.apply(JSON.parse(JSON.stringify(stored)));
      expect(rebuilt).toEqual(state);
      const tombstones = (of: TasksState) => [...of.queues.values()].map((q) => [...q.tombstones]);
      expect(tombstones(rebuilt)).toEqual(tombstones(state));
    }
  });
});

describe('a restart on the same folder', () => {
  it('dispatches tasks that became due in between, keeps purges, and updates declared queues', async () => {
    const stateDir = stateFolder();
    const target = await startTarget();
    const clock = new ManualClock();
    const name = queueName('q');
    const start = async (maxAttempts: number) => {
      const queues: QueueSpec[] = [{ name, maxAttempts }];
      const tasks = await startTasks({ stateDir, now: clock.now, queues });
      const client = clientOn(tasks.port);
      onTestFinished(() => client.close());
      return { tasks, client, target };
    };
    const first = await start(3);
    const later = { scheduleTime: secondsFrom(clock.now() + 60_000) };
    await enqueue(first, name, 'purged', later);
    await first.client.purgeQueue({ name });
    const purgedAt = clock.now();
    await enqueue(first, name, 'due', later);
    await first.tasks.stop();

    clock.advance(3_600_000);
    const second = await start(5);
    const arrival = await target.arrivals.at(0);
    expect(arrival.task).toBe('due');
    const [queue] = await second.client.getQueue({ name });
    expect(queue.retryConfig?.maxAttempts).toBe(5);
    expect(millisecondsOf(queue.purgeTime)).toBe(purgedAt);
    await second.tasks.stop();

    const third = await start(5);
    const [tasks] = await third.client.listTasks({ parent: name });
    expect(tasks.map((task) => task.name)).not.toContain(`${name}/tasks/purged`);
    await third.tasks.stop();
    expect(target.arrivals.all.every(({ task }) => task === 'due')).toBe(true);
  });

  it('rejects when the port is in use, and leaves nothing running', async () => {
    const tasks = await startTasks();
    onTestFinished(() => tasks.stop());
    await expect(startTasks({ port: tasks.port })).rejects.toThrow();
  });
});
