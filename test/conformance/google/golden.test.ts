/**
 * The adapters against the recorded exchanges of Google's own SDK (`test/golden/`). For the equivalent job they must send
 * the recorded method, path and body, and they must parse every recorded reply.
 *
 * Only these may differ:
 * - Clapper always sends its defaults; the recording of a minimal call omits them (`ALWAYS_SENT`).
 * - A webhook has Clapper's own metadata: ids of job and attempt.
 * - A job has one first frame; the recording of Imagen on Vertex requests two.
 * - The recording of Imagen on the Developer API has a reply only: the SDK does not send the request.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createGeminiProvider } from '../../../functions/adapters/gemini-provider.ts';
import { createOmniProvider } from '../../../functions/adapters/omni-provider.ts';
import { createVertexProvider } from '../../../functions/adapters/vertex-provider.ts';
import type { Stage } from '../../../functions/core/job/stages.ts';
import { currentStage, stagesOf } from '../../../functions/core/job/stages.ts';
import type { StoredVideo, VideoRequest } from '../../../functions/core/job/video-request.ts';
import type { PollAnswer, SubmitAnswer, VideoProvider } from '../../../functions/ports.ts';
import { startTokenServer } from '../../../infra/identity/token-server.ts';
import { loadIdentity } from '../../../infra/shared/identity.ts';
import { credentialsFor } from '../../support/credentials.ts';
import { makeRequest } from '../../support/requests.ts';
import { temporaryDir } from '../../support/temporary-dir.ts';
import { wholeRequests } from '../../support/whole-requests.ts';

const exchangeSchema = z.object({
  request: z.object({ method: z.string(), path: z.string(), body: z.unknown().optional() }),
  response: z.unknown(),
  status: z.number().optional(),
});
const GOLDEN = z
  .record(z.string(), z.union([exchangeSchema, exchangeSchema.omit({ request: true })]))
  .parse(JSON.parse(readFileSync(new URL('../../golden/exchanges.json', import.meta.url), 'utf8')));

function golden(name: string): z.infer<typeof exchangeSchema> {
  const exchange = GOLDEN[name];
  if (!exchange || !('request' in exchange))
    throw new Error(`test/golden/exchanges.json has no exchange with a request named ${name}`);
  return exchange;
}

/** The image of the recordings: the signature of a PNG. */
const IMAGE = Buffer.from('iVBORw0KGgo=', 'base64');

const dir = temporaryDir();
let server: Server;
let tokens: Awaited<ReturnType<typeof startTokenServer>>;
let baseUrl = '';
let answer: { status: number; body: unknown } | 'reset' | 'no-reply' = { status: 200, body: {} };
let seen: { method: string; path: string; body: unknown }[] = [];

