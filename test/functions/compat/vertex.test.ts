/** Vertex's routes with in-memory ports: operations, delivery of videos, and responses with inline videos. */
import { describe, expect, it } from 'vitest';
import type { Operation } from '../../../functions/core/compat/operation.ts';
import { createApi } from '../../../functions/handlers/api/api.ts';
import { replyWithVideos } from '../../../functions/handlers/compat/video-bytes.ts';
import type { ResultStore } from '../../../functions/ports.ts';
import { finish, googleClient, googleWorld, makesVideos, mp4, VERTEX } from '../../support/google.ts';

const MODEL = 'veo-3.1-generate-001';
const SUBMIT = `${VERTEX}/${MODEL}:predictLongRunning`;
const FETCH = `${VERTEX}/${MODEL}:fetchPredictOperation`;
const body = (parameters: Record<string, unknown> = {}) => ({ instances: [{ prompt: 'a cat' }], parameters });

describe('a submission on Vertex', () => {
  it('names its operation after the requested project, location and model', async () => {
    const world = googleWorld();
    const name = await googleClient(world).submitToVertex(
      'veo-2.0-generate-001',
      body({ durationSeconds: '5' }),
    );
    expect(name).toMatch(
      /^projects\/my-proj\/locations\/us-central1\/publishers\/google\/models\/veo-2\.0-generate-001\/operations\/[a-z2-7]{26}$/,
    );
    expect((await googleClient(world).fetchOperation(name)).body).toMatchObject({
      ...{ name, metadata: { model: MODEL, changes: { length: 4 } } },
    });
  });

  it.each([
    ['without credentials', SUBMIT, body(), { 'x-goog-api-key': '' }, 401, 'UNAUTHENTICATED'],
    ['of an unknown model', `${VERTEX}/veo-9:predictLongRunning`, body(), {}, 404, 'NOT_FOUND'],
    ['in a malformed location', SUBMIT.replace('us-central1', 'US!'), body(), {}, 400, 'INVALID_ARGUMENT'],
    [
      'to a topic that is not allowed',
      SUBMIT,
      body({ pubsubTopic: 'projects/p/topics/x' }),
      {},
      400,
      'INVALID_ARGUMENT',
    ],
    [
      'with a folder that is not allowed',
      SUBMIT,
      body({ storageUri: 'gs://b/other/' }),
      {},
      400,
      'INVALID_ARGUMENT',
    ],
    [
      'with a folder whose name only starts with an allowed one',
      SUBMIT,
      body({ storageUri: 'gs://b/outer/' }),
      {},
      400,
      'INVALID_ARGUMENT',
    ],
  ])(
    '%s is refused in Google’s format before anything is written',
    async (_what, path, sent, headers, status, name) => {
      const world = googleWorld();
      const answer = await googleClient(world).post(path, sent, headers);
      expect(answer).toMatchObject({ status, body: { error: { code: status, status: name } } });
      expect(world.jobs.writes).toBe(0);
    },
  );

  it('is polled with either field name, as protobuf JSON has two', async () => {
    const { submitToVertex, fetchOperation, post } = googleClient(googleWorld());
    const name = await submitToVertex(MODEL, body());
    const asked = await post(FETCH, { operation_name: name });
    expect([asked.status, asked.body['name']]).toEqual([200, name]);
    expect(asked.body).toEqual((await fetchOperation(name)).body);
  });

  it('of a preview model runs on its successor, and the job records the retirement date', async () => {
    const world = googleWorld();
    await googleClient(world).submitToVertex('veo-3.1-generate-preview', body());
    expect(await world.jobs.all()).toMatchObject([
      {
        request: {
          ...{ model: MODEL, aliasOf: { retiredOn: '2026-04-02' } },
          compat: { changes: [expect.stringContaining('2026-04-02')] },
        },
      },
    ]);
  });

  it.each([-5, 0, 0.5, 9])(
    'of a retired model for %d s is refused with the field’s name, and nothing is written',
    async (n) => {
      const world = googleWorld();
      const path = `${VERTEX}/veo-2.0-generate-001:predictLongRunning`;
      const answer = await googleClient(world).post(path, body({ durationSeconds: n }));
      expect(answer).toMatchObject({
        status: 400,
        body: { error: { message: expect.stringContaining('parameters.durationSeconds: ') } },
      });
      expect(world.jobs.writes).toBe(0);
    },
  );

  it('is refused with the name of a folder that is not allowed', async () => {
    const answer = await googleClient(googleWorld()).post(SUBMIT, body({ storageUri: 'gs://b/other' }));
    expect(answer.body).toMatchObject({
      error: {
        message: expect.stringMatching(
          /^parameters\.storageUri: is 'gs:\/\/b\/other\/'.*CLAPPER_DELIVERY_PREFIXES/,
        ),
      },
    });
  });
});

