import { describe, expect, it } from 'vitest';
import { burstSizeFor } from '../../../infra/tasks/queue-settings.ts';
import {
  Code,
  dispatched,
  enqueue,
  LOCATION,
  makeQueue,
  millisecondsOf,
  openWorld,
  queueName,
} from './support.ts';

const NOT_THERE =
  'Queue does not exist. If you just created the queue, wait at least a minute for the queue to initialize.';

describe('queues, through the official client', () => {
  it('a new queue has the documented defaults and is running', async () => {
    const { client } = await openWorld();
    const [queue] = await client.createQueue({ parent: LOCATION, queue: { name: queueName('q') } });
    expect(queue).toMatchObject({
      name: queueName('q'),
      state: 'RUNNING',
      rateLimits: { maxDispatchesPerSecond: 500, maxBurstSize: 100, maxConcurrentDispatches: 1000 },
      retryConfig: { maxAttempts: 100, maxDoublings: 16 },
    });
    expect(millisecondsOf(queue.retryConfig?.minBackoff)).toBe(100);
    expect(millisecondsOf(queue.retryConfig?.maxBackoff)).toBe(3_600_000);
    expect(queue.purgeTime).toBeNull();
    const [read] = await client.getQueue({ name: queueName('q') });
    expect(read).toEqual(queue);
  });

  it('settings are returned as given, including -1 attempts and fractions of a second', async () => {
    const world = await openWorld();
    const name = await makeQueue(world, 'q', {
      rateLimits: { maxDispatchesPerSecond: 2.5, maxConcurrentDispatches: 7, maxBurstSize: -3 },
      retryConfig: {
        maxAttempts: -1,
        maxRetryDuration: { seconds: 90 },
        minBackoff: { seconds: 1, nanos: 500_000_000 },
        maxBackoff: { seconds: 20 },
        maxDoublings: 3,
      },
      stackdriverLoggingConfig: { samplingRatio: 0.5 },
    });
    const [queue] = await world.client.getQueue({ name });
    expect(queue.rateLimits).toEqual({
      maxDispatchesPerSecond: 2.5,
      maxConcurrentDispatches: 7,
      maxBurstSize: 10,
    });
    expect(queue.retryConfig).toMatchObject({ maxAttempts: -1, maxDoublings: 3 });
    expect(millisecondsOf(queue.retryConfig?.maxRetryDuration)).toBe(90_000);
    expect(millisecondsOf(queue.retryConfig?.minBackoff)).toBe(1500);
    expect(millisecondsOf(queue.retryConfig?.maxBackoff)).toBe(20_000);
    expect(queue.stackdriverLoggingConfig?.samplingRatio).toBe(0.5);
  });

  it('the burst size follows the rate as observed on real queues', () => {
    expect([0.25, 1, 5, 500].map(burstSizeFor)).toEqual([10, 10, 10, 100]);
    expect(burstSizeFor(100)).toBe(20);
  });

  const REFUSED = [
    [{ rateLimits: { maxDispatchesPerSecond: -1 } }, 'RateLimits.maxDispatchesPerSecond cannot be negative.'],
    [
      { rateLimits: { maxDispatchesPerSecond: 501 } },
      'RateLimits.maxDispatchesPerSecond must be less than or equal to 500.',
    ],
    [
      { rateLimits: { maxConcurrentDispatches: -1 } },
      'RateLimits.maxConcurrentDispatches cannot be negative.',
    ],
    [
      { rateLimits: { maxConcurrentDispatches: 5001 } },
      'RateLimits.maxConcurrentDispatches must be less than or equal to 5000.',
    ],
    [{ retryConfig: { maxAttempts: -2 } }, 'RetryConfig.maxAttempts must be greater or equal to -1.'],
    [{ retryConfig: { maxDoublings: -1 } }, 'RetryConfig.maxDoublings cannot be negative.'],
    [{ retryConfig: { minBackoff: { seconds: -1 } } }, 'RetryConfig.minBackoff cannot be negative.'],
    [
      { retryConfig: { maxRetryDuration: { seconds: -1 } } },
      'RetryConfig.maxRetryDuration cannot be negative.',
    ],
    [
      { retryConfig: { minBackoff: { seconds: 3 }, maxBackoff: { seconds: 2 } } },
      'RetryConfig.minBackoff must be less than or equal to RetryConfig.maxBackoff.',
    ],
    [
      { stackdriverLoggingConfig: { samplingRatio: 1.5 } },
      'StackdriverLoggingConfig.samplingRatio must be between 0.0 and 1.0.',
    ],
  ] as const;

  it('settings out of range are refused with the messages of the service, on create and on update', async () => {
    const world = await openWorld();
    const { client } = world;
    const existing = await makeQueue(world, 'existing');
    for (const [settings, details] of REFUSED) {
      const refusal = { code: Code.INVALID_ARGUMENT, details };
      const create = client.createQueue({ parent: LOCATION, queue: { name: queueName('new'), ...settings } });
      await expect(create).rejects.toMatchObject(refusal);
      const update = client.updateQueue({ queue: { name: existing, ...settings } });
      await expect(update).rejects.toMatchObject(refusal);
    }
    const [queues] = await client.listQueues({ parent: LOCATION });
    expect(queues.map(({ name }) => name)).toEqual([existing]);
  });

  it('an invalid name, an existing name and a name in another location are refused', async () => {
    const world = await openWorld();
    const { client } = world;
    const taken = await makeQueue(world, 'taken');
    const create = (name: string, parent = LOCATION) => client.createQueue({ parent, queue: { name } });
    for (const bad of [
      queueName('under_score'),
      queueName('x'.repeat(101)),
      'queues/q',
      `${LOCATION}/queues/`,
    ]) {
      await expect(create(bad)).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
        details:
          'Queue name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>".',
      });
    }
    await expect(create(taken)).rejects.toMatchObject({
      code: Code.ALREADY_EXISTS,
      details: 'Queue already exists',
    });
    const other = 'projects/clapper-test/locations/europe-west1';
    await expect(create(queueName('q'), other)).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      details: `${queueName('q')} must begin with ${other}.`,
    });
    await expect(create(queueName('q'), 'nowhere')).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
  });

  it('every method returns NOT_FOUND for a missing queue', async () => {
    const { client } = await openWorld();
    const name = queueName('none');
    const refusal = { code: Code.NOT_FOUND, details: NOT_THERE };
    await expect(client.getQueue({ name })).rejects.toMatchObject(refusal);
    await expect(client.pauseQueue({ name })).rejects.toMatchObject(refusal);
    await expect(client.resumeQueue({ name })).rejects.toMatchObject(refusal);
    await expect(client.purgeQueue({ name })).rejects.toMatchObject(refusal);
    await expect(client.listTasks({ parent: name })).rejects.toMatchObject(refusal);
    const create = client.createTask({ parent: name, task: { httpRequest: { url: 'http://127.0.0.1/' } } });
    await expect(create).rejects.toMatchObject(refusal);
    await expect(client.deleteQueue({ name })).rejects.toMatchObject({
      code: Code.NOT_FOUND,
      details: 'Requested entity was not found.',
    });
  });

  it('lists are paged, ordered by name, and contain only one location', async () => {
    const world = await openWorld();
    for (const id of ['c', 'a', 'e', 'b', 'd']) await makeQueue(world, id);
    const elsewhere = 'projects/clapper-test/locations/europe-west1';
    await world.client.createQueue({ parent: elsewhere, queue: { name: `${elsewhere}/queues/x` } });
    const pages: string[][] = [];
    let pageToken = '';
    do {
      const [queues, , response] = await world.client.listQueues(
        { parent: LOCATION, pageSize: 2, pageToken },
        { autoPaginate: false },
      );
      pages.push(queues.map(({ name }) => name?.slice(-1) ?? ''));
      pageToken = response?.nextPageToken ?? '';
    } while (pageToken !== '');
    expect(pages).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    await expect(
      world.client.listQueues({ parent: LOCATION, pageToken: 'forged' }, { autoPaginate: false }),
    ).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
    await expect(
      world.client.listQueues({ parent: LOCATION, filter: 'state: PAUSED' }),
    ).rejects.toMatchObject({ code: Code.UNIMPLEMENTED });
  });

  it('an update with a mask changes only the named fields and derives the burst size again', async () => {
    const world = await openWorld();
    const name = await makeQueue(world, 'q', {
      rateLimits: { maxDispatchesPerSecond: 5, maxConcurrentDispatches: 7 },
      retryConfig: { maxAttempts: 3, maxDoublings: 4 },
    });
    const [updated] = await world.client.updateQueue({
      queue: { name, rateLimits: { maxDispatchesPerSecond: 100 }, retryConfig: { maxAttempts: 9 } },
      updateMask: { paths: ['rate_limits.max_dispatches_per_second', 'retry_config.max_doublings'] },
    });
    expect(updated.rateLimits).toEqual({
      maxDispatchesPerSecond: 100,
      maxBurstSize: 20,
      maxConcurrentDispatches: 7,
    });
    // The mask names max_doublings, and its value 0 is kept. Fields outside the mask are unchanged.
    expect(updated.retryConfig).toMatchObject({ maxAttempts: 3, maxDoublings: 0 });
    const [whole] = await world.client.updateQueue({
      queue: { name, retryConfig: { maxAttempts: 9 } },
      updateMask: { paths: ['retry_config'] },
    });
    expect(whole.retryConfig).toMatchObject({ maxAttempts: 9, maxDoublings: 16 });
    expect(whole.rateLimits?.maxConcurrentDispatches).toBe(7);
  });

  it('an update without a mask replaces all settings, and creates a missing queue', async () => {
    const world = await openWorld();
    const name = await makeQueue(world, 'q', { retryConfig: { maxAttempts: 3 } });
    const [updated] = await world.client.updateQueue({
      queue: { name, rateLimits: { maxDispatchesPerSecond: 1 } },
    });
    expect(updated.retryConfig?.maxAttempts).toBe(100);
    expect(updated.rateLimits?.maxDispatchesPerSecond).toBe(1);
    const [made] = await world.client.updateQueue({
      queue: { name: queueName('made'), retryConfig: { maxAttempts: 2 } },
    });
    expect(made).toMatchObject({ state: 'RUNNING', retryConfig: { maxAttempts: 2 } });
  });

  it('an update cannot change the state, and an unknown path is refused', async () => {
    const world = await openWorld();
    const name = await makeQueue(world, 'q');
    const [updated] = await world.client.updateQueue({
      queue: { name, state: 'PAUSED' },
      updateMask: { paths: ['state'] },
    });
    expect(updated.state).toBe('RUNNING');
    for (const path of ['rate_limits.colour', 'rateLimits', 'constructor']) {
      await expect(
        world.client.updateQueue({ queue: { name }, updateMask: { paths: [path] } }),
      ).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
    }
  });

  it('deleting a queue deletes its tasks and reserves its name for seven days', async () => {
    const world = await openWorld();
    const { client } = world;
    const name = await makeQueue(world, 'q');
    const task = await enqueue(world, name, 't', {
      scheduleTime: { seconds: world.clock.now() / 1000 + 60 },
    });
    await client.deleteQueue({ name });
    await expect(client.getQueue({ name })).rejects.toMatchObject({
      code: Code.NOT_FOUND,
      details: NOT_THERE,
    });
    await expect(client.getTask({ name: task })).rejects.toMatchObject({ code: Code.NOT_FOUND });
    await expect(makeQueue(world, 'q')).rejects.toMatchObject({
      code: Code.FAILED_PRECONDITION,
      details: 'The queue cannot be created because a queue with this name existed too recently.',
    });
    world.advance(7 * 24 * 3_600_000 + 1);
    await makeQueue(world, 'q');
    expect(await dispatched(world)).toBe(0);
  });

  it('a paused queue accepts tasks and dispatches none until it is resumed', async () => {
    const world = await openWorld();
    const { client, target } = world;
    const name = await makeQueue(world, 'q');
    const [paused] = await client.pauseQueue({ name });
    expect(paused.state).toBe('PAUSED');
    await enqueue(world, name, 'a');
    expect(await dispatched(world)).toBe(0);
    const [resumed] = await client.resumeQueue({ name });
    expect(resumed.state).toBe('RUNNING');
    expect((await target.arrivals.at(0)).task).toBe('a');
  });

  it('a purge deletes every existing task, reports its time, and keeps later tasks', async () => {
    const world = await openWorld();
    const { client, target, clock } = world;
    const name = await makeQueue(world, 'q');
    await client.pauseQueue({ name });
    for (const id of ['a', 'b', 'c']) await enqueue(world, name, id);
    const [purged] = await client.purgeQueue({ name });
    expect(millisecondsOf(purged.purgeTime)).toBe(clock.now());
    const [left] = await client.listTasks({ parent: name });
    expect(left).toEqual([]);
    await enqueue(world, name, 'later');
    await client.resumeQueue({ name });
    expect((await target.arrivals.at(0)).task).toBe('later');
    expect(await dispatched(world)).toBe(1);
  });

  it('queues given at the start are created or updated, and keep their state', async () => {
    const world = await openWorld({
      queues: [{ name: queueName('declared'), maxDispatchesPerSecond: 2, maxBurstSize: 1, minBackoffMs: 50 }],
    });
    const [queue] = await world.client.getQueue({ name: queueName('declared') });
    expect(queue.rateLimits).toMatchObject({ maxDispatchesPerSecond: 2, maxBurstSize: 1 });
    expect(millisecondsOf(queue.retryConfig?.minBackoff)).toBe(50);
    await expect(
      openWorld({ queues: [{ name: queueName('bad'), maxDispatchesPerSecond: 501 }] }),
    ).rejects.toThrow('must be less than or equal to 500');
  });

  it('unsupported features return UNIMPLEMENTED', async () => {
    const world = await openWorld();
    const name = await makeQueue(world, 'q');
    await expect(world.client.getIamPolicy({ resource: name })).rejects.toMatchObject({
      code: Code.UNIMPLEMENTED,
    });
    await expect(
      world.client.updateQueue({ queue: { name, appEngineRoutingOverride: { service: 's' } } }),
    ).rejects.toMatchObject({ code: Code.UNIMPLEMENTED });
  });
});