beforeAll(async () => {
  tokens = await startTokenServer(loadIdentity(dir));
  process.env['GOOGLE_CLOUD_PROJECT'] = 'my-proj';
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = credentialsFor(
    dir,
    `http://127.0.0.1:${tokens.port}/token`,
  );
  server = createServer(
    wholeRequests((request, received, response) => {
      const text = received.toString();
      seen.push({
        method: request.method ?? '',
        path: request.url ?? '',
        body: text === '' ? undefined : JSON.parse(text),
      });
      if (answer === 'reset') request.socket.resetAndDestroy();
      if (answer === 'reset' || answer === 'no-reply') return;
      const { status, body } = answer;
      const json = typeof body !== 'string';
      response.writeHead(status, { 'content-type': json ? 'application/json' : 'text/html' });
      response.end(json ? JSON.stringify(body) : body);
    }),
  );
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
const webhook = { uri: 'https://h.example/hook' };
const vertexOptions = {
  project: 'my-proj',
  getAccessToken: async () => 't',
  pollTimeoutMs,
};
const readImage = async (): Promise<Uint8Array> => IMAGE;
const gemini = (options: { webhook?: typeof webhook } = {}): VideoProvider =>
  createGeminiProvider({
    ...{ apiKey: 'k', baseUrl, pollTimeoutMs, readImage, fetch },
    ...options,
  });
const omni = (options: { webhook?: typeof webhook } = {}): VideoProvider =>
  createOmniProvider({
    backend: { kind: 'developer', apiKey: 'k', baseUrl },
    ...{ pollTimeoutMs, readInput: readImage, fetch },
    ...options,
  });
const omniOnVertex = (options: { webhook?: typeof webhook } = {}): VideoProvider => {
  const access = { project: 'my-proj', baseUrl, getAccessToken: async () => 't' };
  return createOmniProvider({
    backend: { kind: 'vertex', ...access, idOf: (id) => id },
    ...{ pollTimeoutMs, readInput: readImage, fetch },
    ...options,
  });
};
const providers = {
  vertex: (): VideoProvider => createVertexProvider({ ...vertexOptions, baseUrl }),
  /** Sends images inline. */
  vertexInline: (): VideoProvider => createVertexProvider({ ...vertexOptions, baseUrl, readImage }),
  gemini: (): VideoProvider => gemini(),
  geminiWithWebhook: (): VideoProvider => gemini({ webhook }),
  omni: (): VideoProvider => omni(),
  omniWithWebhook: (): VideoProvider => omni({ webhook }),
  omniOnVertex: (): VideoProvider => omniOnVertex(),
} as const;

async function submit(
  provider: VideoProvider,
  stage: Stage,
  { outputUri = 'gs://b/out/', timeoutMs = 5000 } = {},
): Promise<SubmitAnswer> {
  seen = [];
  const location = stage.provider === 'vertex' ? 'us-central1' : 'global';
  const call = { jobId: 'job_1', attemptId: 'att_1', stage, location, outputUri, timeoutMs };
  return (await provider.prepare(call))();
}

const stage = (over: Partial<VideoRequest>): Stage =>
  currentStage({ request: makeRequest(over), attempts: [] });
const imageAt = (gcsUri: string) => ({ gcsUri, mimeType: 'image/png' }) as const;

const jsonSchema = z.record(z.string(), z.unknown());

/** Fields that Clapper always sends and a recording may omit. */
const ALWAYS_SENT: readonly string[] = [
  ...['sampleCount', 'durationSeconds', 'aspectRatio', 'resolution', 'generateAudio', 'storageUri'],
  ...['store', 'response_format', 'aspect_ratio', 'duration', 'generation_config', 'includeRaiReason'],
];

/** `sent` without the {@link ALWAYS_SENT} fields that `recorded` does not have. */
function withoutDefaults(sent: unknown, recorded: unknown): unknown {
  const [sentObject, recordedObject] = [jsonSchema.safeParse(sent), jsonSchema.safeParse(recorded)];
  if (!sentObject.success) return sent;
  const expected = recordedObject.success ? recordedObject.data : {};
  const kept = Object.entries(sentObject.data).flatMap(([key, value]): [string, unknown][] => {
    if (!(key in expected) && ALWAYS_SENT.includes(key)) return [];
    const inner = withoutDefaults(value, expected[key]);
    const isEmptied = !(key in expected) && JSON.stringify(inner) === '{}';
    return isEmptied ? [] : [[key, inner]];
  });
  return Object.fromEntries(kept);
}

/** The recorded body with an intended difference: `from` replaced by `to`. */
const withReplacement = (body: unknown, [from, to]: readonly [string, string]): unknown => {
  const text = JSON.stringify(body);
  expect(text).toContain(from);
  return JSON.parse(text.replace(from, to));
};

const MODEL = 'veo-3.1-generate-001';
const PREVIEW = { provider: 'gemini', model: 'veo-3.1-generate-preview' } as const;
const OMNI = { provider: 'omni', model: 'gemini-omni-1.2-flash' } as const;
const FIRST_LAST: Partial<VideoRequest> = {
  image: imageAt('gs://b/first.png'),
  lastFrame: imageAt('gs://b/last.png'),
};
const ALL_OPTIONS: Partial<VideoRequest> = {
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
  ...FIRST_LAST,
  compressionQuality: 'optimized',
  resizeMode: 'pad',
  fps: 24,
  labels: { team: 'x' },
  pubsubTopic: 'projects/my-proj/topics/t',
};
const REFERENCES = { referenceImages: [1, 2, 3].map((n) => imageAt(`gs://b/${n}.png`)) };
const FIRST_FRAME = { prompt: 'a cat', provider: 'vertex', model: 'gemini-3.1-flash-image' } as const;
const INPUT_VIDEO = {
  gcsUri: 'gs://b/out/123/sample_0.mp4',
  mimeType: 'video/mp4',
  durationSeconds: 8,
  sourceUri: 'https://generativelanguage.googleapis.com/v1beta/files/abc123:download?alt=media',
} as const;
const metadata = (job: string, attempt: string): string =>
  JSON.stringify({ [job]: 'job_1', [attempt]: 'att_1' });

interface Submission {
  readonly provider: keyof typeof providers;
  readonly job: Partial<VideoRequest>;
  readonly outputUri?: string;
  /** An intended difference: the recorded text, and the text that Clapper sends. */
  readonly replacement?: readonly [string, string];
}
const SUBMISSIONS: Readonly<Record<string, Submission>> = {
  vertex_t2v_min: { provider: 'vertex', job: { model: MODEL } },
  vertex_all_options: { provider: 'vertex', job: ALL_OPTIONS },
  vertex_i2v_gcs: { provider: 'vertex', job: { model: MODEL, image: imageAt('gs://b/in.png') } },
  vertex_i2v_bytes: { provider: 'vertexInline', job: { model: MODEL, image: imageAt('gs://b/in.png') } },
  vertex_first_last_gcs: { provider: 'vertex', job: { model: MODEL, ...FIRST_LAST } },
  vertex_first_last: { provider: 'vertexInline', job: { model: MODEL, ...FIRST_LAST } },
  vertex_refs_asset3: { provider: 'vertexInline', job: { model: MODEL, ...REFERENCES } },
  vertex_extend_gcs: { provider: 'vertex', job: { model: MODEL, prompt: 'go on', video: INPUT_VIDEO } },
  vertex_nanobanana: { provider: 'vertex', job: { firstFrame: { ...FIRST_FRAME, imageSize: '2K' } } },
  vertex_imagen: {
    provider: 'vertex',
    job: {
      firstFrame: { ...FIRST_FRAME, model: 'imagen-4.0-generate-001' },
      personGeneration: 'allow_adult',
    },
    outputUri: 'gs://b/img/',
    replacement: ['"sampleCount":2', '"sampleCount":1'],
  },
  'v2.32.0_gemini_t2v_min': { provider: 'gemini', job: PREVIEW },
  'v2.32.0_gemini_first_last': { provider: 'gemini', job: { ...PREVIEW, ...FIRST_LAST } },
  'v2.32.0_gemini_refs_asset3': { provider: 'gemini', job: { ...PREVIEW, ...REFERENCES } },
  'v2.32.0_gemini_extend_uri': {
    provider: 'gemini',
    job: { ...PREVIEW, prompt: 'go on', video: INPUT_VIDEO },
  },
  'v2.32.0_gemini_all_options': {
    provider: 'geminiWithWebhook',
    job: {
      ...{ ...PREVIEW, ...FIRST_LAST, resolution: '1080p', personGeneration: 'allow_adult' },
      ...{ negativePrompt: 'blurry', enhancePrompt: true },
    },
    replacement: ['{"jobId":"1"}', metadata('job_id', 'attempt_id')],
  },
  gemini_nanobanana: {
    provider: 'gemini',
    job: { firstFrame: { ...FIRST_FRAME, provider: 'gemini', imageSize: '2K' } },
  },
  gemini_omni_create_background: {
    provider: 'omniWithWebhook',
    job: OMNI,
    replacement: ['{"jobId":"1"}', metadata('job_id', 'attempt_id')],
  },
  gemini_omni_i2v: { provider: 'omni', job: { ...OMNI, image: imageAt('gs://b/a') } },
  vertex_omni_create: {
    provider: 'omniOnVertex',
    job: {
      ...OMNI,
      ...{ aspectRatio: '9:16', resolution: '1080p', durationSeconds: 10, labels: { team: 'x' } },
    },
  },
};

describe('a submission sends the same request as Google’s SDK', () => {
  it.each(Object.entries(SUBMISSIONS))('%s', async (name, { provider, job, outputUri, replacement }) => {
    const { request, response } = golden(name);
    answer = { status: 200, body: response };
    const result = await submit(
      providers[provider](),
      stage(job),
      outputUri === undefined ? {} : { outputUri },
    );
    expect(result.kind).toBe(job.firstFrame ? 'image' : 'accepted');
    expect(seen).toHaveLength(1);
    const [sent] = seen;
    const recorded = replacement ? withReplacement(request.body, replacement) : request.body;
    expect([sent?.method, sent?.path]).toEqual([request.method, request.path]);
    expect(withoutDefaults(sent?.body, recorded)).toEqual(recorded);
  });

  it.each([
    ['dont_allow', 'ALLOW_NONE'],
    ['allow_adult', 'ALLOW_ADULT'],
    ['allow_all', 'ALLOW_ALL'],
  ] as const)(
    'personGeneration of a first frame: %s becomes %s for a Gemini image model',
    async (personGeneration, sent) => {
      answer = { status: 200, body: golden('vertex_nanobanana').response };
      await submit(providers.vertex(), stage({ firstFrame: FIRST_FRAME, personGeneration }));
      expect(seen[0]?.body).toMatchObject({
        generationConfig: { imageConfig: { aspectRatio: '16:9', personGeneration: sent } },
      });
    },
  );

  it('Omni sends a first and a last frame in that order, as image_to_video, like Google’s notebook', async () => {
    answer = { status: 200, body: { id: 'v1_abc' } };
    await submit(omniOnVertex(), stage({ ...OMNI, ...FIRST_LAST }));
    expect(seen[0]?.body).toMatchObject({
      input: [
        { type: 'text' },
        { type: 'image', uri: 'gs://b/first.png' },
        { type: 'image', uri: 'gs://b/last.png' },
      ],
      generation_config: { video_config: { task: 'image_to_video' } },
    });
  });

  it('Omni sends reference images and then videos, as reference_to_video, like Google’s notebook', async () => {
    answer = { status: 200, body: { id: 'v1_abc' } };
    const clip = { mimeType: 'video/mp4', durationSeconds: 3 } as const;
    const referenceVideos = ['leapfrog', 'run'].map((name) => ({ ...clip, gcsUri: `gs://b/${name}.mp4` }));
    const videos = (source: (name: string) => object) => [
      { type: 'video', ...source('leapfrog'), mime_type: 'video/mp4' },
      { type: 'video', ...source('run'), mime_type: 'video/mp4' },
    ];
    const sent = (): unknown => jsonSchema.parse(seen.at(-1)?.body);
    await submit(
      omniOnVertex(),
      stage({ ...OMNI, referenceImages: [imageAt('gs://b/robot.png')], referenceVideos }),
    );
    expect(sent()).toMatchObject({
      input: [
        { type: 'text' },
        { type: 'image', uri: 'gs://b/robot.png' },
        ...videos((name) => ({ uri: `gs://b/${name}.mp4` })),
      ],
      generation_config: { video_config: { task: 'reference_to_video' } },
    });
    await submit(providers.omni(), stage({ ...OMNI, referenceVideos }));
    expect(sent()).toMatchObject({
      input: [{ type: 'text' }, ...videos(() => ({ data: expect.any(String) }))],
      generation_config: { video_config: { task: 'reference_to_video' } },
    });
  });

  it('Omni continues the operation of the link before, where the bytes of its video would be too long', async () => {
    answer = { status: 200, body: { id: 'v1_abc' } };
    const { sourceUri } = INPUT_VIDEO;
    const link = (video: StoredVideo): Stage => {
      const stages = stagesOf(makeRequest({ ...OMNI, extensions: [{ durationSeconds: 3 }] }));
      const [, extend] = stages;
      if (extend?.kind !== 'extend') throw new Error('the chain has no second link');
      return { ...extend, video, previousOperationName: 'v1_first' };
    };
    const sent = () => {
      const { previous_interaction_id, input } = jsonSchema.parse(seen.at(-1)?.body);
      return { previous_interaction_id, input };
    };
    const video = { ...INPUT_VIDEO, durationSeconds: 13 };
    await submit(providers.omni(), link({ ...video, sourceUri }));
    expect(sent()).toEqual({ previous_interaction_id: 'v1_first', input: 'a cat' });
    const bytes = { type: 'video', data: expect.any(String), mime_type: 'video/mp4' };
    await submit(providers.omni(), link({ ...video, sourceUri: 'gs://b/out/123/sample_0.mp4' }));
    expect(sent()).toEqual({ input: [{ type: 'text', text: 'a cat' }, bytes] });
    await submit(omniOnVertex(), link(video));
    const named = { type: 'video', uri: 'gs://b/out/123/sample_0.mp4', mime_type: 'video/mp4' };
    expect(sent()).toEqual({ input: [{ type: 'text', text: 'a cat' }, named] });
  });

  it('Omni on Vertex sends no webhook_config: Vertex does not support it', async () => {
    answer = { status: 200, body: { id: 'v1_abc' } };
    await submit(omniOnVertex({ webhook }), stage(OMNI));
    expect(Object.keys(jsonSchema.parse(seen[0]?.body))).not.toContain('webhook_config');
  });

  it('v2.32.0_gemini_imagen: the request follows Google’s documents, and the reply is parsed as the image', async () => {
    answer = { status: 200, body: GOLDEN['v2.32.0_gemini_imagen']?.response };
    const imagen = { ...FIRST_FRAME, provider: 'gemini', model: 'imagen-4.0-generate-001' } as const;
    expect(await submit(providers.gemini(), stage({ firstFrame: { ...imagen, imageSize: '2K' } }))).toEqual({
      ...{ kind: 'image', bytes: IMAGE, mimeType: 'image/png' },
    });
    const parameters = { sampleCount: 1, aspectRatio: '16:9', sampleImageSize: '2K', includeRaiReason: true };
    expect(seen).toEqual([
      {
        method: 'POST',
        path: '/v1beta/models/imagen-4.0-generate-001:predict',
        body: { instances: [{ prompt: 'a cat' }], parameters },
      },
    ]);
  });

  it('a video that is not a file of the Developer API is not sent there', async () => {
    const { sourceUri: _, ...video } = INPUT_VIDEO;
    await expect(submit(providers.gemini(), stage({ ...PREVIEW, video }))).rejects.toThrow(
      'only its own videos',
    );
  });
});

describe('a recorded reply is parsed', () => {
  type Polled = 'vertex' | 'gemini' | 'omni' | 'omniOnVertex';
  const poll = async (name: string, provider: Polled): Promise<PollAnswer> => {
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

  const POLLS: readonly (readonly [string, Polled, unknown])[] = [
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
    // Clapper never requests inline videos: without names, it lists the prefix.
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
  ];
  it.each(POLLS)('%s', async (name, provider, expected) => {
    expect(await poll(name, provider)).toMatchObject(jsonSchema.parse(expected));
  });

  it('gemini_omni_cancel', async () => {
    const { request, response } = golden('gemini_omni_cancel');
    answer = { status: 200, body: response };
    seen = [];
    await providers.omni().cancel?.({ provider: 'omni', name: 'v1_abc', model: 'm', location: 'global' });
    expect(seen).toMatchObject([{ method: request.method, path: request.path }]);
  });

  /** Failures of a submission with prompt 'x'. */
  const FAILURES: readonly (readonly [string, typeof answer | undefined, unknown])[] = [
    ['vertex_http_400', undefined, { kind: 'http', status: 400 }],
    [
      'vertex_http_404',
      undefined,
      { kind: 'http', status: 404, message: 'Publisher Model ... was not found' },
    ],
    [
      'vertex_http_429',
      undefined,
      { kind: 'http', status: 429, message: expect.stringContaining('Quota exceeded') },
    ],
    ['vertex_http_502_html', undefined, { kind: 'http', status: 502 }],
    ['vertex_http_503', undefined, { kind: 'http', status: 503 }],
    ['vertex_http_200_not_json', undefined, { kind: 'unreadable' }],
    ['vertex_conn_reset', 'reset', { kind: 'network', sent: true }],
    ['vertex_timeout_500ms', 'no-reply', { kind: 'timeout' }],
    ['gemini_omni_maxRetries0_503', undefined, { kind: 'http', status: 503 }],
  ];
  it.each(FAILURES)('%s: the submission fails and is sent once', async (name, scripted, signal) => {
    const { request, response, status } = golden(name);
    answer = scripted ?? { status: status ?? 200, body: response };
    const [provider, job] = name.startsWith('vertex')
      ? [providers.vertex(), stage({ model: MODEL, prompt: 'x' })]
      : [providers.omni(), stage({ ...OMNI, prompt: 'x' })];
    expect(await submit(provider, job, { timeoutMs: 500 })).toMatchObject({ kind: 'failed', signal });
    expect(seen).toHaveLength(1);
    expect([seen[0]?.method, seen[0]?.path]).toEqual([request.method, request.path]);
    expect(withoutDefaults(seen[0]?.body, request.body)).toEqual(request.body);
  });

  it('every recording is used by a test', () => {
    const used = [
      ...Object.keys(SUBMISSIONS),
      ...[...POLLS, ...FAILURES].map(([name]) => name),
      ...['v2.32.0_gemini_imagen', 'gemini_omni_cancel'],
    ];
    expect(used.sort()).toEqual(Object.keys(GOLDEN).sort());
  });
});
