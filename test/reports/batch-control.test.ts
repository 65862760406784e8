/**
 * SipherAGI/sd-webui-agent-scheduler#155: after a pause the queue continues until the whole batch is done. The other
 * claims were measured on b5f8afa.
 */
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { NEW_SCHEDULE, schedulesSchema } from '../../functions/core/batch/schedules.ts';
import { ERROR_CODES } from '../../functions/core/job/error-codes.ts';
import { handleBatch } from '../../functions/handlers/batch/batch.ts';
import { apiOf } from '../support/api-client.ts';
import { batchNow, jsonl, kittens, reportOf, startBatch } from '../support/batches.ts';
import { accept, finishesAfter } from '../support/jobs.ts';
import { makeWorld, type World } from '../support/memory.ts';
import { runFor } from '../support/run.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const PRICE_USD = 0.4;

let world: World;
beforeEach(() => {
  const { settings } = makeWorld().services;
  world = makeWorld({ settings: { ...settings, requestsPerMinute: 600_000 } });
  finishesAfter(world, 30_000);
});

const act = (batchId: string, action: string) => apiOf(world).post(`/v1/batches/${batchId}/${action}`);
const viewOf = async (batchId: string) => (await apiOf(world).get(`/v1/batches/${batchId}`)).body;

/** Opens the manifest and reads the first chunk. */
async function admitted(rows: number): Promise<string> {
  const { batchId } = await startBatch(world, jsonl(kittens(rows)));
  await handleBatch(world.services, { batchId, seq: 1 });
  await handleBatch(world.services, { batchId, seq: 2 });
  return batchId;
}

