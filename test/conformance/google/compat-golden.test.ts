/**
 * Google's own SDKs against Clapper's compatible surfaces. The SDK that recorded a request (`test/golden/`) sends it
 * unchanged to Clapper, and must return the same result for Clapper's reply as for the recorded one.
 *
 * Only these may differ: ids and hosts of operations, files and folders, which are Clapper's, and `metadata`, which the
 * recordings do not contain. Where a recorded request names a video of Google's, the test names one of Clapper's.
 */
import { createWriteStream, readFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GenerateVideosOperation, type GenerateVideosParameters, GoogleGenAI } from '@google/genai';
import {
  GenerateVideosOperation as GenerateVideosOperation2,
  type GenerateVideosParameters as GenerateVideosParameters2,
  GoogleGenAI as GoogleGenAI2,
} from 'google-genai-2';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createApi } from '../../../functions/handlers/api/api.ts';
import type { ImageCall, PollAnswer } from '../../../functions/ports.ts';
import { startTokenServer } from '../../../infra/identity/token-server.ts';
import { loadIdentity } from '../../../infra/shared/identity.ts';
import { credentialsFor } from '../../support/credentials.ts';
import { finish, googleWorld, makesVideos, mp4, type Served, serveOnLoopback } from '../../support/google.ts';
import { PNG } from '../../support/images.ts';
import type { World } from '../../support/memory.ts';
import { temporaryDir } from '../../support/temporary-dir.ts';

const exchangeSchema = z.object({
  request: z.object({ method: z.string(), path: z.string(), body: z.unknown().optional() }),
  response: z.unknown(),
  status: z.number().optional(),
});
type Exchange = z.infer<typeof exchangeSchema>;
const GOLDEN = z
  .record(z.string(), z.union([exchangeSchema, exchangeSchema.omit({ request: true })]))
  .parse(JSON.parse(readFileSync(new URL('../../golden/exchanges.json', import.meta.url), 'utf8')));

function golden(name: string): Exchange {
  const exchange = GOLDEN[name];
  if (!exchange || !('request' in exchange))
    throw new Error(`test/golden/exchanges.json has no exchange with a request named ${name}`);
  return exchange;
}

const dir = temporaryDir();
let tokens: Awaited<ReturnType<typeof startTokenServer>>;
let world: World;
let clapper: Served;
/** A server that replies with the recorded exchange. */
let replay: Served;
let recorded: { readonly response: unknown; readonly status?: number | undefined } = { response: {} };
let seen: { method: string; path: string; body: unknown }[] = [];
let api: ReturnType<typeof createApi>;

beforeAll(async () => {
  tokens = await startTokenServer(loadIdentity(dir));
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = credentialsFor(
    dir,
    `http://127.0.0.1:${tokens.port}/token`,
  );
  process.env['GOOGLE_CLOUD_PROJECT'] = 'my-proj';
  process.env['METADATA_SERVER_DETECTION'] = 'none';
  clapper = await serveOnLoopback(async (request) => {
    const text = await request.clone().text();
    const { pathname, search } = new URL(request.url);
    seen.push({
      method: request.method,
      path: pathname + search,
      body: text === '' ? undefined : JSON.parse(text),
    });
    return api.fetch(request);
  });
  replay = await serveOnLoopback(() => Response.json(recorded.response, { status: recorded.status ?? 200 }));
});
afterAll(async () => {
  await Promise.all([clapper.stop(), replay.stop(), tokens.stop()]);
});

const imageCalls: ImageCall[] = [];
let imageAnswer: unknown = {};

beforeEach(() => {
  seen = [];
  imageCalls.length = 0;
  world = googleWorld(
    {},
    {
      images: {
        serves: () => true,
        async send(call) {
          imageCalls.push(call);
          const body = new Blob([JSON.stringify(imageAnswer)]).stream();
          return { kind: 'body', body, contentType: 'application/json; charset=UTF-8' };
        },
      },
    },
  );
  for (const name of ['first.png', 'last.png', 'in.png']) world.input.put(`gs://b/${name}`, PNG, 'image/png');
  world.input.put('gs://b/out/123/sample_0.mp4', mp4(8));
  api = createApi(world.services);
});

