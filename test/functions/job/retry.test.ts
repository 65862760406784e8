/** Retrying a failed job: never a second charge without the caller's consent. */
import { describe, expect, it } from 'vitest';
import { doubleChargeRisk, retryJob } from '../../../functions/core/job/retry.ts';
import { createApi } from '../../../functions/handlers/api/api.ts';
import { apiOf } from '../../support/api-client.ts';
import { accept, finishesAfter, stored } from '../../support/jobs.ts';
import { makeWorld } from '../../support/memory.ts';
import { MemoryJobStore } from '../../support/memory-jobs.ts';
import { runFor } from '../../support/run.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const REFUSED = { kind: 'failed', signal: { kind: 'http', status: 403, message: 'no access' } } as const;

describe('a retry', () => {
  it('of a job that was not charged is a new job, the same one for every request', async () => {
    const world = makeWorld();
    const { onSubmit } = world.vertex;
    world.vertex.onSubmit = () => REFUSED;
    const job = await accept(world);
    await runFor(world, HOUR);
    const failed = await stored(world, job);
    world.vertex.onSubmit = onSubmit;
    finishesAfter(world, MINUTE);
    const { post, get } = apiOf(world);
    const first = await post(`/v1/jobs/${job.jobId}/retry`);
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({ status: 'queued', retryOf: job.jobId });
    const again = await post(`/v1/jobs/${job.jobId}/retry`, {});
    expect([again.status, again.body['id']]).toEqual([200, first.body['id']]);
    await runFor(world, HOUR);
    expect((await get(`/v1/jobs/${first.body['id']}`)).body).toMatchObject({ status: 'succeeded' });
    const after = await stored(world, job);
    expect(after).toEqual({
      ...failed,
      retriedBy: first.body['id'],
      ...{ revision: failed.revision + 1, updatedAt: after.updatedAt },
    });
    expect((await get(`/v1/jobs/${job.jobId}`)).body).toMatchObject({
      status: 'failed',
      retriedBy: first.body['id'],
    });
  });

  it('works with an empty body: every HTTP POST has a body stream, even without bytes', async () => {
    for (const type of [{}, { 'content-type': 'application/json' }]) {
      const world = makeWorld();
      world.vertex.onSubmit = () => REFUSED;
      const job = await accept(world);
      await runFor(world, HOUR);
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      await Promise.all([
        writable.close(),
        expect(
          createApi(world.services).request(`/v1/jobs/${job.jobId}/retry`, {
            method: 'POST',
            headers: { 'x-test-caller': 'local', ...type },
            ...{ body: readable, duplex: 'half' },
          }),
        ).resolves.toMatchObject({ status: 201 }),
      ]);
    }
  });

  it('is created only once, even after its record has expired: the failed job names it', async () => {
    const world = makeWorld();
    world.vertex.onSubmit = () => ({ kind: 'failed', signal: { kind: 'timeout', message: 'no answer' } });
    const job = await accept(world);
    await runFor(world, HOUR);
    const made = await apiOf(world).post(`/v1/jobs/${job.jobId}/retry`, { acceptDoubleCharge: true });
    expect(made.status).toBe(201);
    const kept = new MemoryJobStore();
    await kept.create(await stored(world, job));
    const later = { ...world, jobs: kept, services: { ...world.services, jobs: kept } };
    const refused = await apiOf(later).post(`/v1/jobs/${job.jobId}/retry`, { acceptDoubleCharge: true });
    expect(refused).toMatchObject({ status: 409, body: { type: 'urn:clapper:problem:retried-before' } });
    expect(refused.body['detail']).toContain(`retried as ${made.body['id']}, whose record has been deleted`);
    const redriven = await apiOf(later, 'operator').post('/v1/redrives', {
      all: true,
      acceptDoubleCharge: true,
    });
    expect(redriven.body).toMatchObject({
      retried: [],
      left: [{ job: job.jobId, why: expect.stringContaining('already retried') }],
    });
    expect(await kept.all()).toHaveLength(1);
  });

  it('is stored together with the mark on its job, and ten concurrent requests create one', async () => {
    const world = makeWorld();
    world.vertex.onSubmit = () => REFUSED;
    const job = await accept(world);
    await runFor(world, HOUR);
    const { post } = apiOf(world);
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(`/v1/jobs/${job.jobId}/retry`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([
      ...Array.from({ length: 9 }, () => 200),
      201,
    ]);
    expect(await stored(world, job)).toMatchObject({ retriedBy: answers[0]?.body['id'] });
    expect(await world.jobs.all()).toHaveLength(2);
  });

  it('of an attempt that an operator resolved as charged does not suggest an operator again', async () => {
    const world = makeWorld();
    world.vertex.onSubmit = () => ({ kind: 'failed', signal: { kind: 'timeout', message: 'no answer' } });
    const job = await accept(world);
    await runFor(world, HOUR);
    const { post } = apiOf(world);
    const detail = async () => String((await post(`/v1/jobs/${job.jobId}/retry`)).body['detail']);
    expect(await detail()).toContain('operator');
    await apiOf(world, 'operator').post(`/v1/jobs/${job.jobId}/resolve`, { decision: 'charged' });
    expect(await detail()).toMatch(/was charged .*acceptDoubleCharge.* to retry anyway\.$/);
  });

  it('of a job that may have been charged requires acceptDoubleCharge', async () => {
    const world = makeWorld();
    world.vertex.onSubmit = () => ({ kind: 'failed', signal: { kind: 'timeout', message: 'no answer' } });
    const job = await accept(world);
    await runFor(world, HOUR);
    const { post } = apiOf(world);
    const refused = await post(`/v1/jobs/${job.jobId}/retry`);
    expect(refused).toMatchObject({ status: 409, body: { type: 'urn:clapper:problem:may-pay-twice' } });
    expect(refused.body['detail']).toContain('$0.8');
    expect((await post(`/v1/jobs/${job.jobId}/retry`, { acceptDoubleCharge: 'yes' })).status).toBe(400);
    expect((await post(`/v1/jobs/${job.jobId}/retry`, { acceptDoubleCharge: true })).status).toBe(201);
  });

  it('is refused for a job that has not failed, and for another caller’s job', async () => {
    const world = makeWorld();
    const job = await accept(world);
    expect((await apiOf(world).post(`/v1/jobs/${job.jobId}/retry`)).status).toBe(409);
    expect((await apiOf(world, 'somebody').post(`/v1/jobs/${job.jobId}/retry`)).status).toBe(404);
  });

  it('does not pay again for stages that have landed', async () => {
    const world = makeWorld();
    finishesAfter(world, MINUTE);
    const { onSubmit } = world.vertex;
    world.vertex.onSubmit = (call) => (call.stage.kind === 'extend' ? REFUSED : onSubmit(call));
    const job = await accept(world, { extensions: [{ prompt: 'and on' }] });
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      attempts: [{ outcome: 'landed' }, {}],
    });
    world.vertex.onSubmit = onSubmit;
    const made = await apiOf(world).post(`/v1/jobs/${job.jobId}/retry`);
    expect(made.body).toMatchObject({ priceUsd: { estimate: 0.7 } });
    await runFor(world, HOUR);
    const done = await world.jobs.get(String(made.body['id']));
    expect(done).toMatchObject({ status: 'succeeded', attempts: [{ stage: 1, outcome: 'landed' }] });
    expect(world.vertex.calls.map(({ stage }) => stage.kind)).toEqual(['video', 'extend', 'extend']);
  });

  it('of a job whose landing failed stores its videos and pays nothing', async () => {
    const world = makeWorld();
    finishesAfter(world, MINUTE);
    const job = await accept(world);
    await runFor(world, 30_000);
    world.output.failNext = 1000;
    await runFor(world, 12 * HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      error: { code: 'LANDING_FAILED', charged: 'yes' },
    });
    world.output.failNext = 0;
    const made = await apiOf(world).post(`/v1/jobs/${job.jobId}/retry`);
    expect(made).toMatchObject({ status: 201, body: { status: 'landing' } });
    await runFor(world, HOUR);
    const done = await world.jobs.get(String(made.body['id']));
    expect(done).toMatchObject({
      status: 'succeeded',
      videos: [{ bytes: 5 }],
      attempts: [{ reservedUsd: 0 }],
    });
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('of a job whose videos landed after its deadline succeeds at once', async () => {
    const world = makeWorld();
    finishesAfter(world, 3 * MINUTE);
    const finishBy = new Date(world.clock.now() + MINUTE).toISOString();
    const job = await accept(world, { finishBy });
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      error: { code: 'DEADLINE_EXCEEDED' },
      attempts: [{ outcome: 'landed', charged: 'yes' }],
    });
    const made = await apiOf(world).post(`/v1/jobs/${job.jobId}/retry`);
    expect(made.body).toMatchObject({
      status: 'succeeded',
      videos: [{ bytes: 5 }],
      priceUsd: { charged: 0 },
    });
    expect(world.vertex.calls).toHaveLength(1);
    // Nothing is left to do, so the job must have no wake: the sweep would find it every minute for ever.
    expect(await world.jobs.overdue(Number.MAX_SAFE_INTEGER, 10)).toEqual([]);
  });

  it('of a job whose bucket failed lists it again, even if the answer named no videos', async () => {
    const world = makeWorld();
    const result = { sources: [], filteredCount: 0, filteredReasons: [] };
    world.vertex.onPoll = () => ({ kind: 'done', result });
    const job = await accept(world);
    await runFor(world, 5000);
    world.output.failNext = 1000;
    await runFor(world, 12 * HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      error: { code: 'LANDING_FAILED', charged: 'unknown' },
    });
    world.output.failNext = 0;
    const made = await apiOf(world).post(`/v1/jobs/${job.jobId}/retry`);
    expect(made).toMatchObject({ status: 201, body: { status: 'landing' } });
    await runFor(world, HOUR);
    expect(await world.jobs.get(String(made.body['id']))).toMatchObject({ error: { code: 'NO_VIDEOS' } });
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('lands the generated videos, even if a later attempt has ended', async () => {
    const world = makeWorld();
    finishesAfter(world, MINUTE);
    const job = await accept(world);
    await runFor(world, 30_000);
    world.output.failNext = 1000;
    await runFor(world, 12 * HOUR);
    const failed = await stored(world, job);
    const [made] = failed.attempts;
    if (failed.status !== 'failed' || !made) throw new Error('it did not fail');
    const unknown = { ...made, attemptId: 'att_unknown', outcome: 'unknown', charged: 'unknown' } as const;
    const error = { code: 'OUTCOME_UNKNOWN', message: '', retryable: true, charged: 'unknown' } as const;
    const both = { ...failed, attempts: [made, { ...unknown, error }] };
    expect(doubleChargeRisk(both)).toBeUndefined();
    const seed = { jobId: 'job_retry', estimateUsd: 0, deadlineAt: failed.deadlineAt };
    expect(retryJob(both, seed, world.clock.now()).job).toMatchObject({
      status: 'landing',
      attempt: { attemptId: made.attemptId, reservedUsd: 0 },
    });
  });
});
