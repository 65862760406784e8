/** The simulated Veo models on Vertex through the unmodified SDK: latency, determinism and the ledger. */
import { GenerateVideosOperation, VideoGenerationReferenceType } from '@google/genai';
import { describe, expect, it } from 'vitest';
import { findModel } from '../../../infra/models/catalogue.ts';
import { drawLatencyMs } from '../../../infra/models/latency.ts';
import { seededRandom } from '../../../infra/models/random.ts';
import { parseMp4 } from '../../../infra/mp4/mp4-parser.ts';
import {
  BEARER,
  DEVELOPER_MODEL,
  get,
  JPEG,
  KEY,
  modelPath,
  objectAt,
  PNG,
  pollVertex,
  post,
  sdkClient,
  submitDeveloper,
  submitVertex,
  textBody,
  VERTEX_MODEL,
  veoImage,
} from './harness.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();

/** Submits through the SDK, advances the clock, and polls as a second process does: with only the name. */
async function generate(
  request: Parameters<ReturnType<typeof sdkClient>['models']['generateVideos']>[0],
): Promise<GenerateVideosOperation> {
  const client = sdkClient(rig.models.url);
  const submitted = await client.models.generateVideos(request);
  await rig.finish();
  const operation = new GenerateVideosOperation();
  operation.name = submitted.name ?? '';
  return client.operations.getVideosOperation({ operation });
}

const urisOf = (operation: GenerateVideosOperation): string[] =>
  (operation.response?.generatedVideos ?? []).map((generated) => generated.video?.uri ?? '');

describe('Vertex AI through the unmodified SDK', () => {
  it('generates an MP4 under storageUri, in a numeric folder that the server chooses', async () => {
    const client = sdkClient(rig.models.url);
    const operation = await client.models.generateVideos({
      model: VERTEX_MODEL,
      source: { prompt: 'Panning wide shot of a calico kitten sleeping in the sunshine' },
      config: { outputGcsUri: 'gs://out/jobs/1/', numberOfVideos: 1 },
    });
    expect(operation.name).toMatch(
      /^projects\/my-proj\/locations\/us-central1\/publishers\/google\/models\/veo-3\.1-generate-001\/operations\/[0-9a-f-]{36}$/,
    );
    expect((await client.operations.getVideosOperation({ operation })).done).toBeUndefined();
    await rig.finish();
    const done = await client.operations.getVideosOperation({ operation });
    expect(done.done).toBe(true);
    const [uri = ''] = urisOf(done);
    expect(uri).toMatch(/^gs:\/\/out\/jobs\/1\/\d+\/sample_0\.mp4$/);
    expect(parseMp4(objectAt(rig.bucket, uri))).toMatchObject({
      width: 320,
      height: 180,
      durationSeconds: 8,
      frameCount: 192,
      framesPerSecond: 24,
      codec: 'avc1.42C01E',
    });
  });

  it('accepts every parameter the SDK can send to Veo 3.1', async () => {
    rig.bucket.objects.set('inputs/first.png', PNG);
    rig.bucket.objects.set('inputs/last.png', PNG);
    const done = await generate({
      model: VERTEX_MODEL,
      source: { prompt: 'a cat', image: { gcsUri: 'gs://inputs/first.png', mimeType: 'image/png' } },
      config: {
        lastFrame: { gcsUri: 'gs://inputs/last.png', mimeType: 'image/png' },
        numberOfVideos: 2,
        outputGcsUri: 'gs://out/jobs',
        fps: 24,
        durationSeconds: 4,
        seed: 0,
        aspectRatio: '9:16',
        resolution: '1080p',
        personGeneration: 'allow_adult',
        pubsubTopic: 'projects/my-proj/topics/t',
        negativePrompt: 'blurry',
        enhancePrompt: true,
        generateAudio: true,
        // biome-ignore lint/suspicious/noExplicitAny: the SDK's enums, as it sends them
        ...({ compressionQuality: 'OPTIMIZED', resizeMode: 'PAD' } as any),
        labels: { team: 'x' },
      },
    });
    const uris = urisOf(done);
    expect(uris.map((uri) => uri.split('/').at(-1))).toEqual(['sample_0.mp4', 'sample_1.mp4']);
    const videos = uris.map((uri) => objectAt(rig.bucket, uri));
    expect(videos.map((video) => parseMp4(video))).toMatchObject([
      { width: 360, height: 640, durationSeconds: 4, frameCount: 96 },
      { width: 360, height: 640, durationSeconds: 4, frameCount: 96 },
    ]);
    expect(videos[0]?.equals(videos[1] ?? Buffer.alloc(0))).toBe(false);
  });

  it('returns the MP4 inline without a storageUri', async () => {
    const done = await generate({
      model: VERTEX_MODEL,
      source: { prompt: 'x' },
      config: { durationSeconds: 6 },
    });
    const video = done.response?.generatedVideos?.[0]?.video;
    expect(video?.mimeType).toBe('video/mp4');
    expect(video?.uri).toBeUndefined();
    expect(parseMp4(Buffer.from(video?.videoBytes ?? '', 'base64')).durationSeconds).toBe(6);
  });

  it('accepts three inline asset images', async () => {
    const image = { imageBytes: JPEG.toString('base64'), mimeType: 'image/jpeg' };
    const done = await generate({
      model: VERTEX_MODEL,
      source: { prompt: 'a cat' },
      config: {
        outputGcsUri: 'gs://out',
        referenceImages: [1, 2, 3].map(() => ({ image, referenceType: VideoGenerationReferenceType.ASSET })),
      },
    });
    expect(urisOf(done)).toEqual([expect.stringMatching(/^gs:\/\/out\/\d+\/sample_0\.mp4$/)]);
  });

  it('extends a simulated video by 7 s: the existing frames, then the new ones', async () => {
    const [first = ''] = urisOf(
      await generate({
        model: VERTEX_MODEL,
        source: { prompt: 'a cat' },
        config: { outputGcsUri: 'gs://out/a' },
      }),
    );
    const [second = ''] = urisOf(
      await generate({
        model: VERTEX_MODEL,
        source: { prompt: 'it wakes', video: { uri: first, mimeType: 'video/mp4' } },
        config: { outputGcsUri: 'gs://out/b' },
      }),
    );
    const input = parseMp4(objectAt(rig.bucket, first));
    const output = parseMp4(objectAt(rig.bucket, second));
    expect(output).toMatchObject({ durationSeconds: 15, frameCount: 360, framesPerSecond: 24 });
    const kept = output.frames().slice(0, input.frameCount);
    expect(kept.every((frame, i) => frame.data.equals(input.frames()[i]?.data ?? Buffer.alloc(0)))).toBe(
      true,
    );
    expect(output.frames()[input.frameCount]?.isKeyFrame).toBe(true);
  });

  it('lands the objects before the operation reports done', async () => {
    const { json } = await submitVertex(rig, textBody('x'));
    let earlyPolls = 0;
    for (let i = 0; i < 5_000; i++) {
      rig.clock.nowMs += 5;
      await rig.models.settled();
      if (rig.bucket.objects.size === 0) continue;
      const polled = await pollVertex(rig, json.name);
      if (polled.json.done) break;
      earlyPolls++;
    }
    expect(earlyPolls).toBeGreaterThan(0);
    expect(rig.models.paidCalls()).toMatchObject([{ state: 'succeeded' }]);
  });
});

