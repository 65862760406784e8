/** Videos to extend: files are checked by content, a video of an own job by that job's request. */
import { describe, expect, it } from 'vitest';
import { estimateJob } from '../../../functions/handlers/job/create-job.ts';
import { apiOf } from '../../support/api-client.ts';
import { accept, finishesAfter } from '../../support/jobs.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { mdia, movie, trak } from '../../support/mp4-boxes.ts';
import { runFor } from '../../support/run.ts';

/** A world with Google's models or with simulated ones. */
function worldOf(models: 'real' | 'simulated'): World {
  const { settings } = makeWorld().services;
  const allowRetiredModels = models === 'simulated';
  return makeWorld({ settings: { ...settings, allowRetiredModels, readablePrefixes: ['gs://in/'] } });
}

async function answerTo(world: World, width: number, height: number, framesPerSecond = 24) {
  const media = [mdia(framesPerSecond, [[8 * framesPerSecond, 1]])];
  world.input.put('a.mp4', movie(trak({ width, height, media })), 'video/mp4');
  const body = { prompt: 'on', video: { gcsUri: 'gs://in/a.mp4' } };
  return apiOf(world).post('/v1/jobs', body);
}

describe('a video file to extend', () => {
  it('is accepted if it matches Google’s documentation, and its job records the properties found', async () => {
    expect(await answerTo(worldOf('real'), 1080, 1920)).toMatchObject({
      status: 201,
      body: {
        request: {
          aspectRatio: '9:16',
          video: { resolution: '1080p', picture: { width: 1080, height: 1920 }, framesPerSecond: 24 },
        },
      },
    });
  });

  it.each([
    [640, 360, 24, 'is 640 × 360 pixels'],
    [1000, 1000, 24, 'is 1000 × 1000 pixels'],
    [1280, 720, 30, 'has 30 frames a second'],
  ])(
    'of %i × %i at %i frames per second is refused before a paid call',
    async (width, height, rate, found) => {
      const world = worldOf('real');
      expect(await answerTo(world, width, height, rate)).toMatchObject({
        status: 400,
        body: { errors: [{ field: 'video', detail: expect.stringContaining(found) }] },
      });
      expect(world.tasks.enqueued).toBe(0);
    },
  );

  it('of 180 lines is accepted only with simulated models, which write such files', async () => {
    expect((await answerTo(worldOf('real'), 320, 180)).status).toBe(400);
    expect((await answerTo(worldOf('simulated'), 320, 180)).status).toBe(201);
  });
});

it('a video of an own job is validated by that job’s request, not by its file', async () => {
  const world = worldOf('real');
  finishesAfter(world, 30_000);
  const first = await accept(world, { aspectRatio: '9:16', resolution: '1080p' });
  await runFor(world, 3_600_000);
  const body = { prompt: 'on', video: { job: first.jobId } };
  // The file in this bucket is not a video.
  expect(await estimateJob(world.services, 'local', body)).toMatchObject({ stages: 1, priceUsd: 0.7 });
});
