/** Jobs of several stages through the real handlers: a first-frame image, extensions, rerolls, and cancelling. */
import { describe, expect, it } from 'vitest';
import type { Job } from '../../../functions/core/job/job.ts';
import { jobView } from '../../../functions/handlers/http/job-view.ts';
import { advanceAndPerform } from '../../../functions/handlers/job/advance.ts';
import { createJob } from '../../../functions/handlers/job/create-job.ts';
import type { PaidCall, PollAnswer, VideoProvider } from '../../../functions/ports.ts';
import { PNG } from '../../support/images.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

async function accept(world: World, body: Record<string, unknown>): Promise<Job> {
  return (await createJob(world.services, { caller: 'local', body })).job;
}
async function stored(world: World, { jobId }: Job): Promise<Job> {
  const job = await world.jobs.get(jobId);
  if (!job) throw new Error('the job does not exist');
  return job;
}

/** Image calls are answered at once; videos exist two minutes later. */
function simulate(world: World): void {
  const { vertex, clock, output } = world;
  const accepted = vertex.onSubmit;
  let startedAt = 0;
  vertex.onSubmit = (call) => {
    startedAt = clock.now();
    return call.stage.kind === 'image'
      ? { kind: 'image', bytes: PNG, mimeType: 'image/png' }
      : accepted(call);
  };
  vertex.onPoll = () => {
    if (clock.now() < startedAt + 2 * MINUTE) return { kind: 'running' };
    const name = `${vertex.calls.at(-1)?.outputUri.replace('gs://out/', '')}1/sample_0.mp4`;
    output.put(name, Buffer.from('video'));
    return {
      kind: 'done',
      result: { sources: [{ uri: `gs://out/${name}` }], filteredCount: 0, filteredReasons: [] },
    };
  };
}

describe('a first-frame image', () => {
  it('is generated, stored beside the video, and used as its first frame', async () => {
    const world = makeWorld();
    simulate(world);
    const job = await accept(world, { prompt: 'it wakes up', firstFrame: { prompt: 'a sleeping kitten' } });
    await runFor(world, HOUR);
    const done = await stored(world, job);
    expect(done).toMatchObject({
      status: 'succeeded',
      attempts: [
        { stage: 0, outcome: 'landed', videos: [{ contentType: 'image/png', bytes: PNG.length }] },
        { stage: 1, outcome: 'landed', videos: [{ contentType: 'video/mp4' }] },
      ],
    });
    const [image, video] = world.vertex.calls;
    const imageUri = done.attempts[0]?.videos?.[0]?.uri;
    expect(imageUri).toBe(`${image?.outputUri}image_0.png`);
    expect(video?.stage).toMatchObject({ kind: 'video', image: { gcsUri: imageUri, mimeType: 'image/png' } });
    expect(world.vertex.calls).toHaveLength(2);
    const view = jobView(done, world.clock.now(), { minMs: 1, typicalMs: 1, longestMs: 1 });
    expect(view.attempts.map(({ stage, outputs }) => [stage, outputs?.length])).toEqual([
      ['image', 1],
      ['video', 1],
    ]);
    expect(view.priceUsd.charged).toBe(view.priceUsd.estimate);
  });

  it('that is filtered ends the job without a charge and without a video', async () => {
    const world = makeWorld();
    world.vertex.onSubmit = () => ({
      kind: 'withheld',
      side: 'output',
      reasons: ['no. Support codes: 61493863'],
    });
    const job = await accept(world, { prompt: 'a', firstFrame: { prompt: 'b' } });
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      error: { code: 'SAFETY_FILTERED', categories: ['violence'], charged: 'no' },
    });
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('that is stored, but whose job was not saved, is found under the prefix', async () => {
    const world = makeWorld();
    simulate(world);
    const job = await accept(world, { prompt: 'a', firstFrame: { prompt: 'b' } });
    const { update } = world.jobs;
    let failures = 1;
    world.jobs.update = async (jobId, decide) =>
      update.call(world.jobs, jobId, (before) => {
        // The process crashes at the save after the image was stored.
        if (before.status === 'submitting' && failures-- > 0) throw new Error('the process died');
        return decide(before);
      });
    await runFor(world, 1).catch(() => undefined);
    await runFor(world, HOUR);
    expect((await stored(world, job)).status).toBe('succeeded');
    expect(world.vertex.calls.map(({ stage }) => stage.kind)).toEqual(['image', 'video']);
  });
});