describe('a paused batch (SipherAGI/sd-webui-agent-scheduler#155)', () => {
  it('whose rows are all read submits none of its waiting jobs, and all of them after the resume', async () => {
    const batchId = await admitted(20);
    expect((await act(batchId, 'pause')).body).toMatchObject({ status: 'paused' });
    await runFor(world, 5 * HOUR);
    expect(world.vertex.calls).toEqual([]);
    const [job] = await world.jobs.all();
    const view = (await apiOf(world).get(`/v1/jobs/${job?.jobId}`)).body;
    expect(view).toMatchObject({ status: 'queued', reason: expect.stringContaining('BATCH_PAUSED') });
    expect(await viewOf(batchId)).toMatchObject({
      status: 'paused',
      rows: { read: 20, valid: 20 },
      estimate: { priceUsd: 20 * PRICE_USD },
      jobs: { queued: 20 },
    });
    expect((await act(batchId, 'resume')).body).toMatchObject({ status: 'running' });
    await runFor(world, HOUR);
    expect(await batchNow(world, { batchId })).toMatchObject({ status: 'done' });
    expect(world.vertex.calls).toHaveLength(20);
  });

  it('may stay paused for a month: the default deadline stands still, and nothing is lost', async () => {
    const batchId = await admitted(5);
    await act(batchId, 'pause');
    await runFor(world, HOUR);
    world.clock.advance(30 * DAY);
    await runFor(world, 2 * HOUR);
    expect(world.vertex.calls).toEqual([]);
    await act(batchId, 'resume');
    await runFor(world, 3 * HOUR);
    expect((await reportOf(world, { batchId })).map(({ status }) => status)).toEqual(
      Array(5).fill('succeeded'),
    );
  });

  it('keeps the finishBy of a row', async () => {
    const finishBy = new Date(world.clock.now() + 2 * HOUR).toISOString();
    const { batchId } = await startBatch(world, jsonl([{ prompt: 'a kitten', finishBy }]));
    await handleBatch(world.services, { batchId, seq: 1 });
    await handleBatch(world.services, { batchId, seq: 2 });
    await act(batchId, 'pause');
    await runFor(world, 3 * HOUR);
    expect(await world.jobs.all()).toMatchObject([{ status: 'failed', error: { charged: 'no' } }]);
    expect(world.vertex.calls).toEqual([]);
  });

  it('uses no quota: another batch of the same caller passes its waiting jobs', async () => {
    const { settings } = makeWorld().services;
    world = makeWorld({ settings: { ...settings, requestsPerMinute: 10 } });
    finishesAfter(world, 30_000);
    const batchId = await admitted(100);
    await act(batchId, 'pause');
    const single = await accept(world, { lane: 'batch' });
    await runFor(world, 10 * 60_000);
    expect((await world.jobs.get(single.jobId))?.status).toBe('succeeded');
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('lets jobs that are already paid for finish', async () => {
    const batchId = await admitted(3);
    while (world.vertex.calls.length < 3) await runFor(world, 1000);
    await act(batchId, 'pause');
    await runFor(world, HOUR);
    expect(await viewOf(batchId)).toMatchObject({ status: 'paused', jobs: { succeeded: 3 } });
  });

  it('holds the retries of a round, and continues the round after the resume', async () => {
    const { onSubmit } = world.vertex;
    world.vertex.onSubmit = () => ({
      kind: 'failed',
      signal: { kind: 'http', status: 400, message: 'refused' },
    });
    const { batchId } = await startBatch(world, jsonl(kittens(4)));
    await runFor(world, HOUR);
    world.vertex.onSubmit = onSubmit;
    const before = world.vertex.calls.length;
    expect((await act(batchId, 'retry')).body).toMatchObject({ status: 'retrying' });
    expect((await act(batchId, 'pause')).body).toMatchObject({ status: 'paused' });
    await runFor(world, HOUR);
    expect(world.vertex.calls).toHaveLength(before);
    expect((await act(batchId, 'resume')).body).toMatchObject({ status: 'retrying' });
    await runFor(world, HOUR);
    expect(await viewOf(batchId)).toMatchObject({ status: 'done', jobs: { succeeded: 4, failed: 0 } });
  });
});

describe('a retry of a batch', () => {
  it('without a failed job is 409, and says what to do about invalid rows', async () => {
    const { batchId } = await startBatch(world, jsonl([...kittens(2), { prompt: 7 }]));
    await runFor(world, HOUR);
    const { status, body } = await act(batchId, 'retry');
    expect(status).toBe(409);
    expect(body).toMatchObject({
      type: 'urn:clapper:problem:nothing-to-retry',
      detail: expect.stringMatching(/none of its jobs has failed\. Its 1 invalid rows made no jobs/),
    });
    expect(await batchNow(world, { batchId })).toMatchObject({ status: 'done', retries: 0 });
  });

  it('of a dry run is 409', async () => {
    const { batchId } = await startBatch(world, jsonl(kittens(2)), { dryRun: true });
    await runFor(world, HOUR);
    expect((await act(batchId, 'retry')).body['detail']).toContain('dry run');
  });
});

describe('a redrive', () => {
  const redrive = (body: unknown) => apiOf(world, 'operator').post('/v1/redrives', body);
  beforeEach(async () => {
    world.vertex.onSubmit = () => ({
      kind: 'failed',
      signal: { kind: 'http', status: 403, message: 'no access' },
    });
    for (let n = 0; n < 3; n++) await accept(world, { prompt: `cat ${n}` });
    await runFor(world, HOUR);
  });
  const retries = async () => (await world.jobs.all()).filter(({ retryOf }) => retryOf).length;

  it('without a filter asks for all', async () => {
    for (const body of [{}, { pageSize: 2 }, { acceptDoubleCharge: true }, { all: false }])
      expect(await redrive(body)).toMatchObject({ status: 400, body: { errors: [{ field: 'all' }] } });
    expect(await retries()).toBe(0);
    const first = await redrive({ all: true, pageSize: 2 });
    expect(first.body['retried']).toHaveLength(2);
    expect((await redrive({ pageSize: 2, pageToken: first.body['nextPageToken'] })).body).toMatchObject({
      retried: [{}],
    });
    expect(await retries()).toBe(3);
  });

  it('without a filter may be a dry run, whose page token does not start a real one', async () => {
    const dry = await redrive({ dryRun: true, pageSize: 2 });
    expect(dry.body['retried']).toHaveLength(2);
    const { status } = await redrive({ pageToken: dry.body['nextPageToken'] });
    expect([status, await retries()]).toEqual([400, 0]);
  });

  it('with an unknown errorCode is 400 and lists the codes', async () => {
    const { status, body } = await redrive({ errorCode: 'PERMISSION_DENIDE' });
    expect(status).toBe(400);
    expect(body['detail']).toContain(
      'is "PERMISSION_DENIDE", which is not an error code; did you mean PERMISSION_DENIED; the codes are',
    );
    for (const code of Object.keys(ERROR_CODES)) expect(body['detail']).toContain(code);
    expect((await redrive({ errorCode: 'PERMISSION_DENIED' })).body['retried']).toHaveLength(3);
    expect((await redrive({ errorCode: 'PROVIDER_ERROR_2' })).status).toBe(200);
  });

  it('accepts every code that the code can give a job, and the README lists them', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    for (const code of [...Object.keys(ERROR_CODES), 'PROVIDER_ERROR_'])
      expect(readme, code).toContain(`\`${code}`);
    const sources = [
      'core/job/errors.ts',
      'core/job/attempt.ts',
      'core/job/step.ts',
      'handlers/job/submit.ts',
    ];
    for (const file of sources) {
      const text = readFileSync(new URL(`../../functions/${file}`, import.meta.url), 'utf8');
      for (const [, code = ''] of text.matchAll(/(?:code: |\? |: )'([A-Z]+_[A-Z_]+|FAILED|DECLINED)'/g))
        expect(Object.keys(ERROR_CODES), `${file}: ${code}`).toContain(code);
    }
  });

  it('finds `open` of attempts[].charged in the README', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    expect(readme).toMatch(/`charged`[^.]*`open`/);
  });
});