describe('an operation on the wire', () => {
  it('can be submitted to /v1 as well as to the beta version of each API', async () => {
    const body = { instances: [{ prompt: 'x' }] };
    const vertex = await post(`${rig.models.url}/v1/${modelPath()}:predictLongRunning`, body, BEARER);
    expect(vertex.status).toBe(200);
    const developer = await post(
      `${rig.models.url}/v1/models/${DEVELOPER_MODEL}:predictLongRunning?key=${KEY}`,
      body,
    );
    expect(developer.status).toBe(200);
  });

  it('has only its name while it runs', async () => {
    const { json } = await submitVertex(rig, { instances: [{ prompt: 'a cat' }] });
    expect(Object.keys(json)).toEqual(['name']);
    expect((await pollVertex(rig, json.name)).json).toEqual({ name: json.name });
  });

  it('has the documented shape when it is done', async () => {
    const { json } = await submitVertex(rig, textBody('a cat'));
    await rig.finish();
    expect((await pollVertex(rig, json.name)).json).toEqual({
      name: json.name,
      done: true,
      response: {
        '@type': 'type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse',
        raiMediaFilteredCount: 0,
        videos: [
          { gcsUri: expect.stringMatching(/^gs:\/\/out\/jobs\/\d+\/sample_0\.mp4$/), mimeType: 'video/mp4' },
        ],
      },
    });
  });

  it('gives equal bytes for equal parameters and seed, and others for another seed, prompt or image', async () => {
    const bodies = [
      { instances: [{ prompt: 'a' }], parameters: { seed: 7 } },
      { instances: [{ prompt: 'a' }], parameters: { seed: 7 } },
      { instances: [{ prompt: 'a' }], parameters: { seed: 8 } },
      { instances: [{ prompt: 'b' }], parameters: { seed: 7 } },
      { instances: [{ prompt: 'a', image: veoImage(PNG, 'image/png') }], parameters: { seed: 7 } },
      {
        instances: [{ prompt: 'a', image: veoImage(Buffer.concat([PNG, PNG]), 'image/png') }],
        parameters: { seed: 7 },
      },
    ].map((body) => ({ ...body, parameters: { ...body.parameters, durationSeconds: 4 } }));
    const names: string[] = [];
    for (const body of bodies) names.push((await submitVertex(rig, body)).json.name);
    await rig.finish();
    const videos: string[] = [];
    for (const name of names)
      videos.push((await pollVertex(rig, name)).json.response.videos[0].bytesBase64Encoded);
    expect(videos[1]).toBe(videos[0]);
    expect(new Set(videos).size).toBe(videos.length - 1);
  });
});

