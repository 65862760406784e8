/** The operators' routes: attempts with an unknown outcome, and redrives of failed jobs. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Job } from '../../../functions/core/job/job.ts';
import { apiOf } from '../../support/api-client.ts';
import { accept, finishesAfter, stored } from '../../support/jobs.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A job whose paid call was never answered. After `runMs` its attempt is still uncertain, or has ended as unknown. */
async function lostCall(runMs: number): Promise<{ world: World; job: Job; attemptId: string }> {
  const world = makeWorld();
  const { onSubmit } = world.vertex;
  world.vertex.onSubmit = () => {
    world.vertex.onSubmit = onSubmit;
    return { kind: 'failed', signal: { kind: 'timeout', message: 'no answer' } };
  };
  const job = await accept(world);
  await runFor(world, runMs);
  const now = await stored(world, job);
  const attemptId = ('attempt' in now ? now.attempt : now.attempts[0])?.attemptId ?? '';
  return { world, job, attemptId };
}

const resolvePath = ({ jobId }: Job): string => `/v1/jobs/${jobId}/resolve`;

describe('money at stake', () => {
  it('is listed with amount, cause and output prefix, both while the attempt is uncertain and after it has ended', async () => {
    const { world, job, attemptId } = await lostCall(MINUTE);
    const operator = apiOf(world, 'operator');
    const open = { job: job.jobId, caller: 'local', attempt: attemptId, atStakeUsd: 0.8 };
    expect((await operator.get('/v1/at-stake')).body).toMatchObject({
      atStakeUsd: 0.8,
      attempts: [
        { ...open, state: 'uncertain', cause: 'no answer', outputPrefix: `jobs/${job.jobId}/${attemptId}/` },
      ],
    });
    await runFor(world, HOUR);
    expect((await operator.get('/v1/at-stake')).body).toMatchObject({
      atStakeUsd: 0.8,
      attempts: [{ ...open, state: 'unknown', status: 'failed' }],
    });
  });

  it('is listed by page, each attempt once, with the total of all attempts on every page', async () => {
    const world = makeWorld();
    world.vertex.onSubmit = () => ({ kind: 'failed', signal: { kind: 'timeout', message: 'no answer' } });
    for (let n = 0; n < 5; n++) await accept(world, { durationSeconds: n % 2 === 0 ? 4 : 8 });
    await runFor(world, HOUR);
    const { get } = apiOf(world, 'operator');
    const seen: unknown[] = [];
    for (let path = '/v1/at-stake?pageSize=2'; ; ) {
      const { body } = await get(path);
      expect(body['atStakeUsd']).toBe(2.8);
      seen.push(...z.array(z.unknown()).parse(body['attempts']));
      if (body['nextPageToken'] === undefined) break;
      path = `/v1/at-stake?pageSize=2&pageToken=${body['nextPageToken']}`;
    }
    expect(seen).toMatchObject([0.8, 0.8, 0.4, 0.4, 0.4].map((atStakeUsd) => ({ atStakeUsd })));
    expect(new Set(seen.map((attempt) => z.object({ job: z.string() }).parse(attempt).job)).size).toBe(5);
    for (const query of ['pageSize=0', 'pageSize=201', 'pageToken=x', 'caller=me'])
      expect((await get(`/v1/at-stake?${query}`)).status, query).toBe(400);
    const ofJobs = (await get('/v1/jobs?caller=*&pageSize=1')).body['nextPageToken'];
    expect((await get(`/v1/at-stake?pageToken=${ofJobs}`)).status).toBe(400);
  });

  it('is visible to operators only, and so are all jobs', async () => {
    const { world, job } = await lostCall(MINUTE);
    for (const [method, path] of [
      ['get', '/v1/at-stake'],
      ['post', resolvePath(job)],
      ['post', '/v1/redrives'],
    ] as const) {
      expect((await apiOf(world)[method](path, { decision: 'fail' })).status).toBe(403);
    }
    expect((await apiOf(world, 'somebody').get(`/v1/jobs/${job.jobId}`)).status).toBe(404);
    expect((await apiOf(world, 'operator').get(`/v1/jobs/${job.jobId}`)).status).toBe(200);
    expect((await apiOf(world, 'somebody').get('/v1/jobs?caller=*')).status).toBe(400);
    expect((await apiOf(world, 'operator').get('/v1/jobs?caller=*')).body).toMatchObject({
      jobs: [{ id: job.jobId }],
    });
  });
});

