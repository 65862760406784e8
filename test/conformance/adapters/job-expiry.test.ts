/** The additional fields of a stored job: its expiry time and the time since when it is open. */
import { Firestore, Timestamp } from '@google-cloud/firestore';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFirestoreJobStore } from '../../../functions/adapters/firestore-job-store.ts';
import type { JobIn } from '../../../functions/core/job/job.ts';
import { defaultPolicy } from '../../../functions/core/job/policy.ts';
import { step } from '../../../functions/core/job/step.ts';
import { advanceAndPerform, stepContext } from '../../../functions/handlers/job/advance.ts';
import { announceJob } from '../../../functions/handlers/job/announce.ts';
import { type RunningFirestore, startFirestore } from '../../../infra/firestore/server.ts';
import { accept, finishesAfter, stored } from '../../support/jobs.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';

const DAY = 86_400_000;
const KEEP = 90 * DAY;
let server: RunningFirestore;
let db: Firestore;

beforeAll(async () => {
  server = await startFirestore();
  db = new Firestore({
    projectId: 'job-expiry',
    host: `127.0.0.1:${server.port}`,
    ssl: false,
    ignoreUndefinedProperties: true,
  });
});
afterAll(async () => {
  await db.terminate();
  await server.stop();
});

/** The fields of the document of the only job. */
async function documentOf(world: World, keepFinishedMs?: number): Promise<Record<string, unknown>> {
  const [job] = await world.jobs.all();
  if (!job) throw new Error('There is no job.');
  await createFirestoreJobStore(db, { keepFinishedMs }).create(job);
  return (await db.collection('jobs').doc(job.jobId).get()).data() ?? {};
}

async function succeeded(): Promise<{ world: World; done: JobIn<'succeeded'> }> {
  const world = makeWorld();
  finishesAfter(world, 60_000);
  const job = await accept(world);
  await runFor(world, 3_600_000);
  const done = await stored(world, job);
  if (done.status !== 'succeeded') throw new Error(`The job is ${done.status}.`);
  return { world, done };
}

describe('the document of a job', () => {
  it('that is finished expires jobTtlDays after its end', async () => {
    const { world, done } = await succeeded();
    const document = await documentOf(world, KEEP);
    expect(document['expireAt']).toEqual(Timestamp.fromMillis(done.finishedAt + KEEP));
    expect(document).not.toHaveProperty('openSince');
  });

  it('of a batch does not expire before the batch releases it, and then expires like any other', async () => {
    const { done } = await succeeded();
    const expiry = async (jobId: string, letGoAt?: number): Promise<unknown> => {
      const batch = { batchId: 'bat_1', row: 1, ...(letGoAt === undefined ? {} : { letGoAt }) };
      await createFirestoreJobStore(db, { keepFinishedMs: KEEP }).create({ ...done, jobId, batch });
      return (await db.collection('jobs').doc(jobId).get()).get('expireAt');
    };
    expect(await expiry('held')).toBeUndefined();
    expect(await expiry('let_go', 1)).toEqual(Timestamp.fromMillis(done.finishedAt + KEEP));
    const late = done.finishedAt + 2 * KEEP;
    expect(await expiry('let_go_late', late)).toEqual(Timestamp.fromMillis(late));
  });

  it('that is unfinished has no expiry and records since when it is open', async () => {
    const world = makeWorld();
    const job = await accept(world);
    const document = await documentOf(world, KEEP);
    expect(document).not.toHaveProperty('expireAt');
    expect(document['openSince']).toEqual(Timestamp.fromMillis(job.createdAt));
  });

  it('that is cancelled has no expiry while its operation is followed', async () => {
    const world = makeWorld();
    const job = await accept(world);
    await runFor(world, 30_000);
    await advanceAndPerform(world.services, job.jobId, { type: 'cancel' });
    expect((await stored(world, job)).status).toBe('cancelled');
    expect(await documentOf(world, KEEP)).not.toHaveProperty('expireAt');
  });

  it('with money at stake and no operator’s decision has no expiry', async () => {
    const world = makeWorld();
    world.vertex.onSubmit = () => ({
      kind: 'failed',
      signal: { kind: 'http', status: 503, message: 'unavailable' },
    });
    const job = await accept(world);
    await runFor(world, DAY);
    expect(await stored(world, job)).toMatchObject({ status: 'failed', error: { charged: 'unknown' } });
    const document = await documentOf(world, KEEP);
    expect(document['atStakeUsd']).toBeGreaterThan(0);
    expect(document).not.toHaveProperty('expireAt');
  });

  it('whose end is not published yet has no expiry', async () => {
    let isThere = false;
    const publish = async (): Promise<void> => {
      if (!isThere) throw new Error('The topic does not respond.');
    };
    const world = makeWorld({ policy: { ...defaultPolicy(), announce: true }, events: { publish } });
    finishesAfter(world, 60_000);
    const job = await accept(world);
    await runFor(world, 3_600_000);
    const done = await stored(world, job);
    expect(done).toMatchObject({ status: 'succeeded', announcement: { dueAt: expect.any(Number) } });
    expect(await documentOf(world, KEEP)).not.toHaveProperty('expireAt');
    isThere = true;
    await announceJob(world.services, done);
    await createFirestoreJobStore(db, { keepFinishedMs: KEEP }).update(job.jobId, (before) =>
      step(before, { type: 'announced' }, stepContext(world.services, before)),
    );
    expect(await stored(world, job)).toMatchObject({ announcement: { sentAt: expect.any(Number) } });
    const document = (await db.collection('jobs').doc(job.jobId).get()).data() ?? {};
    expect(document).toHaveProperty('expireAt');
  });

  it('never expires when no retention is configured', async () => {
    const world = makeWorld();
    finishesAfter(world, 60_000);
    await accept(world);
    await runFor(world, 3_600_000);
    expect(await documentOf(world)).not.toHaveProperty('expireAt');
  });
});
