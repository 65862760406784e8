/** Requests that continue an earlier job: its caller, its model and its backend. */
import { describe, expect, it } from 'vitest';
import type { Job } from '../../../functions/core/job/job.ts';
import { ProblemError } from '../../../functions/core/problem.ts';
import { createJob, estimateJob } from '../../../functions/handlers/job/create-job.ts';
import type { VideoProvider } from '../../../functions/ports.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { makeRequest } from '../../support/requests.ts';

const OMNI = 'gemini-omni-1.2-flash';
const TURN = { prompt: 'now at night', model: OMNI, previousJob: 'job_first' };

const provider = (delivers: VideoProvider['delivers']): VideoProvider => ({
  delivers,
  prepare: () => Promise.reject(new Error('not used in this test')),
  poll: () => Promise.reject(new Error('not used in this test')),
  download: () => Promise.reject(new Error('not used in this test')),
});

interface First {
  readonly request?: Job['request'];
  readonly caller?: string;
  readonly operation?: string | undefined;
  readonly sourceUri?: string;
}

/** A world in which `job_first` has generated a portrait Omni video of five seconds. */
async function worldAfter(
  first: First = {},
  delivers: VideoProvider['delivers'] = 'download',
): Promise<World> {
  const world = makeWorld({ providers: { omni: provider(delivers) } });
  const request =
    first.request ??
    makeRequest({
      provider: 'omni',
      model: OMNI,
      durationSeconds: 5,
      aspectRatio: '9:16',
      resolution: '1080p',
    });
  const uri = 'gs://out/jobs/job_first/att_1/sample_0.mp4';
  const video = {
    ...{ uri, generation: '1', bytes: 9, crc32c: 'AAAAAA==', contentType: 'video/mp4', durationSeconds: 5 },
  };
  const operation = 'operation' in first ? first.operation : 'v1_abc';
  const { provider: name, model } = request;
  await world.jobs.create({
    ...{ jobId: 'job_first', caller: first.caller ?? 'local', request, fingerprint: 'f', estimateUsd: 1 },
    ...{ createdAt: 0, updatedAt: 0, revision: 1, wakes: 1, deadlineAt: 9, lane: 'interactive' },
    ...{ status: 'succeeded', finishedAt: 5, videos: [video], filteredCount: 0, filteredReasons: [] },
    attempts: [
      {
        ...{
          attemptId: 'att_1',
          stage: 0,
          number: 1,
          outputPrefix: 'jobs/job_first/att_1/',
          location: 'global',
        },
        ...{ reservedUsd: 1, submittedAt: 1, state: 'ended', outcome: 'landed', charged: 'yes', endedAt: 5 },
        ...{ polls: 1, videos: [video] },
        ...(operation === undefined
          ? {}
          : { operation: { provider: name, name: operation, model, location: 'global' } }),
        sourceUris: [first.sourceUri ?? 'https://files.test/v1/files/abc:download'],
      },
    ],
  });
  return world;
}

async function refusalOf(world: World, body: unknown): Promise<string> {
  try {
    await createJob(world.services, { caller: 'local', body });
  } catch (error) {
    if (error instanceof ProblemError) return JSON.stringify(error.problem.errors);
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a request that continues an Omni job', () => {
  it('is stored with the operation it continues, and inherits duration, aspect ratio and resolution', async () => {
    const world = await worldAfter();
    const { job } = await createJob(world.services, { caller: 'local', body: TURN });
    expect(job.request).toMatchObject({
      ...{ task: 'edit', durationSeconds: 5, aspectRatio: '9:16', resolution: '1080p' },
      previousTurn: { jobId: 'job_first', operationName: 'v1_abc' },
    });
    // Five seconds at 1080p.
    expect(await estimateJob(world.services, 'local', TURN)).toMatchObject({ priceUsd: 0.525, stages: 1 });
    expect(job.estimateUsd).toBe(0.525);
  });

  it('gets the same error for another caller’s job as for a missing job', async () => {
    const refusal = await refusalOf(await worldAfter({ caller: 'somebody else' }), TURN);
    expect(refusal).toContain('Job job_first does not exist.');
    expect(await refusalOf(makeWorld(), TURN)).toBe(refusal);
  });

  it('is refused for a Veo job and for an unknown operation, with advice to use the video', async () => {
    const veo = await refusalOf(await worldAfter({ request: makeRequest() }), TURN);
    expect(veo).toContain('ran on veo-3.1-fast-generate-001');
    const lost = await refusalOf(await worldAfter({ operation: undefined }), TURN);
    expect(lost).toContain('is unknown');
    for (const refusal of [veo, lost]) expect(refusal).toContain('Use its video instead');
  });

  it('is refused if Omni’s backend has changed since, in both directions', async () => {
    const onVertex = { sourceUri: 'gs://out/jobs/job_first/att_1/sample_0.mp4' };
    expect(await refusalOf(await worldAfter({}, 'bucket'), TURN)).toContain('other backend');
    expect(await refusalOf(await worldAfter(onVertex, 'download'), TURN)).toContain('other backend');
    const stayed = await worldAfter(onVertex, 'bucket');
    expect((await createJob(stayed.services, { caller: 'local', body: TURN })).created).toBe(true);
  });
});

describe('a request with the video of an earlier job', () => {
  it('inherits the video’s aspect ratio and resolution', async () => {
    const world = await worldAfter();
    const body = { model: OMNI, task: 'upscale', video: { job: 'job_first' }, resolution: '4k' };
    const { job } = await createJob(world.services, { caller: 'local', body });
    expect(job.request).toMatchObject({ task: 'upscale', aspectRatio: '9:16', resolution: '4k' });
    expect(await refusalOf(world, { ...body, resolution: '1080p' })).toContain('larger resolution');
  });
});
