/**
 * Google's own SDKs against our surfaces. Each recorded request (`test/golden/`) is sent by the SDK that recorded it, as
 * it was; what it makes of our answer is what it makes of the recorded one.
 *
 * What differs, and nothing else may: ids of operations, files and folders are ours (and so are their hosts), and
 * `metadata`, which the recordings do not have. A request that names a video of Google's names one of ours instead.
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
  if (!exchange || !('request' in exchange)) throw new Error(`there is no recording ${name}`);
  return exchange;
}

const dir = temporaryDir();
let tokens: Awaited<ReturnType<typeof startTokenServer>>;
let world: World;
let ours: Served;
let theirs: Served;
/** What the recorded server answers. */
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
  ours = await serveOnLoopback(async (request) => {
    const text = await request.clone().text();
    const { pathname, search } = new URL(request.url);
    seen.push({
      method: request.method,
      path: pathname + search,
      body: text === '' ? undefined : JSON.parse(text),
    });
    return api.fetch(request);
  });
  theirs = await serveOnLoopback(() => Response.json(recorded.response, { status: recorded.status ?? 200 }));
});
afterAll(async () => {
  await Promise.all([ours.stop(), theirs.stop(), tokens.stop()]);
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

/** What the SDK returns or throws, as data, with what is ours or Google's own in every answer taken out. */
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

/** The SDK's own name of the operation, put in place of the recording's. */
const nameOf = (operation: { name?: string | undefined }): string => z.string().parse(operation.name);

const IMAGE_BYTES = 'iVBORw0KGgo=';
const inline = { imageBytes: IMAGE_BYTES, mimeType: 'image/png' };
const byName = (name: string) => ({ gcsUri: `gs://b/${name}`, mimeType: 'image/png' });
const references = [inline, inline, inline].map((image) => ({ image, referenceType: 'ASSET' }));

/** The recordings' calls of the SDK in Vertex mode. */
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
    '%s: sends what was recorded, and parses the same',
    async (name, call) => {
      const exchange = golden(name);
      recorded = exchange;
      const submit = (baseUrl: string) => () => vertex(baseUrl).models.generateVideos(vertexParameters(call));
      expect(await outcome(submit(ours.baseUrl))).toEqual(await outcome(submit(theirs.baseUrl)));
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
    readonly makes?: { readonly videos: readonly Uint8Array[]; readonly reasons?: readonly string[] };
    readonly answers?: Extract<PollAnswer, { kind: 'error' }>;
  }
  const ENDINGS: Readonly<Record<string, Ending>> = {
    vertex_poll_running: {},
    vertex_poll_done_gcs: {
      config: { outputGcsUri: 'gs://b/out/', numberOfVideos: 2 },
      makes: { videos: [mp4(8), mp4(8)] },
    },
    vertex_poll_done_bytes: { makes: { videos: [Buffer.from('AAAAIGZ0eXA=', 'base64')] } },
    vertex_poll_rai_partial: {
      config: { outputGcsUri: 'gs://b/out/', numberOfVideos: 2 },
      makes: { videos: [mp4(8)], reasons: ['... Support codes: 58061214'] },
    },
    vertex_poll_rai_all_filtered: {
      makes: {
        videos: [],
        reasons: ['Veo could not generate videos because ... Support codes: 15236754'],
      },
    },
    vertex_poll_error_code3: {
      answers: {
        kind: 'error',
        code: 3,
        message: 'The prompt could not be submitted ... Support codes: 29310472',
      },
    },
    vertex_poll_error_code8: { answers: { kind: 'error', code: 8, message: 'Resource exhausted' } },
    vertex_poll_error_code13: { answers: { kind: 'error', code: 13, message: 'Internal error' } },
  };

  it.each(Object.entries(ENDINGS))('%s: parses the same of a job that ended so', async (name, ending) => {
    const config = ending.config ?? {};
    const submitted = await vertex(ours.baseUrl).models.generateVideos(
      vertexParameters({ source: { prompt: 'a cat' }, config }),
    );
    const { makes, answers } = ending;
    if (makes) makesVideos(world, makes.videos, makes.reasons);
    if (answers) world.vertex.onPoll = () => answers;
    if (makes || answers) await finish(world);
    recorded = golden(name);
    seen = [];
    const operationName = nameOf(submitted);
    expect(await poll(ours.baseUrl, operationName)).toEqual(
      await poll(theirs.baseUrl, z.object({ name: z.string() }).parse(recorded.response).name),
    );
    const { request } = golden(name);
    expect(comparable(seen)).toEqual(comparable([request]));
  });

  it('fails with the same error for an operation that there is not', async () => {
    recorded = golden('vertex_http_404');
    const { body } = golden('vertex_poll_running').request;
    const { operationName } = z.object({ operationName: z.string() }).parse(body);
    expect(await poll(ours.baseUrl, operationName)).toEqual(await poll(theirs.baseUrl, operationName));
  });

  it.each(['vertex_nanobanana', 'vertex_imagen'])(
    '%s: sends what was recorded, and parses the same',
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
      expect(await outcome(call(ours.baseUrl))).toEqual(await outcome(call(theirs.baseUrl)));
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
    '%s: sends what was recorded, and parses the same',
    async (name, call) => {
      const exchange = golden(name);
      recorded = exchange;
      const submit = (baseUrl: string) => () =>
        developer(baseUrl).models.generateVideos(developerParameters(call));
      expect(await outcome(submit(ours.baseUrl))).toEqual(await outcome(submit(theirs.baseUrl)));
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
  ])('%s: parses the same of a job that ended so', async (name, end) => {
    const submitted = await developer(ours.baseUrl).models.generateVideos(
      developerParameters({ source: { prompt: 'a cat' } }),
    );
    end();
    if (!name.endsWith('running')) await finish(world);
    recorded = golden(name);
    seen = [];
    expect(await poll(ours.baseUrl, nameOf(submitted))).toEqual(await poll(theirs.baseUrl, recordedName));
    expect(comparable(seen)).toEqual(comparable([golden(name).request]));
  });

  it('fails with the same error for an operation that there is not, or no longer', async () => {
    recorded = golden('v2.32.0_gemini_retired_404');
    expect(await poll(ours.baseUrl, recordedName)).toEqual(await poll(theirs.baseUrl, recordedName));
  });

  it('v2.32.0_gemini_extend_uri: extends the video that its last operation has given out', async () => {
    const exchange = golden('v2.32.0_gemini_extend_uri');
    const ai = developer(ours.baseUrl);
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
    expect(await outcome(submit(ours.baseUrl))).toEqual(await outcome(submit(theirs.baseUrl)));
    expect(comparable(seen)).toEqual(comparable([exchange.request]));
    const extension = (await world.jobs.all()).find(({ request }) => request.task === 'extend');
    expect(extension?.request.video).toMatchObject({ durationSeconds: 8 });
  });

  it('downloads what its operation has given out, by the SDK and by the URI with a key appended', async () => {
    const ai = developer(ours.baseUrl);
    const submitted = await ai.models.generateVideos(developerParameters({ source: { prompt: 'a cat' } }));
    makesVideos(world, [mp4(8)]);
    await finish(world);
    const done = await ai.operations.getVideosOperation({ operation: submitted });
    const video = done.response?.generatedVideos?.[0]?.video;
    if (!video) throw new Error('there is no video');
    const bucket = await serveOnLoopback(() => new Response(new Uint8Array(mp4(8))));
    world.output.signedReadUrl = async () => `${bucket.baseUrl}/signed`;
    try {
      const downloadPath = path.join(dir, 'sdk.mp4');
      seen = [];
      await ai.files.download({ file: video, downloadPath });
      expect(readFileSync(downloadPath)).toEqual(mp4(8));
      // The SDK reads an id out of an https URI only; one of http it takes for a name, and puts it into the path.
      const { pathname } = new URL(seen[0]?.path ?? '', ours.baseUrl);
      expect(pathname).toMatch(/^\/v1beta\/files\/http:.*\/files\/[a-z2-7]{26}0:download$/);
      const response = await fetch(`${video.uri}&key=fake-key`);
      if (!response.body) throw new Error('there is no body');
      await pipeline(Readable.fromWeb(response.body), createWriteStream(path.join(dir, 'fetch.mp4')));
      expect(readFileSync(path.join(dir, 'fetch.mp4'))).toEqual(mp4(8));
    } finally {
      await bucket.stop();
    }
  });

  it('gemini_nanobanana: the newest SDK sends what was recorded, and parses the same', async () => {
    const exchange = golden('gemini_nanobanana');
    recorded = exchange;
    imageAnswer = exchange.response;
    const call = (baseUrl: string) => (): Promise<unknown> =>
      new GoogleGenAI({ apiKey: 'fake-key', httpOptions: { baseUrl } }).models.generateContent(NANO_BANANA);
    expect(await outcome(call(ours.baseUrl))).toEqual(await outcome(call(theirs.baseUrl)));
    expect(seen).toEqual([exchange.request]);
    expect(imageCalls).toMatchObject([{ provider: 'gemini', method: 'generateContent' }]);
  });
});