describe('an operator’s decision on an uncertain attempt', () => {
  it('not-charged: the job is submitted again at once', async () => {
    const { world, job } = await lostCall(MINUTE);
    const ruled = await apiOf(world, 'operator').post(resolvePath(job), {
      decision: 'not-charged',
      note: 'logs',
    });
    expect(ruled.body).toMatchObject({ status: 'queued' });
    finishesAfter(world, MINUTE);
    await runFor(world, HOUR);
    const done = await stored(world, job);
    expect(done.status).toBe('succeeded');
    expect(done.attempts).toMatchObject([
      { outcome: 'failed', charged: 'no', resolved: { by: 'operator', note: 'logs' } },
      { outcome: 'landed' },
    ]);
  });

  it('found: the operation is polled until it ends', async () => {
    const { world, job } = await lostCall(MINUTE);
    const path = resolvePath(job);
    expect((await apiOf(world, 'operator').post(path, { decision: 'found' })).status).toBe(400);
    await apiOf(world, 'operator').post(path, {
      decision: 'found',
      operationName: 'projects/p/operations/7',
    });
    const now = await stored(world, job);
    expect(now).toMatchObject({
      status: 'running',
      attempt: { operation: { name: 'projects/p/operations/7' } },
    });
  });

  it('charged and fail: the job ends with the charge that is known', async () => {
    for (const [decision, charged, code] of [
      ['charged', 'yes', 'RESULT_LOST'],
      ['fail', 'unknown', 'OUTCOME_UNKNOWN'],
    ]) {
      const { world, job } = await lostCall(MINUTE);
      await apiOf(world, 'operator').post(resolvePath(job), { decision });
      expect(await stored(world, job)).toMatchObject({ status: 'failed', error: { code, charged } });
      await runFor(world, HOUR);
      expect(world.vertex.calls).toHaveLength(1);
    }
  });

  it('resubmit: the job is submitted again, even if the policy forbids that', async () => {
    const { world, job } = await lostCall(MINUTE);
    await apiOf(world, 'operator').post(resolvePath(job), { decision: 'resubmit' });
    finishesAfter(world, MINUTE);
    await runFor(world, HOUR);
    expect((await stored(world, job)).status).toBe('succeeded');
    expect(world.vertex.calls).toHaveLength(2);
    expect((await apiOf(world, 'operator').get('/v1/at-stake')).body).toMatchObject({ atStakeUsd: 0.8 });
  });

  it('after the job has ended: only the charge changes', async () => {
    const { world, job } = await lostCall(HOUR);
    const before = await stored(world, job);
    expect((await apiOf(world, 'operator').post(resolvePath(job), { decision: 'resubmit' })).status).toBe(
      409,
    );
    expect((await apiOf(world, 'operator').post(resolvePath(job), { decision: 'not-charged' })).status).toBe(
      200,
    );
    const after = await stored(world, job);
    expect(after).toMatchObject({ status: 'failed', attempts: [{ outcome: 'unknown', charged: 'no' }] });
    expect({ ...after, attempts: 0, revision: 0, updatedAt: 0 }).toEqual({
      ...before,
      ...{ attempts: 0, revision: 0, updatedAt: 0 },
    });
    expect((await apiOf(world, 'operator').get('/v1/at-stake')).body).toEqual({
      atStakeUsd: 0,
      attempts: [],
    });
    expect((await apiOf(world, 'operator').post(resolvePath(job), { decision: 'charged' })).status).toBe(400);
  });
});

describe('a redrive', () => {
  it('retries uncharged jobs by page, lists the rest, and has no effect when repeated', async () => {
    const { world } = await lostCall(HOUR);
    world.vertex.onSubmit = () => ({
      kind: 'failed',
      signal: { kind: 'http', status: 403, message: 'no access' },
    });
    for (let n = 0; n < 4; n++) await accept(world, { prompt: `cat ${n}` });
    await runFor(world, HOUR);
    const { post } = apiOf(world, 'operator');
    const dry = await post('/v1/redrives', { dryRun: true });
    expect(dry.body).toMatchObject({
      retried: [{}, {}, {}, {}],
      left: [{ why: expect.stringContaining('may have been charged') }],
    });
    expect(await world.jobs.list({ status: 'queued', pageSize: 10 })).toEqual([]);
    const first = await post('/v1/redrives', { all: true, pageSize: 2 });
    expect(first.body['retried']).toHaveLength(2);
    const pageToken = first.body['nextPageToken'];
    const second = await post('/v1/redrives', { pageSize: 10, pageToken });
    expect(second.body).toMatchObject({ retried: [{}, {}], left: [{}] });
    expect(await world.jobs.list({ status: 'queued', pageSize: 10 })).toHaveLength(4);
    const again = await post('/v1/redrives', { errorCode: 'PERMISSION_DENIED' });
    expect(again.body).toMatchObject({ retried: [], left: [{}, {}, {}, {}] });
  });
});
