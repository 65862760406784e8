import { describe, expect, it } from 'vitest';
import { dispatched, enqueue, makeQueue, openWorld, queueName, type World } from './support.ts';

const inBatches = async (
  count: number,
  size: number,
  make: (index: number) => Promise<unknown>,
): Promise<void> => {
  for (let done = 0; done < count; done += size) {
    const batch = Array.from({ length: Math.min(size, count - done) }, (_, i) => make(done + i));
    await Promise.all(batch);
  }
};

/** The number of dispatches at each time, in order. */
function dispatchesByTime({ attempts }: World, startMs: number): readonly (readonly [number, number])[] {
  const counts = new Map<number, number>();
  for (const { dispatchedAtMs } of attempts.all) {
    const ms = dispatchedAtMs - startMs;
    counts.set(ms, (counts.get(ms) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => a - b);
}

describe('rate limits', () => {
  it('dispatch a burst at once, then one task per token, and refill the bucket while idle', async () => {
    const world = await openWorld();
    const start = world.clock.now();
    const parent = await makeQueue(world, 'q', { rateLimits: { maxDispatchesPerSecond: 10 } });
    await inBatches(35, 35, () => enqueue(world, parent));
    await world.attempts.atLeast(10);
    for (let i = 1; i <= 5; i++) {
      world.advance(100);
      await world.attempts.atLeast(10 + i);
    }
    world.advance(10_000);
    await world.attempts.atLeast(25);
    expect(await dispatched(world)).toBe(25);
    expect(dispatchesByTime(world, start)).toEqual([
      [0, 10],
      [100, 1],
      [200, 1],
      [300, 1],
      [400, 1],
      [500, 1],
      [10_500, 10],
    ]);
  });

  it('count retries like first attempts', async () => {
    const world = await openWorld({
      queues: [{ name: queueName('q'), maxDispatchesPerSecond: 1, maxBurstSize: 1, maxBackoffMs: 100 }],
    });
    const start = world.clock.now();
    world.target.reply = () => 500;
    await enqueue(world, queueName('q'));
    await world.attempts.atLeast(1);
    for (let i = 1; i <= 3; i++) {
      world.advance(999);
      expect(await dispatched(world)).toBe(i);
      world.advance(1);
      await world.attempts.atLeast(i + 1);
    }
    expect(dispatchesByTime(world, start).map(([ms]) => ms)).toEqual([0, 1000, 2000, 3000]);
  });

  it('take at least 0.4 s of real time for 60 tasks at 100 per second with a burst of 20', async () => {
    const world = await openWorld({ now: Date.now });
    const parent = await makeQueue(world, 'q', { rateLimits: { maxDispatchesPerSecond: 100 } });
    await inBatches(60, 60, () => enqueue(world, parent));
    await world.attempts.atLeast(60);
    const times = world.attempts.all.map(({ dispatchedAtMs }) => dispatchedAtMs);
    const tookMs = Math.max(...times) - Math.min(...times);
    // 40 tasks wait for a token. A clock of whole milliseconds may hide a few.
    expect(tookMs).toBeGreaterThanOrEqual(390);
  });

  it('apply a changed rate to waiting tasks', async () => {
    const world = await openWorld({
      queues: [{ name: queueName('q'), maxDispatchesPerSecond: 0.001, maxBurstSize: 1 }],
    });
    const name = queueName('q');
    await inBatches(5, 5, () => enqueue(world, name));
    await world.attempts.atLeast(1);
    await world.client.updateQueue({
      queue: { name, rateLimits: { maxDispatchesPerSecond: 500 } },
      updateMask: { paths: ['rate_limits.max_dispatches_per_second'] },
    });
    world.advance(10);
    await world.attempts.atLeast(5);
  });

  it('never exceed the concurrency limit, and start the next task when one ends', async () => {
    const world = await openWorld();
    const { target, attempts } = world;
    const parent = await makeQueue(world, 'q', { rateLimits: { maxConcurrentDispatches: 3 } });
    const releases: (() => void)[] = [];
    target.reply = () => new Promise((resolve) => releases.push(() => resolve(200)));
    await inBatches(10, 10, () => enqueue(world, parent));
    for (let done = 0; done < 7; done++) {
      await target.arrivals.atLeast(done + 3);
      expect(await dispatched(world)).toBe(done + 3);
      expect(world.tasks.stats()[parent]).toMatchObject({ running: 3, succeeded: done });
      releases.shift()?.();
      await attempts.atLeast(done + 1);
    }
    for (const release of releases) release();
    await target.arrivals.atLeast(10);
    for (const release of releases) release();
    await attempts.atLeast(10);
  });
});

describe('system throttling', () => {
  it('slows the whole queue down on 429 and 503 without changing its settings, and recovers within 20 s', async () => {
    for (const refusal of [429, 503]) {
      const world = await openWorld();
      const { target, attempts, tasks } = world;
      const parent = await makeQueue(world, 'q', {
        rateLimits: { maxDispatchesPerSecond: 100 },
        retryConfig: { minBackoff: { seconds: 3600 } },
      });
      const factor = () => tasks.stats()[parent]?.rateFactor;
      target.reply = () => refusal;
      await inBatches(20, 20, () => enqueue(world, parent));
      await attempts.atLeast(20);
      // Several 429 responses of one burst count once.
      expect(factor()).toBe(0.5);
      for (let i = 0; i < 6; i++) {
        world.advance(1000);
        const seen = attempts.all.length;
        await enqueue(world, parent);
        await attempts.atLeast(seen + 1);
      }
      expect(factor()).toBeGreaterThanOrEqual(1 / 16);
      expect(factor()).toBeLessThan(0.1);
      const [queue] = await world.client.getQueue({ name: parent });
      expect(queue.rateLimits?.maxDispatchesPerSecond).toBe(100);
      target.reply = () => 200;
      world.advance(20_000);
      expect(factor()).toBe(1);
    }
  });

  it('dispatches at the lower rate', async () => {
    const world = await openWorld();
    const { target, attempts } = world;
    const parent = await makeQueue(world, 'q', {
      rateLimits: { maxDispatchesPerSecond: 10 },
      retryConfig: { minBackoff: { seconds: 3600 } },
    });
    target.reply = () => 503;
    await inBatches(10, 10, () => enqueue(world, parent));
    await attempts.atLeast(10);
    target.reply = () => 200;
    await inBatches(20, 20, () => enqueue(world, parent));
    for (let i = 0; i < 10; i++) {
      world.advance(100);
      await attempts.atLeast(await dispatched(world));
    }
    // Half of ten in the first second, and slightly more while it recovers.
    const more = attempts.all.length - 10;
    expect(more).toBeGreaterThanOrEqual(4);
    expect(more).toBeLessThanOrEqual(6);
  });

  it('does not start on other failures', async () => {
    const world = await openWorld();
    const parent = await makeQueue(world, 'q');
    const replies = [500, 404, 'reset'] as const;
    for (const reply of replies) {
      world.target.reply = () => reply;
      const seen = world.attempts.all.length;
      await enqueue(world, parent);
      await world.attempts.atLeast(seen + 1);
    }
    expect(world.tasks.stats()[parent]?.rateFactor).toBe(1);
  });
});

describe('scale', () => {
  it('10,000 tasks are created, wait, and are dispatched at the full rate of a queue', async () => {
    const world = await openWorld({ onAttempt: () => {} });
    const { client, clock, tasks, target } = world;
    const parent = await makeQueue(world, 'q');
    await client.pauseQueue({ name: parent });
    const count = 10_000;
    await inBatches(count, 250, () => enqueue(world, parent));
    expect(tasks.stats()[parent]?.tasks).toBe(count);
    // 500 per second would take 20 s of real time. Instead the clock advances 2 ms per arrival.
    target.reply = () => {
      clock.advance(2);
      tasks.wakeUp();
      return 200;
    };
    await client.resumeQueue({ name: parent });
    await target.arrivals.atLeast(count);
    expect(new Set(target.arrivals.all.map(({ task }) => task)).size).toBe(count);
  });
});