describe('a job with extensions', () => {
  it('starts each stage from the video of the previous stage', async () => {
    const world = makeWorld();
    simulate(world);
    const job = await accept(world, { prompt: 'one', extensions: [{ prompt: 'two' }, {}] });
    await runFor(world, HOUR);
    const done = await stored(world, job);
    expect(done).toMatchObject({ status: 'succeeded', estimateUsd: 0.8 + 0.7 + 0.7 });
    const calls = world.vertex.calls.map(({ stage }: PaidCall) => stage);
    expect(calls.map(({ prompt }) => prompt)).toEqual(['one', 'two', 'one']);
    const outputs = done.attempts.map(({ videos }) => videos?.[0]?.uri);
    expect(calls.map((stage) => (stage.kind === 'image' ? undefined : stage.video?.gcsUri))).toEqual([
      undefined,
      outputs[0],
      outputs[1],
    ]);
    expect(done.status === 'succeeded' && done.videos[0]?.uri).toBe(outputs[2]);
  });

  it('that fails at a stage keeps the outputs of the earlier stages, with their charge', async () => {
    const world = makeWorld();
    simulate(world);
    const accepted = world.vertex.onSubmit;
    world.vertex.onSubmit = (call) =>
      call.stage.kind === 'extend'
        ? { kind: 'failed', signal: { kind: 'http', status: 400, message: 'cannot extend' } }
        : accepted(call);
    const job = await accept(world, { prompt: 'one', extensions: [{}] });
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      error: { code: 'INVALID_ARGUMENT' },
      attempts: [
        { outcome: 'landed', charged: 'yes', videos: [{}] },
        { outcome: 'rejected', charged: 'no' },
      ],
    });
  });

  it('that is cancelled between two stages makes no further call', async () => {
    const world = makeWorld();
    simulate(world);
    const job = await accept(world, { prompt: 'one', extensions: [{}, {}] });
    await runFor(world, 3 * MINUTE);
    await advanceAndPerform(world.services, job.jobId, { type: 'cancel' });
    const calls = world.vertex.calls.length;
    await runFor(world, HOUR);
    expect((await stored(world, job)).status).toBe('cancelled');
    expect(world.vertex.calls).toHaveLength(calls);
  });

  it('counts attempts per stage', async () => {
    const world = makeWorld();
    simulate(world);
    const poll = world.vertex.onPoll;
    let errors = 0;
    world.vertex.onPoll = async (operation) => {
      const answer = await poll(operation);
      // Every stage fails twice with INTERNAL before it succeeds.
      return answer.kind === 'done' && errors++ % 3 !== 2
        ? { kind: 'error', code: 13, message: 'Internal' }
        : answer;
    };
    const job = await accept(world, { prompt: 'one', extensions: [{}] });
    await runFor(world, 3 * HOUR);
    const done = await stored(world, job);
    expect(done.status).toBe('succeeded');
    expect(done.attempts.map(({ stage, number }) => [stage, number])).toEqual([
      [0, 1],
      [0, 2],
      [0, 3],
      [1, 1],
      [1, 2],
      [1, 3],
    ]);
  });
});

