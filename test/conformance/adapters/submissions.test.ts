/** Pausing and resuming submissions (the switch for paid calls) against the local Cloud Tasks. */
import { CloudTasksClient } from '@google-cloud/tasks';
import { grpc } from 'google-gax';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createCloudTaskSubmissions,
  PAUSE_CACHE_MS,
} from '../../../functions/adapters/cloud-task-submissions.ts';
import { CATALOGUE } from '../../../functions/core/catalogue/models.ts';
import { submitQueueName, submitQueueNames } from '../../../functions/core/job/queues.ts';
import { stackQueues } from '../../../infra/stack/queues.ts';
import { startTasks } from '../../../infra/tasks/server.ts';
import { makeWorld } from '../../support/memory.ts';

const PARENT = 'projects/p/locations/l';
const MISSING = submitQueueNames(CATALOGUE)[0] ?? '';
const { clock } = makeWorld();
let client: CloudTasksClient;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  const tasks = await startTasks({
    signIdToken: () => '',
    queues: stackQueues(1)
      .filter(({ id }) => id !== MISSING)
      .map(({ id, ...settings }) => ({ name: `${PARENT}/queues/${id}`, ...settings })),
  });
  client = new CloudTasksClient({
    apiEndpoint: '127.0.0.1',
    port: tasks.port,
    sslCreds: grpc.credentials.createInsecure(),
  });
  closing.push(
    () => client.close(),
    () => tasks.stop(),
  );
});
afterAll(async () => {
  for (const close of closing) await close();
});

describe('pausing submissions', () => {
  it('pauses every submit queue and no other, is idempotent, and skips a missing queue', async () => {
    const submissions = createCloudTaskSubmissions({
      client,
      project: 'p',
      location: 'l',
      catalogue: CATALOGUE,
      clock,
    });
    const line = { provider: 'vertex', model: 'imagen-4.0-generate-001', lane: 'interactive' } as const;
    expect(await submissions.isPaused(line)).toBe(false);
    const expected = submitQueueNames(CATALOGUE).filter((id) => id !== MISSING);
    expect(await submissions.pause()).toEqual(expected);
    expect(await submissions.pause()).toEqual(expected);
    const [queues] = await client.listQueues({ parent: PARENT });
    const paused = queues
      .filter(({ state }) => state === 'PAUSED')
      .map(({ name }) => name?.split('/').at(-1));
    expect(paused.sort()).toEqual([...expected].sort());
    expect(queues.length).toBeGreaterThan(paused.length);
    expect(await submissions.isPaused(line), 'remembered').toBe(false);
    clock.advance(PAUSE_CACHE_MS + 1);
    expect(await submissions.isPaused(line)).toBe(true);
    await client.resumeQueue({ name: `${PARENT}/queues/${submitQueueName(line)}` });
    clock.advance(PAUSE_CACHE_MS + 1);
    expect(await submissions.isPaused(line)).toBe(false);
  });
});
