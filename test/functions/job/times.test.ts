/** `startBy` and `finishBy`: a job ends in time, whatever it waits for. */
import { describe, expect, it } from 'vitest';
import { apiOf } from '../../support/api-client.ts';
import { accept, stored } from '../../support/jobs.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';

const MINUTE = 60_000;
const at = (world: World, ms: number): string => new Date(world.clock.now() + ms).toISOString();

describe('startBy', () => {
  it('ends a job that waits for quota at most two sweeps later, without a charge', async () => {
    const world = makeWorld();
    const retryAfterMs = 3600_000;
    world.vertex.onSubmit = () => ({
      kind: 'failed',
      signal: { kind: 'http', status: 429, message: 'quota', retryAfterMs },
    });
    const job = await accept(world, { startBy: at(world, 10 * MINUTE) });
    await runFor(world, 12 * MINUTE);
    const over = await stored(world, job);
    expect(over).toMatchObject({ status: 'failed', error: { code: 'NOT_STARTED_IN_TIME', charged: 'no' } });
    expect(over.updatedAt).toBeLessThanOrEqual(job.createdAt + 12 * MINUTE);
  });

  it('does not end a job that was submitted in time, however long it runs', async () => {
    const world = makeWorld();
    const job = await accept(world, { startBy: at(world, MINUTE) });
    await runFor(world, 5 * MINUTE);
    expect((await stored(world, job)).status).toBe('running');
  });
});

describe('finishBy', () => {
  it('ends a running job in time and keeps polling its attempt', async () => {
    const world = makeWorld();
    const job = await accept(world, { finishBy: at(world, 2 * MINUTE) });
    await runFor(world, 3 * MINUTE);
    const over = await stored(world, job);
    expect(over).toMatchObject({
      status: 'failed',
      error: { code: 'DEADLINE_EXCEEDED', charged: 'unknown' },
    });
    expect(over).toMatchObject({ finishedAt: job.deadlineAt, following: { attempt: { state: 'running' } } });
  });

  it('that passes during the paid call does not cut the call short', async () => {
    const world = makeWorld();
    const job = await accept(world, { finishBy: at(world, 10_000) });
    const { onSubmit } = world.vertex;
    world.vertex.onSubmit = async (call) => {
      await runFor(world, 150_000);
      return onSubmit(call);
    };
    await runFor(world, 151_000);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      following: { attempt: { state: 'running' } },
    });
  });
});

describe('invalid times', () => {
  it('are refused with the field’s name before anything is written', async () => {
    const world = makeWorld();
    const { post } = apiOf(world);
    for (const [times, field] of [
      [{ startBy: 'tomorrow' }, 'startBy'],
      [{ startBy: '2026-11-21' }, 'startBy'],
      [{ startBy: at(world, -1) }, 'startBy'],
      [{ finishBy: at(world, 0) }, 'finishBy'],
      // Cloud Tasks schedules at most 30 days ahead, so a deadline at that edge would have no wake.
      [{ finishBy: at(world, 29 * 24 * 60 * MINUTE + 1000) }, 'finishBy'],
      [{ startBy: at(world, 2 * MINUTE), finishBy: at(world, MINUTE) }, 'startBy'],
    ] as const) {
      const { status, body } = await post('/v1/jobs', { prompt: 'a cat', ...times });
      expect([status, body['errors']]).toMatchObject([400, [{ field }]]);
    }
    expect(world.jobs.writes).toBe(0);
  });
});