describe('express mode, in which the API key determines the project', () => {
  it('creates and polls operations without a project', async () => {
    const world = googleWorld();
    const { post, fetchOperation } = googleClient(world);
    const { body: submitted } = await post(
      `/v1beta1/publishers/google/models/${MODEL}:predictLongRunning`,
      body(),
    );
    const name = String(submitted['name']);
    expect(name).toMatch(/^publishers\/google\/models\/veo-3\.1-generate-001\/operations\/[a-z2-7]{26}$/);
    expect((await fetchOperation(name)).body).toMatchObject({ name, metadata: { state: 'queued' } });
    const inProject = `projects/my-proj/locations/us-central1/${name}`;
    expect((await fetchOperation(inProject)).status).toBe(404);
  });
});

describe('videos with a storageUri', () => {
  it('are copied there before the job succeeds, and are named in the response', async () => {
    const world = googleWorld();
    const { submitToVertex, fetchOperation } = googleClient(world);
    const name = await submitToVertex(MODEL, body({ storageUri: 'gs://b/out', sampleCount: 2 }));
    makesVideos(world, [mp4(8), mp4(6)]);
    await finish(world);
    const id = name.split('/').at(-1);
    const uris = [0, 1].map((n) => `gs://b/out/${id}/sample_${n}.mp4`);
    expect((await fetchOperation(name)).body['response']).toEqual({
      '@type': 'type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse',
      raiMediaFilteredCount: 0,
      videos: uris.map((gcsUri) => ({ gcsUri, mimeType: 'video/mp4' })),
    });
    for (const uri of uris) expect(world.output.objects.has(uri)).toBe(true);
  });

  it('are copied again after a failed copy, before the job ends', async () => {
    const world = googleWorld();
    const { submitToVertex, fetchOperation } = googleClient(world);
    const name = await submitToVertex(MODEL, body({ storageUri: 'gs://b/out/' }));
    makesVideos(world, [mp4(8)]);
    let failures = 2;
    const copy = world.output.copyTo.bind(world.output);
    world.output.copyTo = async (...args) => {
      if (failures-- > 0) throw new Error('the bucket answers 503');
      return copy(...args);
    };
    await finish(world);
    expect(failures).toBe(-1);
    expect((await fetchOperation(name)).body).toMatchObject({ metadata: { state: 'succeeded' } });
    expect(world.vertex.calls).toHaveLength(1);
  });

  it.each(['out', 'delivered'])(
    'can be extended by the URI of their %s object as the video of their job',
    async (which) => {
      const world = googleWorld();
      const { submitToVertex } = googleClient(world);
      const name = await submitToVertex(MODEL, body({ storageUri: 'gs://b/out/' }));
      makesVideos(world, [mp4(8)]);
      await finish(world);
      const [job] = await world.jobs.all();
      const video = job?.status === 'succeeded' ? job.videos[0] : undefined;
      const gcsUri = which === 'out' ? video?.uri : video?.deliveredUri;
      await submitToVertex(MODEL, {
        instances: [{ prompt: 'on', video: { gcsUri, mimeType: 'video/mp4' } }],
      });
      const extended = (await world.jobs.all()).find(({ jobId }) => !name.includes(jobId.slice(4)));
      expect(extended?.request.video).toMatchObject({ gcsUri: video?.uri, durationSeconds: 8 });
    },
  );
});

