/** A restored database: the handlers continue on a copy of the jobs that is older than the models, tasks and buckets. */
import { describe, expect, it } from 'vitest';
import type { Job } from '../../../functions/core/job/job.ts';
import { createJob } from '../../../functions/handlers/job/create-job.ts';
import { retry } from '../../../functions/handlers/job/retry-job.ts';
import { handleSweep } from '../../../functions/handlers/sweep.ts';
import type { PaidCall } from '../../../functions/ports.ts';
import { accept, finishesAfter, stored } from '../../support/jobs.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { MemoryJobStore } from '../../support/memory-jobs.ts';
import { runFor } from '../../support/run.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const PAUSE_MS = 15 * MINUTE;

/** A copy of all jobs, at this moment. */
async function copyOf(world: World): Promise<{ readonly jobs: readonly Job[]; readonly at: number }> {
  return { jobs: await world.jobs.all(), at: world.clock.now() };
}

/** The world with the jobs of the copy; buckets, tasks, models and clock are as they are. */
async function restore(world: World, copy: Awaited<ReturnType<typeof copyOf>>): Promise<World> {
  const jobs = new MemoryJobStore();
  jobs.batches = world.batches;
  for (const job of copy.jobs) await jobs.create(job);
  world.clock.advance(PAUSE_MS);
  const restored = { copiedAt: copy.at, resumedAt: world.clock.now() };
  const services = { ...world.services, jobs, settings: { ...world.services.settings, restored } };
  return { ...world, jobs, services };
}