describe('rerolling after a safety filter', () => {
  const filtered: PollAnswer = {
    kind: 'done',
    result: { sources: [], filteredCount: 1, filteredReasons: ['no'] },
  };

  it('happens at most as often as requested, with one attempt each', async () => {
    const world = makeWorld();
    world.vertex.onPoll = () => filtered;
    const job = await accept(world, { prompt: 'a', rerollOnSafety: 2 });
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({ status: 'failed', error: { code: 'SAFETY_FILTERED' } });
    expect(world.vertex.calls).toHaveLength(3);
  });

  it('ends with the first attempt that is not filtered', async () => {
    const world = makeWorld();
    simulate(world);
    const poll = world.vertex.onPoll;
    let filters = 1;
    world.vertex.onPoll = async (operation) => {
      const answer = await poll(operation);
      return answer.kind === 'done' && filters-- > 0 ? filtered : answer;
    };
    const job = await accept(world, { prompt: 'a', rerollOnSafety: 5 });
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'succeeded',
      attempts: [{ outcome: 'filtered' }, { outcome: 'landed' }],
    });
  });

  it.each([
    ['an operation whose prompt was blocked', 3, 1],
    ['an operation whose output was blocked', 13, 3],
  ])('of %s happens only if the filter blocked the output', async (_, code, calls) => {
    const world = makeWorld();
    world.vertex.onPoll = () => ({ kind: 'error', code, message: 'Blocked. Support codes: 57734940' });
    const job = await accept(world, { prompt: 'a', rerollOnSafety: 2 });
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({ status: 'failed', error: { code: 'SAFETY_FILTERED' } });
    expect(world.vertex.calls).toHaveLength(calls);
  });

  it.each([
    ['output', 3],
    ['input', 1],
  ] as const)(
    'of a first frame whose %s was blocked ends after the expected number of calls',
    async (side, calls) => {
      const world = makeWorld();
      world.vertex.onSubmit = () => ({ kind: 'withheld', side, reasons: ['IMAGE_SAFETY: no'] });
      const job = await accept(world, { prompt: 'a', firstFrame: { prompt: 'b' }, rerollOnSafety: 2 });
      await runFor(world, HOUR);
      expect(await stored(world, job)).toMatchObject({
        status: 'failed',
        error: { code: 'SAFETY_FILTERED' },
      });
      expect(world.vertex.calls).toHaveLength(calls);
    },
  );

  it('does not happen if the filter blocked the prompt', async () => {
    const world = makeWorld();
    const message = 'The prompt is blocked. Support codes: 57734940';
    world.vertex.onSubmit = () => ({ kind: 'failed', signal: { kind: 'http', status: 400, message } });
    const job = await accept(world, { prompt: 'a', rerollOnSafety: 5 });
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({ status: 'failed', error: { code: 'SAFETY_FILTERED' } });
    expect(world.vertex.calls).toHaveLength(1);
  });
});

describe('cancelling with a provider that can stop operations', () => {
  const stoppable = (world: World): string[] => {
    const stopped: string[] = [];
    const provider: VideoProvider = world.vertex;
    provider.cancel = async ({ name }) => {
      stopped.push(name);
    };
    return stopped;
  };

  it('requests cancellation of a running operation, and again at every poll while it runs', async () => {
    const world = makeWorld();
    const stopped = stoppable(world);
    const job = await accept(world, { prompt: 'a' });
    await runFor(world, MINUTE);
    await advanceAndPerform(world.services, job.jobId, { type: 'cancel' });
    expect(stopped).toEqual(['operations/1']);
    const { polls } = world.vertex;
    await runFor(world, 5 * MINUTE);
    expect(stopped).toHaveLength(1 + world.vertex.polls - polls);
    expect(new Set(stopped)).toEqual(new Set(['operations/1']));
  });

  it('requests cancellation as soon as the operation is known, if the job was cancelled during the call', async () => {
    const world = makeWorld();
    const stopped = stoppable(world);
    const job = await accept(world, { prompt: 'a' });
    const accepted = world.vertex.onSubmit;
    world.vertex.onSubmit = async (call) => {
      await advanceAndPerform(world.services, job.jobId, { type: 'cancel' });
      return accepted(call);
    };
    await runFor(world, 1);
    expect((await stored(world, job)).status).toBe('cancelled');
    expect(stopped).toEqual(['operations/1']);
  });
});
