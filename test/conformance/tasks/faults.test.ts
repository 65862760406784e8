import { describe, expect, it } from 'vitest';
import type { TaskFaults } from '../../../infra/tasks/server.ts';
import { Code, dispatched, enqueue, makeQueue, openWorld, SEED, secondsFrom, seeded } from './support.ts';

describe(`injected faults (SEED=${SEED})`, () => {
  it('without faults every task arrives once, in creation order', async () => {
    const world = await openWorld();
    const parent = await makeQueue(world, 'q', { rateLimits: { maxConcurrentDispatches: 1 } });
    for (let i = 0; i < 30; i++) await enqueue(world, parent, `t${i}`);
    await world.attempts.atLeast(30);
    expect(await dispatched(world)).toBe(30);
    expect(world.target.arrivals.all.map(({ task }) => task)).toEqual(
      Array.from({ length: 30 }, (_, i) => `t${i}`),
    );
  });

  it('a duplicate repeats the same request, and its response has no effect', async () => {
    const world = await openWorld({ random: seeded(SEED), faults: { duplicateRate: 1 } });
    const { client, target, attempts, tasks } = world;
    const parent = await makeQueue(world, 'q');
    let answers = 0;
    target.reply = () => (answers++ === 0 ? 200 : 500);
    const name = await enqueue(world, parent, 'twice');
    await attempts.atLeast(2);
    const [first, second] = target.arrivals.all;
    expect(second?.headers).toEqual(first?.headers);
    expect(attempts.all.map(({ isDuplicate }) => isDuplicate).sort()).toEqual([false, true]);
    // Either of the two may have got the 500. Only the response to the task's own delivery counts.
    const own = attempts.all.find(({ isDuplicate }) => !isDuplicate);
    const left = client.getTask({ name }).then(
      () => 'retrying',
      () => 'succeeded',
    );
    expect(await left).toBe(own?.end);
    expect(tasks.stats()[parent]).toMatchObject({ duplicates: 1, attempts: 2 });
  });

  it('a duplicate may arrive long after the task has completed', async () => {
    const world = await openWorld({
      random: () => 0.5,
      faults: { duplicateRate: 1, maxDelayMs: 60_000 },
    });
    const parent = await makeQueue(world, 'q');
    await enqueue(world, parent, 'twice');
    expect((await world.attempts.at(0)).end).toBe('succeeded');
    world.advance(30_000);
    expect(await world.attempts.at(1)).toMatchObject({ end: 'repeated', attempt: 1, isDuplicate: true });
  });

  it('duplicates about the configured share of deliveries', async () => {
    const world = await openWorld({ random: seeded(SEED), faults: { duplicateRate: 0.2 } });
    const parent = await makeQueue(world, 'q');
    const count = 300;
    await Promise.all(Array.from({ length: count }, (_, i) => enqueue(world, parent, `t${i}`)));
    while (world.tasks.stats()[parent]?.succeeded !== count) {
      await world.attempts.atLeast(world.attempts.all.length + 1);
      world.advance(10);
    }
    world.advance(1000);
    await world.attempts.atLeast(await dispatched(world));
    const arrived = new Set(world.target.arrivals.all.map(({ task }) => task));
    expect(arrived.size).toBe(count);
    const { duplicates = 0 } = world.tasks.stats()[parent] ?? {};
    // The expected value is 60 with a standard deviation of 7.
    expect(duplicates).toBeGreaterThan(25);
    expect(duplicates).toBeLessThan(95);
    expect(world.target.arrivals.all).toHaveLength(count + duplicates);
  });

  it('a delayed task keeps its schedule time and is late by at most maxDelayMs', async () => {
    const world = await openWorld({ random: () => 0.9, faults: { delayRate: 1, maxDelayMs: 10_000 } });
    const { client, clock, target } = world;
    const parent = await makeQueue(world, 'q');
    const at = clock.now() + 1000;
    const name = await enqueue(world, parent, 'late', { scheduleTime: secondsFrom(at) });
    world.advance(9_999);
    expect(await dispatched(world)).toBe(0);
    const [task] = await client.getTask({ name });
    expect(Number(task.scheduleTime?.seconds) * 1000).toBe(at);
    world.advance(1);
    const { headers } = await target.arrivals.at(0);
    expect(headers['x-cloudtasks-tasketa']).toBe((at / 1000).toFixed(6));
  });

  it('a lost task is deleted like a completed one, and no request arrives', async () => {
    const world = await openWorld({ faults: { lossRate: 1 } });
    const { client, target, attempts, tasks } = world;
    const parent = await makeQueue(world, 'q');
    const name = await enqueue(world, parent, 'lost');
    expect(await attempts.at(0)).toMatchObject({ end: 'lost', task: name });
    await expect(client.getTask({ name })).rejects.toMatchObject({ code: Code.NOT_FOUND });
    await expect(enqueue(world, parent, 'lost')).rejects.toMatchObject({ code: Code.ALREADY_EXISTS });
    tasks.setFaults({ lossRate: 0 });
    await enqueue(world, parent, 'kept');
    expect((await target.arrivals.at(0)).task).toBe('kept');
    await attempts.at(1);
    expect(tasks.stats()[parent]).toMatchObject({ lost: 1, attempts: 1 });
  });

  it('reordering shuffles due tasks, loses none, and is repeatable with a seed', async () => {
    const ids = Array.from({ length: 100 }, (_, i) => `t${i}`);
    const run = async (): Promise<readonly string[]> => {
      const world = await openWorld({ random: seeded(SEED), faults: { reorder: true } });
      const parent = await makeQueue(world, 'q', { rateLimits: { maxConcurrentDispatches: 1 } });
      await world.client.pauseQueue({ name: parent });
      for (const id of ids) await enqueue(world, parent, id);
      await world.client.resumeQueue({ name: parent });
      const arrivals = await world.target.arrivals.atLeast(ids.length);
      return arrivals.map(({ task }) => task);
    };
    const order = await run();
    expect([...order].sort()).toEqual([...ids].sort());
    expect(order).not.toEqual(ids);
    expect(await run()).toEqual(order);
  });

  it('faults out of range are rejected and leave the current ones unchanged', async () => {
    const world = await openWorld({ faults: { lossRate: 0.5 } });
    const outOfRange: Partial<TaskFaults>[] = [
      { lossRate: 1.1 },
      { duplicateRate: -0.1 },
      { delayRate: Number.NaN },
      { maxDelayMs: -1 },
    ];
    for (const faults of outOfRange) {
      expect(() => world.tasks.setFaults(faults)).toThrow(RangeError);
    }
    await expect(openWorld({ faults: { maxDelayMs: Number.POSITIVE_INFINITY } })).rejects.toThrow(RangeError);
  });
});
