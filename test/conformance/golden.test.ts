/**
 * The recorded exchanges of Google's own SDK (`test/golden/`): given the equivalent job, the adapters send the same
 * method, path and body, and take every recorded answer for what it is.
 *
 * Two differences are meant, and are all that is allowed: Clapper always says what its defaults are (a recording of a
 * minimal call leaves them out), and on Vertex pictures go by name, never as bytes through a function.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createGeminiProvider } from '../../functions/adapters/gemini-provider.ts';
import { createOmniProvider } from '../../functions/adapters/omni-provider.ts';
import { createVertexProvider } from '../../functions/adapters/vertex-provider.ts';
import type { VideoRequest } from '../../functions/core/job.ts';
import type { Stage } from '../../functions/core/stages.ts';
import { currentStage } from '../../functions/core/stages.ts';
import type { PollAnswer, SubmitAnswer, VideoProvider } from '../../functions/ports.ts';
import { startTokenServer } from '../../infra/identity/token-server.ts';
import { loadIdentity } from '../../infra/shared/identity.ts';
import { credentialsFor } from '../support/credentials.ts';
import { makeRequest } from '../support/requests.ts';
import { temporaryDir } from '../support/temporary-dir.ts';

const exchangeSchema = z.object({
  request: z.object({ method: z.string(), path: z.string(), body: z.unknown().optional() }),
  response: z.unknown(),
  status: z.number().optional(),
});
const GOLDEN = z
  .record(z.string(), exchangeSchema)
  .parse(JSON.parse(readFileSync(new URL('../golden/exchanges.json', import.meta.url), 'utf8')));

function golden(name: string): z.infer<typeof exchangeSchema> {
  const exchange = GOLDEN[name];
  if (!exchange) throw new Error(`there is no recording ${name}`);
  return exchange;
}

/** The picture of the recordings: the first bytes of a PNG. */
const PICTURE = Buffer.from('iVBORw0KGgo=', 'base64');

const dir = temporaryDir();
let server: Server;
let tokens: Awaited<ReturnType<typeof startTokenServer>>;
let baseUrl = '';
let answer: { status: number; body: unknown } = { status: 200, body: {} };
let seen: { method: string; path: string; body: unknown }[] = [];

