/** The queue adapter against the local Cloud Tasks: deduplication by name, and the requests to the functions. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { CloudTasksClient } from '@google-cloud/tasks';
import { grpc } from 'google-gax';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCloudTaskQueue } from '../../../functions/adapters/cloud-task-queue.ts';
import { createIdTokenCallers } from '../../../functions/adapters/id-token-callers.ts';
import { createIds } from '../../../functions/adapters/ids.ts';
import { CATALOGUE } from '../../../functions/core/catalogue/models.ts';
import { LANES } from '../../../functions/core/job/job.ts';
import { BATCH_QUEUE, POLL_QUEUE, submitQueueName } from '../../../functions/core/job/queues.ts';
import type { TaskQueue, WakeTask } from '../../../functions/ports.ts';
import { startTokenServer } from '../../../infra/identity/token-server.ts';
import { idTokenClaims, LOCAL_ISSUER, loadIdentity } from '../../../infra/shared/identity.ts';
import { stackQueues } from '../../../infra/stack/queues.ts';
import { startTasks } from '../../../infra/tasks/server.ts';
import { temporaryDir } from '../../support/temporary-dir.ts';
import { wholeRequests } from '../../support/whole-requests.ts';

const identity = loadIdentity(temporaryDir());
const received: { url: string; headers: IncomingHttpHeaders; body: unknown }[] = [];
const arrived = new Map<number, () => void>();
let queue: TaskQueue;
let base = '';
let jwksUrl = '';
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  const target = createServer(
    wholeRequests((request, body, response) => {
      received.push({
        url: request.url ?? '',
        headers: request.headers,
        body: JSON.parse(body.toString()),
      });
      response.writeHead(204).end();
      arrived.get(received.length)?.();
    }),
  );
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  const address = target.address();
  base = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const tokens = await startTokenServer(identity);
  jwksUrl = `http://127.0.0.1:${tokens.port}/jwks`;
  const tasks = await startTasks({
    signIdToken: (email, audience) => identity.signJwt(idTokenClaims(email, audience, Date.now())),
    queues: stackQueues(1).map(({ id, ...settings }) => ({
      name: `projects/p/locations/l/queues/${id}`,
      ...settings,
    })),
  });
  const client = new CloudTasksClient({
    apiEndpoint: '127.0.0.1',
    port: tasks.port,
    sslCreds: grpc.credentials.createInsecure(),
  });
  queue = createCloudTaskQueue({
    client,
    project: 'p',
    location: 'l',
    urls: { submit: `${base}/submit`, poll: `${base}/poll`, batch: `${base}/batch` },
    serviceAccountEmail: identity.serviceAccountEmail,
    hash: createIds().hash,
    now: () => Date.now(),
  });
  closing.push(
    () => client.close(),
    tasks.stop,
    tokens.stop,
    () => target.close(),
  );
});
afterAll(async () => {
  for (const close of closing) await close();
});

const wake = (
  jobId: string,
  over: Partial<WakeTask> & { seq?: number; ring?: number; at?: number } = {},
): WakeTask => {
  const { seq = 1, ring = 0, at = 0, ...rest } = over;
  return {
    target: 'poll',
    jobId,
    wake: { at, seq, ring },
    provider: 'vertex',
    model: 'veo-3.1-fast-generate-001',
    lane: 'interactive',
    ...rest,
  };
};
const arrival = (n: number): Promise<void> =>
  received.length >= n ? Promise.resolve() : new Promise((resolve) => arrived.set(n, resolve));

describe('a wake', () => {
  it('reaches its function with the job, the step and a valid token', async () => {
    await queue.enqueue(wake('job_1', { target: 'submit' }));
    await arrival(1);
    const [first] = received;
    expect(first).toMatchObject({ url: '/submit', body: { jobId: 'job_1', seq: 1 } });
    const callers = createIdTokenCallers({
      signature: 'verify',
      jwksUrl,
      issuers: [LOCAL_ISSUER],
      audiences: [`${base}/submit`],
      allowedEmails: [identity.serviceAccountEmail],
    });
    const headers = new Headers({ authorization: first?.headers.authorization ?? '' });
    expect(await callers.verify(headers)).toBe(identity.serviceAccountEmail);
  });

  it('is delivered once even if it is enqueued repeatedly, also after its delivery', async () => {
    const before = received.length;
    await Promise.all([1, 2, 3].map(() => queue.enqueue(wake('job_2'))));
    await arrival(before + 1);
    await queue.enqueue(wake('job_2'));
    // Another step, or another `ring` number, is a different task.
    await queue.enqueue(wake('job_2', { seq: 2 }));
    await queue.enqueue(wake('job_2', { ring: 1 }));
    await arrival(before + 3);
    expect(received.slice(before).map(({ body }) => body)).toHaveLength(3);
  });

  it('waits in its queue until its time, and is reported as waiting', async () => {
    const later = wake('job_3', { at: Date.now() + 3_600_000 });
    expect(await queue.isWaiting(later)).toBe(false);
    await queue.enqueue(later);
    expect(await queue.isWaiting(later)).toBe(true);
    expect(await queue.isWaiting({ ...later, wake: { ...later.wake, ring: 1 } })).toBe(false);
  });

  it('of a batch reaches the batch function once', async () => {
    const before = received.length;
    const task = { batchId: 'bat_1', wake: { at: 0, seq: 3, ring: 0 } };
    await Promise.all([queue.enqueueBatch(task), queue.enqueueBatch(task)]);
    await arrival(before + 1);
    expect(received.slice(before)).toMatchObject([{ url: '/batch', body: { batchId: 'bat_1', seq: 3 } }]);
    const later = { ...task, wake: { at: Date.now() + 3_600_000, seq: 4, ring: 0 } };
    expect(await queue.isBatchWaiting(later)).toBe(false);
    await queue.enqueueBatch(later);
    expect(await queue.isBatchWaiting(later)).toBe(true);
  });

  it('into a missing queue fails', async () => {
    await expect(queue.enqueue(wake('job_4', { target: 'submit', model: 'unheard-of' }))).rejects.toThrow();
  });
});

describe('the queues of the local stack', () => {
  it('are one per model and lane, at most a thousandth of a call below the quota, and those of the functions', () => {
    const queues = new Map(
      stackQueues(1).map(({ id, maxDispatchesPerSecond }) => [id, maxDispatchesPerSecond]),
    );
    for (const name of [POLL_QUEUE, BATCH_QUEUE, 'notify']) expect(queues.delete(name), name).toBe(true);
    const expected = CATALOGUE.models.flatMap(({ provider, model, requestsPerMinute }) =>
      LANES.map((lane) => [
        submitQueueName({ provider, model, lane }),
        Math.floor((requestsPerMinute / 60) * 1000) / 1000,
      ]),
    );
    expect(Object.fromEntries(queues)).toEqual(Object.fromEntries(expected));
  });
});
