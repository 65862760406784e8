/** Fair dispatch between callers and lanes, quotas, and a model that is over its quota. */
import { describe, expect, it } from 'vitest';
import type { Job, JobIn } from '../../../functions/core/job/job.ts';
import type { WakeTask } from '../../../functions/ports.ts';
import { apiOf } from '../../support/api-client.ts';
import { accept, finishesAfter, stored } from '../../support/jobs.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { deliver, runFor } from '../../support/run.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

describe('callers in one submit queue', () => {
  it('are served round-robin: a single job of another caller waits for one call, not for hundreds', async () => {
    const world = makeWorld();
    for (let n = 0; n < 300; n++) await accept(world, { prompt: `row ${n}` }, 'batcher');
    const single = await accept(world, {}, 'app');
    const next = async (): Promise<void> => {
      const task = world.tasks.take(world.clock.now());
      if (!task) throw new Error('no task');
      await deliver(world, task);
    };
    await next();
    await next();
    expect((await stored(world, single)).status).toBe('running');
  });

  it('have all of their jobs submitted, whichever caller’s task is delivered', async () => {
    const world = makeWorld();
    finishesAfter(world, 10 * SECOND);
    const jobs: Job[] = [];
    for (let n = 0; n < 60; n++) jobs.push(await accept(world, { prompt: `row ${n}` }, `caller-${n % 7}`));
    await runFor(world, 60 * MINUTE);
    for (const job of jobs) expect((await stored(world, job)).status).toBe('succeeded');
    expect(world.vertex.calls).toHaveLength(60);
  });
});

describe('the lanes of a model', () => {
  it('have separate queues and share the model’s quota', async () => {
    const plain = makeWorld().services.settings;
    const world = makeWorld({ settings: { ...plain, requestsPerMinute: 8 } });
    finishesAfter(world, 10 * SECOND);
    for (let n = 0; n < 20; n++) await accept(world, { prompt: `row ${n}`, lane: 'batch' });
    const waiting = await accept(world);
    expect(world.tasks.waiting.map(({ lane }) => lane).filter((lane) => lane === 'batch')).toHaveLength(20);
    await runFor(world, MINUTE);
    // The quota of one minute, plus the burst of a quarter of a minute.
    expect(world.vertex.calls.length).toBeLessThanOrEqual(8 + 2);
    await runFor(world, 20 * MINUTE);
    expect((await stored(world, waiting)).status).toBe('succeeded');
    expect(world.vertex.calls).toHaveLength(21);
  });
});

describe('a model that is over its quota', () => {
  it('gets no further calls until its Retry-After has passed, and other models continue', async () => {
    const world = makeWorld();
    const { onSubmit } = world.vertex;
    let refusals = 0;
    world.vertex.onSubmit = (call) => {
      if (call.stage.model !== 'veo-3.1-generate-001') return onSubmit(call);
      refusals++;
      return {
        kind: 'failed',
        signal: { kind: 'http', status: 429, message: 'quota', retryAfterMs: 10 * MINUTE },
      };
    };
    const slow: Job[] = [];
    for (let n = 0; n < 20; n++)
      slow.push(await accept(world, { prompt: `row ${n}`, model: 'veo-3.1-generate-001' }));
    const other = await accept(world, { model: 'veo-3.1-fast-generate-001' });
    await runFor(world, 9 * MINUTE);
    expect(refusals).toBe(1);
    expect((await stored(world, other)).status).toBe('running');
    for (const job of slow) expect((await stored(world, job)).status).toBe('queued');
    const reasons = await Promise.all(slow.map(({ jobId }) => apiOf(world).get(`/v1/jobs/${jobId}`)));
    for (const { body } of reasons) expect(body['reason']).toMatch(/^RESOURCE_EXHAUSTED: /);
    world.vertex.onSubmit = onSubmit;
    finishesAfter(world, 10 * SECOND);
    await runFor(world, 30 * MINUTE);
    for (const job of slow) expect((await stored(world, job)).status).toBe('succeeded');
  });
});

