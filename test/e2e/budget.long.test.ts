/** A spent budget on the whole local stack: paid calls stop, and accepted jobs wait until the queues are resumed. */
import { CloudTasksClient } from '@google-cloud/tasks';
import { grpc } from 'google-gax';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CATALOGUE } from '../../functions/core/catalogue/models.ts';
import { submitQueueNames } from '../../functions/core/job/queues.ts';
import { idTokenClaims, loadIdentity } from '../../infra/shared/identity.ts';
import { PROJECT, REGION } from '../../infra/stack/plan.ts';
import { startTestStack, type TestStack } from '../support/local-stack.ts';

let stack: TestStack;
let tasks: CloudTasksClient;

beforeAll(async () => {
  stack = await startTestStack();
  const [apiEndpoint = '', port] = stack.endpoints.tasks.split(':');
  tasks = new CloudTasksClient({
    apiEndpoint,
    port: Number(port),
    sslCreds: grpc.credentials.createInsecure(),
  });
});
afterAll(async () => {
  await tasks.close();
  await stack.dispose();
});

/** Sends a budget notification as Pub/Sub pushes it. */
async function notify(costAmount: number): Promise<unknown> {
  const { serviceAccountEmail, signJwt } = loadIdentity(stack.stateDir);
  const url = `${stack.endpoints.api}/_functions/sweep`;
  const notice = { budgetDisplayName: 'Clapper', costAmount, budgetAmount: 500, currencyCode: 'USD' };
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${signJwt(idTokenClaims(serviceAccountEmail, url, Date.now()))}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      message: { data: Buffer.from(JSON.stringify(notice)).toString('base64'), messageId: '1' },
      subscription: 'projects/p/subscriptions/s',
    }),
  });
  return response.json();
}

const pausedQueues = async (): Promise<string[]> => {
  const [queues] = await tasks.listQueues({ parent: tasks.locationPath(PROJECT, REGION) });
  return queues
    .filter(({ state }) => state === 'PAUSED')
    .map(({ name }) => name?.split('/').at(-1) ?? '')
    .sort();
};

it('pauses the submit queues only once it is spent; a waiting job is submitted when they are resumed', async () => {
  expect(await notify(499)).toEqual({ paused: [] });
  expect(await pausedQueues()).toEqual([]);

  const queues = [...submitQueueNames(CATALOGUE)].sort();
  expect(await notify(500)).toMatchObject({ paused: expect.arrayContaining(queues) });
  expect(await pausedQueues()).toEqual(queues);

  const waiting = await stack.submit({ prompt: 'a kitten that waits', durationSeconds: 4 });
  const response = await fetch(`${stack.endpoints.api}/v1/jobs/${waiting.id}`, {
    headers: { prefer: 'wait=2' },
  });
  expect(await response.json()).toMatchObject({ status: 'queued' });
  expect(await stack.paidCalls()).toEqual([]);

  for (const queue of queues) await tasks.resumeQueue({ name: tasks.queuePath(PROJECT, REGION, queue) });
  expect(await stack.finished(waiting.id)).toMatchObject({ status: 'succeeded' });
  expect(await stack.paidCalls()).toHaveLength(1);
});
