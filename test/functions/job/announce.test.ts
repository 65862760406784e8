/** Events of finished jobs and batches: published at least once, with a stable id, without other changes to the job. */
import { describe, expect, it } from 'vitest';
import { advanceBatch } from '../../../functions/handlers/batch/batch.ts';
import { createBatch } from '../../../functions/handlers/batch/create-batch.ts';
import { advanceAndPerform } from '../../../functions/handlers/job/advance.ts';
import { handleSweep } from '../../../functions/handlers/sweep.ts';
import type { OutgoingEvent } from '../../../functions/ports.ts';
import { accept, finishesAfter, stored } from '../../support/jobs.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';

const MINUTE = 60_000;

function listening(): { world: World; published: OutgoingEvent[]; fail: (times: number) => void } {
  const published: OutgoingEvent[] = [];
  let failures = 0;
  const events = {
    publish: async (event: OutgoingEvent): Promise<void> => {
      if (failures-- > 0) throw new Error('the topic does not answer');
      published.push(event);
    },
  };
  const base = makeWorld({ events });
  const policy = { ...base.services.policy, announce: true };
  const fail = (times: number): void => {
    failures = times;
  };
  return { world: { ...base, services: { ...base.services, policy } }, published, fail };
}

describe('the finished event', () => {
  it('is published once if publishing succeeds, and does not contain the prompt', async () => {
    const { world, published } = listening();
    finishesAfter(world, MINUTE);
    const job = await accept(world, { prompt: 'a secret kitten' });
    await runFor(world, 60 * MINUTE);
    await handleSweep(world.services);
    const finished = await stored(world, job);
    expect(published).toEqual([
      {
        id: `${job.jobId}.succeeded`,
        type: 'dev.clapper.job.finished.v1',
        subject: `jobs/${job.jobId}`,
        time: 'finishedAt' in finished ? finished.finishedAt : 0,
        data: expect.objectContaining({
          id: job.jobId,
          status: 'succeeded',
          caller: 'local',
          videos: [expect.anything()],
        }),
      },
    ]);
    expect(JSON.stringify(published)).not.toContain('secret');
    expect(finished).toMatchObject({ announcement: { sentAt: expect.any(Number) } });
  });

  it('is published by the sweep after publishing failed, with the same id, and changes nothing else', async () => {
    const { world, published, fail } = listening();
    const job = await accept(world);
    fail(2);
    await advanceAndPerform(world.services, job.jobId, { type: 'cancel' });
    const before = await stored(world, job);
    expect([published.length, before.status]).toEqual([0, 'cancelled']);
    world.clock.advance(2 * MINUTE);
    await handleSweep(world.services);
    expect(published).toHaveLength(0);
    expect(await handleSweep(world.services)).toMatchObject({ announced: 1 });
    expect(published.map(({ id }) => id)).toEqual([`${job.jobId}.cancelled`]);
    const { announcement: _, revision: __, ...after } = { announcement: 0, ...(await stored(world, job)) };
    const { announcement: ___, revision: ____, ...same } = { announcement: 0, ...before };
    expect(after).toEqual(same);
    await handleSweep(world.services);
    expect(published).toHaveLength(1);
  });

  it('of a batch is published once each time the batch ends', async () => {
    const { world, published } = listening();
    finishesAfter(world, MINUTE);
    const rows = [{ prompt: 'a secret fox' }, { prompt: 'a hen', durationSeconds: 9 }];
    const body = { rows, template: { aspectRatio: '9:16', negativePrompt: 'secret rain' }, title: 'animals' };
    const { batch } = await createBatch(world.services, { caller: 'local', body });
    await runFor(world, 60 * MINUTE);
    const ofBatch = published.filter(({ type }) => type === 'dev.clapper.batch.finished.v1');
    expect(ofBatch).toMatchObject([
      {
        id: `${batch.batchId}.done`,
        subject: `batches/${batch.batchId}`,
        data: { status: 'done', title: 'animals', caller: 'local', rows: { read: 2, valid: 1, invalid: 1 } },
      },
    ]);
    expect(JSON.stringify(published)).not.toContain('secret');
    expect(published).toHaveLength(2);
    await advanceBatch(world.services, batch.batchId, { type: 'retry' });
    await runFor(world, 60 * MINUTE);
    expect(published.map(({ id }) => id).slice(2)).toEqual([`${batch.batchId}.done.1`]);
    expect(await world.services.batches.unannounced(Number.MAX_SAFE_INTEGER, 9)).toEqual([]);
  });

  it('of a batch is published by the sweep after publishing failed', async () => {
    const { world, published, fail } = listening();
    const { batch } = await createBatch(world.services, { caller: 'local', body: { rows: [{ prompt: 1 }] } });
    fail(1);
    await runFor(world, 10 * MINUTE);
    world.clock.advance(2 * MINUTE);
    expect(published).toEqual([]);
    await handleSweep(world.services);
    expect(published.map(({ id }) => id)).toEqual([`${batch.batchId}.done`]);
  });

  it('is not recorded as due if no topic is configured', async () => {
    const world = makeWorld();
    const job = await accept(world);
    await advanceAndPerform(world.services, job.jobId, { type: 'cancel' });
    expect(await stored(world, job)).not.toHaveProperty('announcement');
    expect(await world.jobs.unannounced(Number.MAX_SAFE_INTEGER, 9)).toEqual([]);
  });
});