describe('a submit task that finds its model over quota', () => {
  const closeFor = async (world: World, ms: number): Promise<void> => {
    const closedUntil = world.clock.now() + ms;
    const model = { provider: 'vertex', model: 'veo-3.1-generate-001' } as const;
    await world.services.rateLimiters.update(model, (present) => ({ ...present, closedUntil }));
  };
  const queued = async (world: World, job: Job): Promise<JobIn<'queued'>> => {
    const present = await stored(world, job);
    if (present.status !== 'queued') throw new Error(`the job is ${present.status}`);
    return present;
  };
  const take = (world: World): WakeTask => {
    const task = world.tasks.take(world.clock.now());
    if (!task) throw new Error('no task is due');
    return task;
  };

  it('ends without an error, and one task replaces it at the time when the model is open again', async () => {
    const world = makeWorld();
    const job = await accept(world, { model: 'veo-3.1-generate-001' });
    await closeFor(world, 40 * SECOND);
    const openAt = world.clock.now() + 40 * SECOND;
    const task = take(world);
    await deliver(world, task);
    // Cloud Tasks delivers a task at least once. The second delivery adds no task.
    await deliver(world, task);
    expect(world.tasks.waiting).toHaveLength(1);
    const { wake } = await queued(world, job);
    expect(world.tasks.waiting[0]?.wake).toEqual(wake);
    expect(wake).toMatchObject({ seq: task.wake.seq, ring: 1 });
    expect(wake.at).toBeGreaterThanOrEqual(openAt);
    expect(wake.at).toBeLessThan(openAt + 10 * SECOND);
    world.clock.advance(wake.at - world.clock.now());
    await deliver(world, take(world));
    expect((await stored(world, job)).status).toBe('running');
  });

  it('is kept for the job whose own task has started another job', async () => {
    const world = makeWorld();
    const model = 'veo-3.1-generate-001';
    const jobs = [await accept(world, { model }, 'a'), await accept(world, { model }, 'b')];
    const [first] = jobs;
    // The task of the second job starts the first one.
    const [own, other] = world.tasks.waiting;
    if (!own || !other || !first) throw new Error('two tasks expected');
    const started = other.jobId === first.jobId ? own : other;
    await deliver(world, world.tasks.remove(started));
    expect((await stored(world, first)).status).toBe('running');
    await closeFor(world, 40 * SECOND);
    const left = world.tasks.waiting.find(({ target }) => target === 'submit');
    if (!left) throw new Error('one submit task expected');
    await deliver(world, world.tasks.remove(left));
    const waiting = world.tasks.waiting.filter(({ target }) => target === 'submit');
    expect(waiting).toMatchObject([{ jobId: first.jobId, wake: { ring: 1 } }]);
  });

  it('does not outlive a job that is past its time', async () => {
    const world = makeWorld();
    const job = await accept(world, { model: 'veo-3.1-generate-001' });
    await closeFor(world, 40 * SECOND);
    world.clock.advance(25 * 60 * MINUTE);
    await closeFor(world, 40 * SECOND);
    await deliver(world, take(world));
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      error: { code: 'DEADLINE_EXCEEDED' },
    });
    expect(world.tasks.waiting).toEqual([]);
  });
});

describe('a submit task that cannot prepare its call', () => {
  it('starts another job if its job was started by another task meanwhile', async () => {
    const world = makeWorld();
    const jobs = [await accept(world, { prompt: 'one' }), await accept(world, { prompt: 'two' })];
    const { prepare } = world.vertex;
    const [own, other] = world.tasks.waiting;
    if (!own || !other) throw new Error('two tasks expected');
    world.vertex.prepare = async () => {
      world.vertex.prepare = prepare;
      await deliver(world, world.tasks.remove(other));
      throw new Error('no credentials');
    };
    await deliver(world, world.tasks.remove(own));
    for (const job of jobs) expect((await stored(world, job)).status).toBe('running');
  });
});