beforeAll(async () => {
  tokens = await startTokenServer(loadIdentity(dir));
  process.env['GOOGLE_CLOUD_PROJECT'] = 'my-proj';
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = credentialsFor(
    dir,
    `http://127.0.0.1:${tokens.port}/token`,
  );
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const text = Buffer.concat(chunks).toString();
    seen.push({
      method: request.method ?? '',
      path: request.url ?? '',
      body: text === '' ? undefined : JSON.parse(text),
    });
    const { status, body } = answer;
    const json = typeof body !== 'string';
    response.writeHead(status, { 'content-type': json ? 'application/json' : 'text/html' });
    response.end(json ? JSON.stringify(body) : body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  baseUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await tokens.stop();
});

const pollTimeoutMs = 5000;
const providers = {
  vertex: (): VideoProvider =>
    createVertexProvider({ project: 'my-proj', getAccessToken: async () => 't', baseUrl, pollTimeoutMs }),
  gemini: (): VideoProvider =>
    createGeminiProvider({ apiKey: 'k', baseUrl, pollTimeoutMs, readImage: async () => PICTURE, fetch }),
  omni: (): VideoProvider =>
    createOmniProvider({
      backend: { kind: 'developer', apiKey: 'k', baseUrl },
      pollTimeoutMs,
      readInput: async () => PICTURE,
      fetch,
    }),
  omniOnVertex: (): VideoProvider =>
    createOmniProvider({
      backend: { kind: 'vertex', project: 'my-proj', baseUrl, getAccessToken: async () => 't' },
      pollTimeoutMs,
      readInput: async () => PICTURE,
      fetch,
    }),
} as const;

async function submit(
  provider: VideoProvider,
  stage: Stage,
  outputUri = 'gs://b/out/',
): Promise<SubmitAnswer> {
  seen = [];
  const location = stage.provider === 'vertex' ? 'us-central1' : 'global';
  return (await provider.prepare({ stage, location, outputUri, timeoutMs: 5000 }))();
}

const stage = (over: Partial<VideoRequest>): Stage =>
  currentStage({ request: makeRequest(over), attempts: [] });
const picture = (gcsUri: string) => ({ gcsUri, mimeType: 'image/png' }) as const;

type Json = Record<string, unknown>;
const jsonSchema = z.record(z.string(), z.unknown());

/** Takes out of `sent` whatever the recording does not say of `stated`, the defaults that Clapper always states. */
function unstated(sent: unknown, recorded: unknown, key: string, stated: readonly string[]): unknown {
  const body: Json = { ...jsonSchema.parse(sent) };
  const said: Json = jsonSchema.catch({}).parse(jsonSchema.catch({}).parse(recorded)[key]);
  const kept = Object.entries(jsonSchema.catch({}).parse(body[key])).filter(
    ([name]) => name in said || !stated.includes(name),
  );
  if (kept.length === 0 && !(key in jsonSchema.catch({}).parse(recorded))) delete body[key];
  else body[key] = Object.fromEntries(kept);
  return body;
}
const DEFAULTS = [
  'sampleCount',
  'durationSeconds',
  'aspectRatio',
  'resolution',
  'generateAudio',
  'storageUri',
];

const MODEL = 'veo-3.1-generate-001';
const PREVIEW = { provider: 'gemini', model: 'veo-3.1-generate-preview' } as const;
const EVERYTHING: Partial<VideoRequest> = {
  model: MODEL,
  sampleCount: 2,
  durationSeconds: 8,
  seed: 42,
  aspectRatio: '16:9',
  resolution: '1080p',
  personGeneration: 'allow_adult',
  negativePrompt: 'blurry',
  enhancePrompt: true,
  generateAudio: true,
  image: picture('gs://b/first.png'),
  lastFrame: picture('gs://b/last.png'),
  compressionQuality: 'optimized',
  resizeMode: 'pad',
  fps: 24,
  labels: { team: 'x' },
};

describe('what goes out to Veo is what Google’s SDK sends', () => {
  const cases: [string, keyof typeof providers, Partial<VideoRequest>][] = [
    ['vertex_t2v_min', 'vertex', { model: MODEL }],
    ['vertex_all_options', 'vertex', EVERYTHING],
    ['vertex_i2v_gcs', 'vertex', { model: MODEL, image: picture('gs://b/in.png') }],
    [
      'vertex_first_last_gcs',
      'vertex',
      { model: MODEL, image: picture('gs://b/first.png'), lastFrame: picture('gs://b/last.png') },
    ],
    [
      'vertex_extend_gcs',
      'vertex',
      {
        model: MODEL,
        prompt: 'go on',
        video: { gcsUri: 'gs://b/out/123/sample_0.mp4', mimeType: 'video/mp4', durationSeconds: 8 },
      },
    ],
    ['v2.32.0_gemini_t2v_min', 'gemini', PREVIEW],
    [
      'v2.32.0_gemini_first_last',
      'gemini',
      { ...PREVIEW, image: picture('gs://b/a'), lastFrame: picture('gs://b/b') },
    ],
    [
      'v2.32.0_gemini_refs_asset3',
      'gemini',
      { ...PREVIEW, referenceImages: [1, 2, 3].map((n) => picture(`gs://b/${n}`)) },
    ],
    [
      'v2.32.0_gemini_all_options',
      'gemini',
      {
        ...PREVIEW,
        image: picture('gs://b/a'),
        lastFrame: picture('gs://b/b'),
        resolution: '1080p',
        personGeneration: 'allow_adult',
        negativePrompt: 'blurry',
      },
    ],
  ];
  it.each(cases)('%s', async (name, provider, over) => {
    const { request, response } = golden(name);
    answer = { status: 200, body: response };
    expect(await submit(providers[provider](), stage(over))).toMatchObject({ kind: 'accepted' });
    expect(seen).toHaveLength(1);
    const [sent] = seen;
    expect([sent?.method, sent?.path]).toEqual([request.method, request.path]);
    // Not offered: Pub/Sub messages of a form that nobody documents, webhooks, and the rewriter where the API has none.
    const recorded = omit(request.body, ['pubsubTopic', ...(provider === 'gemini' ? ['enhancePrompt'] : [])]);
    expect(unstated(sent?.body, recorded, 'parameters', DEFAULTS)).toEqual(recorded);
  });

  it('v2.32.0_gemini_extend_uri, from the file that the Developer API still keeps, and from no other', async () => {
    const { request, response } = golden('v2.32.0_gemini_extend_uri');
    answer = { status: 200, body: response };
    const sourceUri = 'https://generativelanguage.googleapis.com/v1beta/files/abc123:download?alt=media';
    const video = { gcsUri: 'gs://b/out/sample_0.mp4', mimeType: 'video/mp4', durationSeconds: 8 } as const;
    await submit(providers.gemini(), stage({ ...PREVIEW, prompt: 'go on', video: { ...video, sourceUri } }));
    expect([seen[0]?.method, seen[0]?.path]).toEqual([request.method, request.path]);
    expect(unstated(seen[0]?.body, request.body, 'parameters', DEFAULTS)).toEqual(request.body);
    await expect(submit(providers.gemini(), stage({ ...PREVIEW, video }))).rejects.toThrow(
      'only its own videos',
    );
  });

  it('vertex_refs_asset3, with the pictures by name', async () => {
    const { request, response } = golden('vertex_refs_asset3');
    answer = { status: 200, body: response };
    await submit(
      providers.vertex(),
      stage({ model: MODEL, referenceImages: [1, 2, 3].map((n) => picture(`gs://b/${n}.png`)) }),
    );
    const recorded = JSON.parse(
      JSON.stringify(request.body).replaceAll('"bytesBase64Encoded":"iVBORw0KGgo="', '"gcsUri":"?"'),
    );
    const sent = JSON.parse(JSON.stringify(seen[0]?.body).replace(/"gcsUri":"[^"]+"/g, '"gcsUri":"?"'));
    expect(unstated(sent, recorded, 'parameters', DEFAULTS)).toEqual(recorded);
  });
});

/** The recorded body without webhooks and without these parameters. */
function omit(body: unknown, parameters: readonly string[]): unknown {
  const { webhookConfig: _, ...rest } = jsonSchema.parse(body);
  const said = jsonSchema.safeParse(rest['parameters']);
  if (!said.success) return rest;
  return {
    ...rest,
    parameters: Object.fromEntries(Object.entries(said.data).filter(([name]) => !parameters.includes(name))),
  };
}

describe('what goes out to the image models is what Google’s SDK sends', () => {
  const image = (model: string): Stage => ({
    kind: 'image',
    provider: 'vertex',
    model,
    prompt: 'a cat',
    image: undefined,
    aspectRatio: '16:9',
  });

  it('vertex_nanobanana, but for the size, which is the model’s default', async () => {
    const { request, response } = golden('vertex_nanobanana');
    answer = { status: 200, body: response };
    expect(await submit(providers.vertex(), image('gemini-3.1-flash-image'))).toEqual({
      kind: 'image',
      bytes: PICTURE,
      mimeType: 'image/png',
    });
    const recorded = JSON.parse(JSON.stringify(request.body).replace(',"imageSize":"2K"', ''));
    expect(seen).toEqual([{ method: request.method, path: request.path, body: recorded }]);
  });

  it('gemini_nanobanana, but for the size', async () => {
    const { request, response } = golden('gemini_nanobanana');
    answer = { status: 200, body: response };
    const onDeveloper = { ...image('gemini-3.1-flash-image'), provider: 'gemini' } as const;
    expect(await submit(providers.gemini(), onDeveloper)).toMatchObject({
      kind: 'image',
      mimeType: 'image/png',
    });
    const recorded = JSON.parse(JSON.stringify(request.body).replace(',"imageSize":"2K"', ''));
    expect(seen).toEqual([{ method: request.method, path: request.path, body: recorded }]);
  });

  it('vertex_imagen, but for one picture instead of two and the default of people', async () => {
    const { request, response } = golden('vertex_imagen');
    answer = { status: 200, body: response };
    await submit(providers.vertex(), image('imagen-4.0-generate-001'), 'gs://b/img/');
    const recorded = JSON.parse(
      JSON.stringify(request.body)
        .replace('"sampleCount":2', '"sampleCount":1')
        .replace('"personGeneration":"ALLOW_ADULT",', ''),
    );
    expect(seen).toEqual([{ method: request.method, path: request.path, body: recorded }]);
  });
});

describe('what goes out to Omni is what Google’s SDK sends', () => {
  const OMNI = { provider: 'omni', model: 'gemini-omni-1.2-flash' } as const;
  const stated = ['aspect_ratio', 'resolution', 'duration'];

  it('gemini_omni_create_background, without the webhook, in one request', async () => {
    const { request, response } = golden('gemini_omni_create_background');
    answer = { status: 200, body: response };
    expect(await submit(providers.omni(), stage(OMNI))).toMatchObject({
      kind: 'accepted',
      operation: { name: 'v1_abc' },
    });
    const { webhook_config: _, ...recorded } = jsonSchema.parse(request.body);
    expect(seen).toEqual([{ method: request.method, path: request.path, body: recorded }]);
  });

  it('gemini_omni_i2v', async () => {
    const { request, response } = golden('gemini_omni_i2v');
    answer = { status: 200, body: response };
    await submit(providers.omni(), stage({ ...OMNI, image: picture('gs://b/a') }));
    expect(unstated(seen[0]?.body, request.body, 'response_format', stated)).toEqual({
      ...jsonSchema.parse(request.body),
      store: true,
    });
  });

  it('vertex_omni_create', async () => {
    const { request, response } = golden('vertex_omni_create');
    answer = { status: 200, body: response };
    await submit(
      providers.omniOnVertex(),
      stage({
        ...OMNI,
        aspectRatio: '9:16',
        resolution: '1080p',
        durationSeconds: 10,
        labels: { team: 'x' },
      }),
    );
    const recorded = jsonSchema.parse(request.body);
    expect(seen[0]).toMatchObject({ method: request.method, path: request.path });
    expect(seen[0]?.body).toEqual({
      ...recorded,
      store: true,
      generation_config: { video_config: { task: 'text_to_video' } },
    });
  });

  it('gemini_omni_maxRetries0_503: one request, whatever it is answered', async () => {
    answer = { status: 503, body: { error: { code: 503, message: 'x', status: 'UNAVAILABLE' } } };
    expect(await submit(providers.omni(), stage(OMNI))).toMatchObject({
      kind: 'failed',
      signal: { kind: 'http', status: 503 },
    });
    expect(seen).toHaveLength(1);
  });
});

describe('what comes back is taken for what it is', () => {
  const poll = async (name: string, provider: keyof typeof providers): Promise<PollAnswer> => {
    const { response, status, request } = golden(name);
    answer = { status: status ?? 200, body: response };
    seen = [];
    const operationName =
      provider === 'vertex'
        ? String(jsonSchema.parse(request.body)['operationName'])
        : (/models\/.*|v1_abc/.exec(request.path)?.[0] ?? '').replace(/\?.*/, '');
    const family = provider === 'omniOnVertex' ? 'omni' : provider;
    const polled = await providers[provider]().poll({
      provider: family,
      name: operationName,
      model: 'm',
      location: 'us-central1',
    });
    expect(seen.map(({ method, path }) => [method, path])).toEqual([[request.method, request.path]]);
    if (provider === 'vertex') expect(seen[0]?.body).toEqual(request.body);
    return polled;
  };
  const nothing = { sources: [], filteredCount: 0, filteredReasons: [] };

  it.each<[string, keyof typeof providers, unknown]>([
    ['vertex_poll_running', 'vertex', { kind: 'running' }],
    [
      'vertex_poll_done_gcs',
      'vertex',
      {
        kind: 'done',
        result: {
          sources: [
            { uri: 'gs://b/out/10842048361513951411/sample_0.mp4' },
            { uri: 'gs://b/out/10842048361513951411/sample_1.mp4' },
          ],
        },
      },
    ],
    // Never asked for: without names the listing of the prefix decides.
    ['vertex_poll_done_bytes', 'vertex', { kind: 'done', result: nothing }],
    ['vertex_poll_legacy_generatedSamples_LOST', 'vertex', { kind: 'done', result: nothing }],
    ['vertex_poll_rai_partial', 'vertex', { kind: 'done', result: { sources: [{}], filteredCount: 1 } }],
    [
      'vertex_poll_rai_all_filtered',
      'vertex',
      {
        kind: 'done',
        result: { sources: [], filteredCount: 1, filteredReasons: [expect.stringContaining('15236754')] },
      },
    ],
    ['vertex_poll_error_code3', 'vertex', { kind: 'error', code: 3 }],
    ['vertex_poll_error_code8', 'vertex', { kind: 'error', code: 8, message: 'Resource exhausted' }],
    ['vertex_poll_error_code13', 'vertex', { kind: 'error', code: 13 }],
    ['v2.32.0_gemini_poll_running', 'gemini', { kind: 'running' }],
    [
      'v2.32.0_gemini_poll_done_uri',
      'gemini',
      { kind: 'done', result: { sources: [{ uri: expect.stringContaining('files/abc123:download') }] } },
    ],
    ['v2.32.0_gemini_poll_rai', 'gemini', { kind: 'done', result: { sources: [], filteredCount: 1 } }],
    ['v2.32.0_gemini_poll_error', 'gemini', { kind: 'error', code: 3, message: 'blocked' }],
    [
      'v2.32.0_gemini_retired_404',
      'gemini',
      {
        kind: 'failed',
        signal: { kind: 'http', status: 404, message: expect.stringContaining('no longer available') },
      },
    ],
    [
      'gemini_omni_get_done',
      'omni',
      { kind: 'done', result: { sources: [{ uri: expect.stringContaining('files/vid123') }] } },
    ],
    [
      'gemini_omni_get_failed',
      'omni',
      { kind: 'done', result: { sources: [], filteredCount: 1, filteredReasons: ['blocked'] } },
    ],
    [
      'vertex_omni_get',
      'omniOnVertex',
      { kind: 'done', result: { sources: [{ uri: 'gs://b/out/x/sample_0.mp4' }] } },
    ],
  ])('%s', async (name, provider, expected) => {
    expect(await poll(name, provider)).toMatchObject(jsonSchema.parse(expected));
  });

  it('gemini_omni_cancel', async () => {
    const { request, response } = golden('gemini_omni_cancel');
    answer = { status: 200, body: response };
    seen = [];
    await providers.omni().cancel?.({ provider: 'omni', name: 'v1_abc', model: 'm', location: 'global' });
    expect(seen).toMatchObject([{ method: request.method, path: request.path }]);
  });

  it.each([
    ['vertex_http_400', { kind: 'http', status: 400 }],
    ['vertex_http_404', { kind: 'http', status: 404, message: 'Publisher Model ... was not found' }],
    ['vertex_http_429', { kind: 'http', status: 429, message: expect.stringContaining('Quota exceeded') }],
    ['vertex_http_502_html', { kind: 'http', status: 502 }],
    ['vertex_http_503', { kind: 'http', status: 503 }],
    ['vertex_http_200_not_json', { kind: 'unreadable' }],
  ])('%s, of a submission', async (name, signal) => {
    const { response, status } = golden(name);
    answer = { status: status ?? 200, body: response };
    expect(await submit(providers.vertex(), stage({ model: MODEL }))).toMatchObject({
      kind: 'failed',
      signal,
    });
    expect(seen).toHaveLength(1);
  });
});
