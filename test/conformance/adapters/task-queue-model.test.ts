/** Every task queue against a model, under random commands. See `test/support/model-run.ts` for replaying a failure. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCloudTaskQueue } from '../../../functions/adapters/cloud-task-queue.ts';
import type { WakeTask } from '../../../functions/ports.ts';
import { makeWorld } from '../../support/memory.ts';
import { assertCommands, inTime, MODEL_TEST_TIMEOUT_MS } from '../../support/model-run.ts';
import { dispatched, queueName, type Reply, startWorld } from '../tasks/support.ts';
import {
  finish,
  hash,
  messageOf,
  QueueModel,
  type QueueRules,
  type QueueUnderTest,
  taskQueueCommands,
} from './task-queue-commands.ts';

const CLAIM = 'delivers each task when it is due until it succeeds, and then reserves its name';

const MEMORY_RULES: QueueRules = {
  statuses: [200],
  countsInProgressAsWaiting: false,
  tombstoneMs: Number.POSITIVE_INFINITY,
  backoffMs: () => 0,
  deadlineMs: { submit: Number.POSITIVE_INFINITY, poll: Number.POSITIVE_INFINITY },
};

function memoryQueue(): QueueUnderTest {
  const { tasks, clock } = makeWorld();
  const take = (): WakeTask[] => {
    const next = tasks.take(clock.now());
    return next ? [next, ...take()] : [];
  };
  return {
    queue: tasks,
    now: () => clock.now(),
    advance: (ms) => clock.advance(ms),
    arrivals: async (count) => {
      const taken = take();
      expect(taken).toHaveLength(count);
      return taken
        .map((task) => ({ ...task, body: messageOf(task) }))
        .map(({ target, jobId, wake, body }) => ({
          name: hash(['wake', jobId, String(wake.seq), String(wake.ring)]),
          queueId: target === 'poll' ? 'poll' : 'submit-vertex-veo-3-1-fast-generate-001',
          target,
          body,
        }));
    },
    answer: async () => undefined,
    aborted: async () => undefined,
    rules: MEMORY_RULES,
    close: async () => undefined,
  };
}

const RETRY = { minBackoffMs: 1000, maxBackoffMs: 60_000, maxAttempts: -1 };

const CLOUD_RULES: QueueRules = {
  statuses: [204, 302, 404, 429, 500, 503],
  countsInProgressAsWaiting: true,
  tombstoneMs: 300_000,
  backoffMs: (failures) => Math.min(RETRY.minBackoffMs * 2 ** (failures - 1), RETRY.maxBackoffMs),
  deadlineMs: { submit: 180_000, poll: 600_000 },
};

/** Cloud Tasks and its client, with a handler that the test controls. */
async function cloudQueue(): Promise<QueueUnderTest> {
  const ids = ['poll', 'submit-vertex-veo-3-1-fast-generate-001'];
  const world = await startWorld({
    signIdToken: () => 'token',
    tombstoneMs: CLOUD_RULES.tombstoneMs,
    queues: ids.map((id) => ({ name: queueName(id), maxBurstSize: 500, ...RETRY })),
  });
  const { client, clock, target, attempts } = world;
  const held = new Map<string, (reply: Reply) => void>();
  target.reply = ({ task }) => new Promise((resolve) => held.set(task, resolve));
  let seen = 0;
  let ended = 0;
  const nextEnds = async (count: number): Promise<void> => {
    ended += count;
    await inTime(`the end of attempt ${ended}`, attempts.atLeast(ended));
  };
  return {
    queue: createCloudTaskQueue({
      client,
      project: 'clapper-test',
      location: 'us-central1',
      urls: { submit: target.url('/submit'), poll: target.url('/poll'), batch: target.url('/batch') },
      serviceAccountEmail: 'tasks@clapper-test.test',
      hash,
      now: clock.now,
    }),
    now: clock.now,
    advance: world.advance,
    arrivals: async (count) => {
      seen += count;
      const all = await inTime(`delivery ${seen}`, target.arrivals.atLeast(seen));
      expect(await dispatched(world), 'deliveries').toBe(seen);
      expect(world.bugs).toEqual([]);
      return all.slice(seen - count).map(({ task, headers, path, body }) => ({
        name: task,
        queueId: String(headers['x-cloudtasks-queuename']),
        target: path.slice(1),
        body: JSON.parse(body.toString()),
      }));
    },
    answer: async (name, status) => {
      held.get(name)?.(status);
      await nextEnds(1);
    },
    aborted: nextEnds,
    rules: CLOUD_RULES,
    close: world.close,
  };
}

const assertLikeModel = (
  rules: QueueRules,
  runs: number,
  open: () => Promise<QueueUnderTest>,
): Promise<void> =>
  assertCommands(taskQueueCommands(rules), { runs, maxCommands: 60 }, async (commands) => {
    const real = await open();
    try {
      const model = new QueueModel();
      await fc.asyncModelRun(() => ({ model, real }), commands);
      await finish(model, real);
    } finally {
      await real.close();
    }
  });

describe('the task queue in memory', () => {
  it(CLAIM, () => assertLikeModel(MEMORY_RULES, 100, async () => memoryQueue()), MODEL_TEST_TIMEOUT_MS);
});

describe('the task queue on Cloud Tasks', () => {
  it(CLAIM, () => assertLikeModel(CLOUD_RULES, 30, cloudQueue), MODEL_TEST_TIMEOUT_MS);
});