describe('buckets and input videos', () => {
  it('a missing bucket ends the operation with an error', async () => {
    const { json } = await submitVertex(rig, textBody('x', { storageUri: 'gs://missing-bucket/a' }));
    await rig.finish();
    expect((await pollVertex(rig, json.name)).json).toMatchObject({
      done: true,
      error: { code: 5, message: expect.stringContaining('missing-bucket') },
    });
    expect(rig.models.paidCalls()).toMatchObject([{ state: 'failed' }]);
  });

  it('an unavailable bucket delays the operation until it recovers', async () => {
    rig.bucket.failWith = 503;
    const { json } = await submitVertex(rig, textBody('x'));
    await rig.finish();
    expect((await pollVertex(rig, json.name)).json).toEqual({ name: json.name });
    const written = new Promise<void>((resolve) => {
      rig.bucket.onWrite = () => resolve();
    });
    rig.bucket.failWith = undefined;
    await written;
    await rig.models.settled();
    expect((await pollVertex(rig, json.name)).json.done).toBe(true);
  });

  it('a video from another encoder is extended with a placeholder of equal length', async () => {
    // A simulated video with a changed codec configuration represents a video from another encoder.
    const { json } = await submitVertex(rig, {
      instances: [{ prompt: 'x' }],
      parameters: { durationSeconds: 4 },
    });
    await rig.finish();
    const { bytesBase64Encoded } = (await pollVertex(rig, json.name)).json.response.videos[0];
    const foreign = Buffer.from(bytesBase64Encoded, 'base64');
    foreign[foreign.indexOf('avcC') + 8 + 4] = 0x01;
    rig.bucket.objects.set('inputs/foreign.mp4', foreign);
    const extended = await submitVertex(rig, {
      instances: [
        { prompt: 'it wakes', video: { gcsUri: 'gs://inputs/foreign.mp4', mimeType: 'video/mp4' } },
      ],
    });
    await rig.finish();
    const done = await pollVertex(rig, extended.json.name);
    const output = parseMp4(Buffer.from(done.json.response.videos[0].bytesBase64Encoded, 'base64'));
    expect(output).toMatchObject({ durationSeconds: 11, frameCount: 264 });
  });
});

describe('the latency', () => {
  it('is 11 s to 6 min, and mostly between 1 min and 200 s', () => {
    const found = findModel('vertex', VERTEX_MODEL, true);
    if (found.kind !== 'live') throw new Error('no model');
    const random = seededRandom(Number(process.env['SEED'] ?? 5));
    const latencies = Array.from({ length: 4_000 }, () => drawLatencyMs(found.model, '720p', random)).sort(
      (a, b) => a - b,
    );
    expect(latencies[0]).toBeGreaterThanOrEqual(11_000);
    expect(latencies.at(-1)).toBeLessThanOrEqual(360_000);
    const share = latencies.filter((ms) => ms > 60_000 && ms < 200_000).length / latencies.length;
    expect(share).toBeGreaterThan(0.8);
  });

  it('is divided by the speed-up: no operation is done before 11 s / 20', async () => {
    const { json } = await submitVertex(rig, textBody('x', { durationSeconds: 4 }));
    rig.clock.nowMs += 549;
    await rig.models.settled();
    expect((await pollVertex(rig, json.name)).json.done).toBeUndefined();
    rig.clock.nowMs += 360_000 / 20 - 549;
    await rig.models.settled();
    expect((await pollVertex(rig, json.name)).json.done).toBe(true);
  });

  it('leaves the event loop responsive during encoding', async () => {
    for (let i = 0; i < 3; i++)
      await submitVertex(rig, textBody(`x ${i}`, { resolution: '4k', sampleCount: 2 }));
    let iterations = 0;
    const timer = setInterval(() => iterations++, 1);
    await rig.finish();
    clearInterval(timer);
    // The encoder works in slices of 5 ms. Six videos without slices would allow about twelve iterations.
    expect(iterations).toBeGreaterThan(25);
  });
});

describe('the ledger', () => {
  it('lists the accepted calls of both surfaces, also over HTTP', async () => {
    await submitVertex(rig, textBody('one', { sampleCount: 2, durationSeconds: 6 }));
    await submitDeveloper(rig, { instances: [{ prompt: 'two' }] });
    await submitVertex(rig, textBody('rejected', { durationSeconds: 9 }));
    expect(rig.models.paidCalls()).toEqual([
      {
        kind: 'video',
        time: '2026-11-21T08:00:00.000Z',
        surface: 'vertex',
        model: VERTEX_MODEL,
        project: 'my-proj',
        prompt: 'one',
        storageUri: 'gs://out/jobs',
        operationName: expect.stringContaining('/operations/'),
        sampleCount: 2,
        durationSeconds: 6,
        resolution: '720p',
        state: 'running',
        videoSha256: [],
      },
      expect.objectContaining({
        surface: 'developer',
        model: DEVELOPER_MODEL,
        prompt: 'two',
        storageUri: null,
      }),
    ]);
    const { json } = await get(`${rig.models.url}/_control/paid-calls`);
    expect(json.paidCalls).toEqual(rig.models.paidCalls());
  });
});