describe('schedules', () => {
  const schedules = schedulesSchema.parse({
    nightly: { cron: '0 1 * * *', timeZone: 'Europe/Berlin', manifest: 'gs://in/{yyyy}-{MM}-{dd}.csv' },
    film: { cron: '*/5 * * * *', manifest: 'gs://in/film.csv', caller: 'film-app' },
  });
  const last = { state: 'started', at: Date.UTC(2026, 10, 20), batchId: 'bat_1' } as const;
  const scheduled = (): World =>
    makeWorld({
      schedules: {
        schedules,
        store: {
          get: async (id) => (id === 'nightly' ? { fires: [last] } : NEW_SCHEDULE),
          update: async () => 'unchanged',
        },
      },
    });

  it('are listed with their next and last fire, to operators and to their callers', async () => {
    world = scheduled();
    const { body } = await apiOf(world, 'operator').get('/v1/schedules');
    expect(body['schedules']).toMatchObject([
      {
        id: 'nightly',
        caller: 'schedule:nightly',
        // It is midnight UTC, 01:00 in Berlin: that minute has just begun, so the next fire is tomorrow.
        nextFire: { scheduledTime: '2026-11-22T00:00:00.000Z', manifest: 'gs://in/2026-11-22.csv' },
        lastFire: { scheduledTime: '2026-11-20T00:00:00.000Z', state: 'started', batch: 'bat_1' },
      },
      { id: 'film', nextFire: { scheduledTime: '2026-11-21T00:05:00.000Z' }, lastFire: null },
    ]);
    const own = (await apiOf(world, 'film-app').get('/v1/schedules')).body['schedules'];
    expect(own).toMatchObject([{ id: 'film' }]);
    expect((await apiOf(world, 'somebody').get('/v1/schedules')).body).toEqual({ schedules: [] });
    expect((await apiOf(makeWorld(), 'operator').get('/v1/schedules')).body).toEqual({ schedules: [] });
  });

  it('have their batches in the list of operators, beside the operator’s own', async () => {
    world = scheduled();
    const make = async (caller: string) => {
      const { batch } = await createBatchOf(caller);
      return batch.batchId;
    };
    const ids = {
      nightly: await make('schedule:nightly'),
      film: await make('film-app'),
      own: await make('operator'),
      other: await make('somebody'),
    };
    const listed = async (caller: string, query = '') =>
      Object((await apiOf(world, caller).get(`/v1/batches${query}`)).body)['batches'].map(
        ({ id }: { id: string }) => id,
      );
    expect(new Set(await listed('operator'))).toEqual(new Set([ids.nightly, ids.film, ids.own]));
    expect(await listed('operator', '?caller=operator')).toEqual([ids.own]);
    expect(await listed('operator', '?caller=*')).toHaveLength(4);
    expect(await listed('film-app')).toEqual([ids.film]);
    const page = (await apiOf(world, 'operator').get('/v1/batches?pageSize=2')).body;
    expect(await listed('operator', `?pageSize=2&pageToken=${String(page['nextPageToken'])}`)).toHaveLength(
      1,
    );
  });

  async function createBatchOf(caller: string) {
    const { createBatch } = await import('../../functions/handlers/batch/create-batch.ts');
    return createBatch(world.services, { caller, body: { rows: kittens(1) } });
  }
});