const vertex = (baseUrl: string): GoogleGenAI =>
  new GoogleGenAI({
    ...{ enterprise: true, project: 'my-proj', location: 'us-central1' },
    httpOptions: { baseUrl },
  });
const developer = (baseUrl: string): GoogleGenAI2 =>
  new GoogleGenAI2({ apiKey: 'fake-key', httpOptions: { baseUrl } });

/** The result or error of the SDK as data, without the values that legitimately differ. */
async function outcome(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return comparable(await call());
  } catch (error) {
    if (!(error instanceof Error) || !('status' in error)) throw error;
    const { error: body } = z
      .object({ error: z.object({ code: z.number(), status: z.string() }) })
      .parse(JSON.parse(error.message));
    return { name: error.name, status: error.status, body };
  }
}

function comparable(value: unknown): unknown {
  const text = JSON.stringify(value, (key, inner: unknown) =>
    key === 'metadata' || key === 'sdkHttpResponse' ? undefined : inner,
  )
    .replace(/operations\/[\w-]+/g, 'operations/ID')
    .replace(/https?:\/\/[^/"]+\/v1beta\/files\/\w+/g, 'FILE')
    .replace(/gs:\/\/b\/out\/\w+\//g, 'gs://b/out/FOLDER/');
  return JSON.parse(text);
}

/** The operation name that the SDK received from Clapper; it replaces the recorded one. */
const nameOf = (operation: { name?: string | undefined }): string => z.string().parse(operation.name);

const IMAGE_BYTES = 'iVBORw0KGgo=';
const inline = { imageBytes: IMAGE_BYTES, mimeType: 'image/png' };
const byName = (name: string) => ({ gcsUri: `gs://b/${name}`, mimeType: 'image/png' });
const references = [inline, inline, inline].map((image) => ({ image, referenceType: 'ASSET' }));

/** The SDK calls of the recordings in Vertex mode, by name of the recording. */
const VERTEX_CALLS: Readonly<Record<string, Record<string, unknown>>> = {
  vertex_t2v_min: { source: { prompt: 'a cat' } },
  vertex_all_options: {
    source: { prompt: 'a cat', image: byName('first.png') },
    config: {
      ...{ numberOfVideos: 2, outputGcsUri: 'gs://b/out/', fps: 24, durationSeconds: 8, seed: 42 },
      ...{ aspectRatio: '16:9', resolution: '1080p', personGeneration: 'allow_adult' },
      ...{ pubsubTopic: 'projects/my-proj/topics/t', negativePrompt: 'blurry', enhancePrompt: true },
      ...{ generateAudio: true, lastFrame: byName('last.png'), compressionQuality: 'OPTIMIZED' },
      ...{ labels: { team: 'x' }, resizeMode: 'PAD' },
    },
  },
  vertex_i2v_gcs: { source: { prompt: 'a cat', image: byName('in.png') } },
  vertex_first_last_gcs: {
    source: { prompt: 'a cat', image: byName('first.png') },
    config: { lastFrame: byName('last.png') },
  },
  vertex_refs_asset3: { source: { prompt: 'a cat' }, config: { referenceImages: references } },
  vertex_extend_gcs: {
    source: { prompt: 'go on', video: { uri: 'gs://b/out/123/sample_0.mp4', mimeType: 'video/mp4' } },
    config: { numberOfVideos: 1, outputGcsUri: 'gs://b/out/' },
  },
};

const DEVELOPER_CALLS: Readonly<Record<string, Record<string, unknown>>> = {
  'v2.32.0_gemini_t2v_min': { source: { prompt: 'a cat' } },
  'v2.32.0_gemini_all_options': {
    source: { prompt: 'a cat', image: inline },
    config: {
      ...{ numberOfVideos: 1, durationSeconds: 8, aspectRatio: '16:9', resolution: '1080p' },
      ...{
        personGeneration: 'allow_adult',
        negativePrompt: 'blurry',
        enhancePrompt: true,
        lastFrame: inline,
      },
      webhookConfig: { uris: ['https://h.example/hook'], userMetadata: { jobId: '1' } },
    },
  },
  'v2.32.0_gemini_first_last': { source: { prompt: 'a cat', image: inline }, config: { lastFrame: inline } },
  'v2.32.0_gemini_refs_asset3': { source: { prompt: 'a cat' }, config: { referenceImages: references } },
};

const vertexParameters = (call: Record<string, unknown>): GenerateVideosParameters =>
  Object.assign({ model: 'veo-3.1-generate-001' }, call);
const developerParameters = (call: Record<string, unknown>): GenerateVideosParameters2 =>
  Object.assign({ model: 'veo-3.1-generate-preview' }, call);

describe('the SDK in Vertex mode', () => {
  it.each(Object.entries(VERTEX_CALLS))(
    '%s: the request equals the recording, and the result too',
    async (name, call) => {
      const exchange = golden(name);
      recorded = exchange;
      const submit = (baseUrl: string) => () => vertex(baseUrl).models.generateVideos(vertexParameters(call));
      expect(await outcome(submit(clapper.baseUrl))).toEqual(await outcome(submit(replay.baseUrl)));
      expect(seen).toEqual([exchange.request]);
      expect(await world.jobs.all()).toHaveLength(1);
    },
  );

  const poll = async (baseUrl: string, name: string): Promise<unknown> => {
    const operation = new GenerateVideosOperation();
    operation.name = name;
    return outcome(() => vertex(baseUrl).operations.getVideosOperation({ operation }));
  };

  interface Ending {
    readonly config?: Record<string, unknown>;
    readonly lands?: { readonly videos: readonly Uint8Array[]; readonly reasons?: readonly string[] };
    readonly pollAnswer?: Extract<PollAnswer, { kind: 'error' }>;
  }
  const ENDINGS: Readonly<Record<string, Ending>> = {
    vertex_poll_running: {},
    vertex_poll_done_gcs: {
      config: { outputGcsUri: 'gs://b/out/', numberOfVideos: 2 },
      lands: { videos: [mp4(8), mp4(8)] },
    },
    vertex_poll_done_bytes: { lands: { videos: [Buffer.from('AAAAIGZ0eXA=', 'base64')] } },
    vertex_poll_rai_partial: {
      config: { outputGcsUri: 'gs://b/out/', numberOfVideos: 2 },
      lands: { videos: [mp4(8)], reasons: ['... Support codes: 58061214'] },
    },
    vertex_poll_rai_all_filtered: {
      lands: {
        videos: [],
        reasons: ['Veo could not generate videos because ... Support codes: 15236754'],
      },
    },
    vertex_poll_error_code3: {
      pollAnswer: {
        kind: 'error',
        code: 3,
        message: 'The prompt could not be submitted ... Support codes: 29310472',
      },
    },
    vertex_poll_error_code8: { pollAnswer: { kind: 'error', code: 8, message: 'Resource exhausted' } },
    vertex_poll_error_code13: { pollAnswer: { kind: 'error', code: 13, message: 'Internal error' } },
  };

  it.each(Object.entries(ENDINGS))(
    '%s: the result of the poll equals the recording',
    async (name, ending) => {
      const config = ending.config ?? {};
      const submitted = await vertex(clapper.baseUrl).models.generateVideos(
        vertexParameters({ source: { prompt: 'a cat' }, config }),
      );
      const { lands, pollAnswer } = ending;
      if (lands) makesVideos(world, lands.videos, lands.reasons);
      if (pollAnswer) world.vertex.onPoll = () => pollAnswer;
      if (lands || pollAnswer) await finish(world);
      recorded = golden(name);
      seen = [];
      const operationName = nameOf(submitted);
      expect(await poll(clapper.baseUrl, operationName)).toEqual(
        await poll(replay.baseUrl, z.object({ name: z.string() }).parse(recorded.response).name),
      );
      const { request } = golden(name);
      expect(comparable(seen)).toEqual(comparable([request]));
    },
  );

  it('throws the recorded error for an unknown operation', async () => {
    recorded = golden('vertex_http_404');
    const { body } = golden('vertex_poll_running').request;
    const { operationName } = z.object({ operationName: z.string() }).parse(body);
    expect(await poll(clapper.baseUrl, operationName)).toEqual(await poll(replay.baseUrl, operationName));
  });

  it.each(['vertex_nanobanana', 'vertex_imagen'])(
    '%s: the request equals the recording, and the result too',
    async (name) => {
      const exchange = golden(name);
      recorded = exchange;
      imageAnswer = exchange.response;
      const call = (baseUrl: string) => async (): Promise<unknown> => {
        const { models } = vertex(baseUrl);
        if (name === 'vertex_nanobanana') return models.generateContent(NANO_BANANA);
        return models.generateImages({
          ...{ model: 'imagen-4.0-generate-001', prompt: 'a cat' },
          config: {
            ...{
              numberOfImages: 2,
              aspectRatio: '16:9',
              outputGcsUri: 'gs://b/img/',
              includeRaiReason: true,
            },
            personGeneration: PEOPLE,
          },
        });
      };
      expect(await outcome(call(clapper.baseUrl))).toEqual(await outcome(call(replay.baseUrl)));
      expect(seen).toEqual([exchange.request]);
      expect(imageCalls.map(({ body }) => JSON.parse(body))).toEqual([exchange.request.body]);
    },
  );
});

const { ALLOW_ADULT: PEOPLE } = await import('@google/genai').then(
  ({ PersonGeneration }) => PersonGeneration,
);
const NANO_BANANA = {
  ...{ model: 'gemini-3.1-flash-image', contents: 'a cat' },
  config: { responseModalities: ['IMAGE'], imageConfig: { aspectRatio: '16:9', imageSize: '2K' } },
};

describe('the SDK on the Developer API', () => {
  it.each(Object.entries(DEVELOPER_CALLS))(
    '%s: the request equals the recording, and the result too',
    async (name, call) => {
      const exchange = golden(name);
      recorded = exchange;
      const submit = (baseUrl: string) => () =>
        developer(baseUrl).models.generateVideos(developerParameters(call));
      expect(await outcome(submit(clapper.baseUrl))).toEqual(await outcome(submit(replay.baseUrl)));
      expect(seen).toEqual([exchange.request]);
      expect(await world.jobs.all()).toMatchObject([{ caller: 'fake-key' }]);
    },
  );

  const poll = (baseUrl: string, name: string): Promise<unknown> => {
    const operation = new GenerateVideosOperation2();
    operation.name = name;
    return outcome(() => developer(baseUrl).operations.getVideosOperation({ operation }));
  };
  const recordedName = 'models/veo-3.1-generate-preview/operations/abc123';
  const reason = "Sorry, we can't create videos with real people's names or likenesses.";

  it.each([
    ['v2.32.0_gemini_poll_running', () => undefined],
    ['v2.32.0_gemini_poll_done_uri', () => makesVideos(world, [mp4(8)])],
    ['v2.32.0_gemini_poll_rai', () => makesVideos(world, [], [reason])],
    [
      'v2.32.0_gemini_poll_error',
      () => {
        world.vertex.onPoll = () => ({ kind: 'error', code: 3, message: 'blocked' });
      },
    ],
  ])('%s: the result of the poll equals the recording', async (name, end) => {
    const submitted = await developer(clapper.baseUrl).models.generateVideos(
      developerParameters({ source: { prompt: 'a cat' } }),
    );
    end();
    if (!name.endsWith('running')) await finish(world);
    recorded = golden(name);
    seen = [];
    expect(await poll(clapper.baseUrl, nameOf(submitted))).toEqual(await poll(replay.baseUrl, recordedName));
    expect(comparable(seen)).toEqual(comparable([golden(name).request]));
  });

  it('throws the recorded error for an unknown or deleted operation', async () => {
    recorded = golden('v2.32.0_gemini_retired_404');
    expect(await poll(clapper.baseUrl, recordedName)).toEqual(await poll(replay.baseUrl, recordedName));
  });

  it('v2.32.0_gemini_extend_uri: extends the video from a previous operation', async () => {
    const exchange = golden('v2.32.0_gemini_extend_uri');
    const ai = developer(clapper.baseUrl);
    const first = await ai.models.generateVideos(developerParameters({ source: { prompt: 'a cat' } }));
    makesVideos(world, [mp4(8)]);
    await finish(world);
    const done = await ai.operations.getVideosOperation({ operation: first });
    const video = { ...done.response?.generatedVideos?.[0]?.video, mimeType: 'video/mp4' };
    recorded = exchange;
    seen = [];
    const submit = (baseUrl: string) => () =>
      developer(baseUrl).models.generateVideos(
        developerParameters({
          source: { prompt: 'go on', video },
          config: { numberOfVideos: 1, resolution: '720p' },
        }),
      );
    expect(await outcome(submit(clapper.baseUrl))).toEqual(await outcome(submit(replay.baseUrl)));
    expect(comparable(seen)).toEqual(comparable([exchange.request]));
    const extension = (await world.jobs.all()).find(({ request }) => request.task === 'extend');
    expect(extension?.request.video).toMatchObject({ durationSeconds: 8 });
  });

  it('downloads the video with files.download, and by its URI with an appended key', async () => {
    const ai = developer(clapper.baseUrl);
    const submitted = await ai.models.generateVideos(developerParameters({ source: { prompt: 'a cat' } }));
    makesVideos(world, [mp4(8)]);
    await finish(world);
    const done = await ai.operations.getVideosOperation({ operation: submitted });
    const video = done.response?.generatedVideos?.[0]?.video;
    if (!video) throw new Error('the operation has no video');
    const bucket = await serveOnLoopback(() => new Response(new Uint8Array(mp4(8))));
    world.output.signedReadUrl = async () => `${bucket.baseUrl}/signed`;
    try {
      const downloadPath = path.join(dir, 'sdk.mp4');
      seen = [];
      await ai.files.download({ file: video, downloadPath });
      expect(readFileSync(downloadPath)).toEqual(mp4(8));
      // The SDK extracts the file id from https URIs only. It puts an http URI into the path as if it were a name.
      const { pathname } = new URL(seen[0]?.path ?? '', clapper.baseUrl);
      expect(pathname).toMatch(/^\/v1beta\/files\/http:.*\/files\/[a-z2-7]{26}0:download$/);
      const response = await fetch(`${video.uri}&key=fake-key`);
      if (!response.body) throw new Error('the response has no body');
      await pipeline(Readable.fromWeb(response.body), createWriteStream(path.join(dir, 'fetch.mp4')));
      expect(readFileSync(path.join(dir, 'fetch.mp4'))).toEqual(mp4(8));
    } finally {
      await bucket.stop();
    }
  });

  it('gemini_nanobanana: with the newest SDK, the request equals the recording, and the result too', async () => {
    const exchange = golden('gemini_nanobanana');
    recorded = exchange;
    imageAnswer = exchange.response;
    const call = (baseUrl: string) => (): Promise<unknown> =>
      new GoogleGenAI({ apiKey: 'fake-key', httpOptions: { baseUrl } }).models.generateContent(NANO_BANANA);
    expect(await outcome(call(clapper.baseUrl))).toEqual(await outcome(call(replay.baseUrl)));
    expect(seen).toEqual([exchange.request]);
    expect(imageCalls).toMatchObject([{ provider: 'gemini', method: 'generateContent' }]);
  });
});