describe('a response with inline videos', () => {
  it('contains the whole videos in Vertex’s format, whatever their length', async () => {
    for (const bytes of [1, 2, 3, 4, 786_431, 786_432, 786_433, 2_000_000]) {
      const world = googleWorld();
      const { app, submitToVertex } = googleClient(world);
      const name = await submitToVertex(MODEL, body({ sampleCount: 2 }));
      const videos = [Buffer.alloc(bytes, 7), Buffer.from('second')];
      makesVideos(world, videos);
      await finish(world);
      const response = await app.request(FETCH, {
        ...{ method: 'POST', headers: { 'x-goog-api-key': 'ann' } },
        body: JSON.stringify({ operationName: name }),
      });
      const text = await response.text();
      expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
      const expected = videos.map((video) => ({
        ...{ bytesBase64Encoded: video.toString('base64'), mimeType: 'video/mp4' },
      }));
      expect(JSON.parse(text)).toMatchObject({ done: true, response: { videos: { length: 2 } } });
      expect(JSON.parse(text).response.videos).toEqual(expected);
    }
  });

  it('streams half a gigabyte with bounded memory', async () => {
    const bytes = 512 * 1024 * 1024;
    let read = 0;
    let taken = 0;
    let ahead = 0;
    const results: Pick<ResultStore, 'bucket' | 'readRange'> = {
      bucket: 'out',
      async readRange(_name, start, end) {
        read += end - start + 1;
        ahead = Math.max(ahead, read - taken);
        return new Uint8Array(end - start + 1);
      },
    };
    const operation: Operation = {
      name: 'n',
      metadata: {
        ...{
          '@type': 't',
          jobId: 'j',
          state: 'succeeded',
          progressPercent: 100,
          createTime: '',
          updateTime: '',
        },
        ...{ requestedModel: 'm', model: 'm', provider: 'vertex', changes: [], estimateUsd: 0 },
      },
      done: true,
      response: { videos: [] },
    };
    const video = { uri: 'gs://out/v.mp4', bytes, generation: '1', crc32c: '', contentType: 'video/mp4' };
    const response = await replyWithVideos(
      { results: Object.assign(Object.create(googleWorld().output), results) },
      operation,
      [video],
    );
    let sent = 0;
    for await (const chunk of response.body ?? []) {
      sent += chunk.byteLength;
      taken = (sent * 3) / 4;
    }
    // Cloud Run refuses a response of more than 32 MiB with a Content-Length.
    expect(response.headers.has('content-length')).toBe(false);
    expect(sent).toBeGreaterThan((bytes * 4) / 3);
    expect(read).toBe(bytes);
    expect(ahead).toBeLessThan(3 * 1024 * 1024);
  });

  it.each([
    ['that is empty is an error', 0],
    ['that is shorter than recorded is an error', 10],
    ['that ends after the first chunk aborts the response', 786_500],
  ])('of an object %s', async (_what, bytesLeft) => {
    const world = googleWorld();
    const { submitToVertex, app } = googleClient(world);
    const name = await submitToVertex(MODEL, body());
    makesVideos(world, [Buffer.alloc(1_000_000)]);
    await finish(world);
    for (const [key] of world.output.objects) world.output.put(key, Buffer.alloc(bytesLeft));
    const response = await app.request(FETCH, {
      ...{ method: 'POST', headers: { 'x-goog-api-key': 'ann' } },
      body: JSON.stringify({ operationName: name }),
    });
    if (bytesLeft > 786_432) await expect(response.text()).rejects.toThrow('is shorter than');
    else expect(response.status).toBe(500);
  });

  it('can be sent back as bytes to be extended', async () => {
    const world = googleWorld();
    const { submitToVertex } = googleClient(world);
    const video = { bytesBase64Encoded: mp4(8).toString('base64'), mimeType: 'video/mp4' };
    const extend = { instances: [{ prompt: 'go on', video }] };
    await submitToVertex(MODEL, extend);
    await submitToVertex(MODEL, extend);
    expect(await world.jobs.all()).toMatchObject([
      {
        request: {
          task: 'extend',
          video: { gcsUri: expect.stringMatching(/^gs:\/\/in\/callers\//), durationSeconds: 8 },
        },
      },
      { request: { task: 'extend' } },
    ]);
    expect(world.input.objects.size).toBe(1);
  });
});

describe('a poll on Vertex', () => {
  it('returns the filtered videos beside the generated ones', async () => {
    const world = googleWorld();
    const { submitToVertex, fetchOperation } = googleClient(world);
    const name = await submitToVertex(MODEL, body({ sampleCount: 2, storageUri: 'gs://b/out/' }));
    makesVideos(world, [mp4(8)], ['... Support codes: 58061214']);
    await finish(world);
    expect((await fetchOperation(name)).body['response']).toMatchObject({
      ...{ raiMediaFilteredCount: 1, raiMediaFilteredReasons: ['... Support codes: 58061214'] },
      videos: [{ mimeType: 'video/mp4' }],
    });
  });

  it.each([
    ['unknown', (name: string) => name.replace(/[^/]+$/, 'a1b07c8e-7b5a-4aba-bb34-3e1ccb8afcc8'), 'ann', 404],
    ['of another caller', (name: string) => name, 'bob', 403],
    ['malformed', () => 'operations/x', 'ann', 400],
    ['of another location', (name: string) => name.replace('us-central1', 'europe-west4'), 'ann', 400],
    ['missing', () => undefined, 'ann', 400],
  ])('of an operation that is %s is refused', async (_what, named, key, status) => {
    const world = googleWorld();
    const name = await googleClient(world).submitToVertex(MODEL, body());
    const answer = await googleClient(world, key).post(FETCH, { operationName: named(name) });
    expect(answer).toMatchObject({ status, body: { error: { code: status } } });
  });

  it('without credentials is refused', async () => {
    const app = createApi(googleWorld().services);
    const answer = await app.request(FETCH, { method: 'POST', body: '{}' });
    expect(answer.status).toBe(401);
  });
});