/** The paid calls that may have been charged, by job and stage. A call that is refused is free. */
const paidFor = (calls: readonly PaidCall[], free: ReadonlySet<string>): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const { jobId, attemptId, stage } of calls) {
    if (free.has(attemptId)) continue;
    const key = `${jobId} ${stage.kind} ${stage.prompt}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
};

const twice = (world: World, free: ReadonlySet<string> = new Set()): string[] =>
  [...paidFor([...world.vertex.calls, ...world.gemini.calls], free)]
    .filter(([, count]) => count > 1)
    .map(([key]) => key);

describe('a job that was queued at the time of the copy and paid for after it', () => {
  it('is not paid for again: its attempt is continued, and its videos land', async () => {
    const world = makeWorld();
    finishesAfter(world, 2 * MINUTE);
    const job = await accept(world);
    const copy = await copyOf(world);
    await runFor(world, HOUR);
    const before = await stored(world, job);

    const restored = await restore(world, copy);
    await runFor(restored, HOUR);
    const after = await stored(restored, job);
    expect(after.status).toBe('succeeded');
    expect(after.attempts).toMatchObject([{ attemptId: before.attempts[0]?.attemptId, outcome: 'landed' }]);
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('is reported as unknown if the answer to its call is lost too and it left no object', async () => {
    const world = makeWorld();
    world.vertex.onSubmit = async () => ({
      kind: 'failed',
      signal: { kind: 'timeout', message: 'no answer' },
    });
    const job = await accept(world);
    const copy = await copyOf(world);
    await runFor(world, HOUR);

    const restored = await restore(world, copy);
    await runFor(restored, HOUR);
    expect(await stored(restored, job)).toMatchObject({
      status: 'failed',
      error: { code: 'OUTCOME_UNKNOWN', charged: 'unknown' },
    });
    expect(await restored.jobs.totalAtStakeUsd()).toBeGreaterThan(0);
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('does not end as unpaid at its deadline, so that a retry does not pay again', async () => {
    const world = makeWorld();
    finishesAfter(world, 2 * MINUTE);
    const job = await accept(world);
    const copy = await copyOf(world);
    await runFor(world, HOUR);
    world.clock.advance(72 * HOUR);

    const restored = await restore(world, copy);
    await handleSweep(restored.services);
    await runFor(restored, HOUR);
    const after = await stored(restored, job);
    expect(after.attempts).toMatchObject([{ outcome: 'landed', charged: 'yes' }]);
    await retry(restored.services, after, { acceptDoubleCharge: false });
    await runFor(restored, HOUR);
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('is submitted once more if it was refused for free', async () => {
    const world = makeWorld();
    finishesAfter(world, 2 * MINUTE);
    const { onSubmit } = world.vertex;
    let refusals = 1;
    world.vertex.onSubmit = async (call) =>
      refusals-- > 0
        ? { kind: 'failed', signal: { kind: 'http', status: 429, message: 'quota' } }
        : onSubmit(call);
    const job = await accept(world);
    const copy = await copyOf(world);
    await runFor(world, 1);
    const restored = await restore(world, copy);
    await runFor(restored, HOUR);
    expect(await stored(restored, job)).toMatchObject({ status: 'succeeded' });
    expect(world.vertex.calls).toHaveLength(2);
  });
});

describe('a job that was being submitted at the time of the copy', () => {
  const GEMINI = { model: 'veo-3.1-fast-generate-preview' };

  it('is polled under the operation that was noted after the copy', async () => {
    const world = makeWorld();
    let copy: Awaited<ReturnType<typeof copyOf>> | undefined;
    const { onSubmit } = world.gemini;
    world.gemini.onSubmit = async (call) => {
      copy = await copyOf(world);
      return onSubmit(call);
    };
    const job = await accept(world, GEMINI);
    await runFor(world, 1);
    expect(copy?.jobs).toMatchObject([{ status: 'submitting' }]);
    if (!copy) throw new Error('no copy');

    const restored = await restore(world, copy);
    await runFor(restored, 5 * MINUTE);
    expect(await stored(restored, job)).toMatchObject({
      status: 'running',
      attempt: { operation: { name: 'operations/1' } },
    });
    expect(world.gemini.calls).toHaveLength(1);
  });

  it('is continued if the copy was made between its note and its claim', async () => {
    const world = makeWorld();
    finishesAfter(world, 2 * MINUTE);
    let copy: Awaited<ReturnType<typeof copyOf>> | undefined;
    const { output } = world;
    const writeOnce = output.writeOnce.bind(output);
    output.writeOnce = async (...args) => {
      await writeOnce(...args);
      world.clock.advance(20_000);
      copy ??= await copyOf(world);
    };
    const job = await accept(world);
    await runFor(world, HOUR);
    expect(copy?.jobs).toMatchObject([{ status: 'queued' }]);
    if (!copy) throw new Error('no copy');

    const restored = await restore(world, copy);
    await runFor(restored, HOUR);
    expect(await stored(restored, job)).toMatchObject({ status: 'succeeded' });
    expect(world.vertex.calls).toHaveLength(1);
  });
});

describe('a failed job that was retried after the copy', () => {
  it('is retried by the same job, which finds the videos and pays nothing', async () => {
    const world = makeWorld();
    finishesAfter(world, 2 * MINUTE);
    const { onSubmit } = world.vertex;
    let refusals = 1;
    world.vertex.onSubmit = async (call) =>
      refusals-- > 0
        ? { kind: 'failed', signal: { kind: 'http', status: 400, message: 'bad prompt' } }
        : onSubmit(call);
    const job = await accept(world);
    await runFor(world, MINUTE);
    const copy = await copyOf(world);
    const failed = await stored(world, job);
    expect(failed.status).toBe('failed');
    const first = await retry(world.services, failed, { acceptDoubleCharge: false });
    await runFor(world, HOUR);

    const restored = await restore(world, copy);
    const second = await retry(restored.services, await stored(restored, job), { acceptDoubleCharge: false });
    await runFor(restored, HOUR);
    expect(second.job.jobId).toBe(first.job.jobId);
    expect(await stored(restored, second.job)).toMatchObject({ status: 'succeeded' });
    expect(world.vertex.calls).toHaveLength(2);
  });
});

describe('a job that was accepted after the copy', () => {
  it('is missing; the same request with the same Idempotency-Key finds its videos and pays nothing', async () => {
    const world = makeWorld();
    finishesAfter(world, 2 * MINUTE);
    const copy = await copyOf(world);
    const request = { caller: 'local', body: { prompt: 'a hen' }, idempotencyKey: 'hen-1' };
    const { job } = await createJob(world.services, request);
    await runFor(world, HOUR);

    const restored = await restore(world, copy);
    expect(await restored.jobs.get(job.jobId)).toBeUndefined();
    await createJob(restored.services, request);
    await runFor(restored, HOUR);
    expect(await stored(restored, job)).toMatchObject({ status: 'succeeded' });
    expect(world.vertex.calls).toHaveLength(1);
  });
});

describe('a restored database', () => {
  it('pays for no stage twice, whatever the time of the copy and of the restoration', async () => {
    for (let copiedAfterMinutes = 0; copiedAfterMinutes <= 9; copiedAfterMinutes++) {
      for (const lostMinutes of [0.5, 3, 60]) {
        const { world, jobs, free } = await busyWorld();
        await runFor(world, copiedAfterMinutes * MINUTE);
        const copy = await copyOf(world);
        await runFor(world, lostMinutes * MINUTE);
        const restored = await restore(world, copy);
        await runFor(restored, 6 * HOUR);
        const when = `copied after ${copiedAfterMinutes} min, lost ${lostMinutes} min`;
        expect(twice(world, free), when).toEqual([]);
        for (const job of jobs)
          expect((await stored(restored, job)).status, `${when}: ${job.request.prompt}`).toBe('succeeded');
      }
    }
  });

  it('would pay twice without the times of the restoration', async () => {
    const world = makeWorld();
    finishesAfter(world, 2 * MINUTE);
    await accept(world);
    const copy = await copyOf(world);
    await runFor(world, HOUR);
    const restored = await restore(world, copy);
    const { restored: _, ...settings } = restored.services.settings;
    await runFor({ ...restored, services: { ...restored.services, settings } }, HOUR);
    expect(twice(world)).toHaveLength(1);
  });
});

/** Single videos, a chain of three calls, and a job whose first operation fails at no charge. */
async function busyWorld() {
  const world = makeWorld();
  finishesAfter(world, 2 * MINUTE);
  const free = new Set<string>();
  const { onSubmit, onPoll } = world.vertex;
  const failing = new Set<string>();
  world.vertex.onSubmit = async (call) => {
    const answer = await onSubmit(call);
    const isFirst = call.stage.prompt === 'an unlucky hen' && failing.size === 0;
    if (isFirst && answer.kind === 'accepted') {
      failing.add(answer.operation.name);
      free.add(call.attemptId);
    }
    return answer;
  };
  world.vertex.onPoll = async (operation) => {
    const answer = await onPoll(operation);
    return answer.kind === 'done' && failing.has(operation.name)
      ? { kind: 'error', code: 13, message: 'internal' }
      : answer;
  };
  const jobs = [
    await accept(world, { prompt: 'a hen' }),
    await accept(world, { prompt: 'a cow' }),
    await accept(world, { prompt: 'an unlucky hen' }),
    await accept(world, { prompt: 'a pig', extensions: [{ prompt: 'it runs' }, { prompt: 'it sleeps' }] }),
  ];
  return { world, jobs, free };
}
