/**
 * Discovery on Google's surfaces: models, files and operations are listed, returned or refused in Google's shape, also
 * to Google's SDKs.
 */
import { GoogleGenAI } from '@google/genai';
import { GoogleGenAI as GoogleGenAI2 } from 'google-genai-2';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createApi } from '../../functions/handlers/api/api.ts';
import type { ImagePassThrough } from '../../functions/ports.ts';
import {
  finish,
  googleClient,
  googleWorld,
  makesVideos,
  mp4,
  type Served,
  serveOnLoopback,
} from '../support/google.ts';
import type { World } from '../support/memory.ts';

const IMAGES: ImagePassThrough = {
  serves: (provider) => provider === 'vertex',
  send: () => Promise.reject(new Error('no image is requested here')),
};
const BODY = { instances: [{ prompt: 'a kitten' }] };
const RETIRED = 'veo-3.1-generate-preview';

const modelSchema = z.strictObject({
  name: z.string().startsWith('models/'),
  version: z.string(),
  displayName: z.string(),
  description: z.string(),
  inputTokenLimit: z.int().positive(),
  supportedGenerationMethods: z.array(z.enum(['predictLongRunning', 'generateContent', 'predict'])).length(1),
});
const modelsSchema = z.strictObject({ models: z.array(modelSchema), nextPageToken: z.string().optional() });
const publisherModelSchema = z.strictObject({
  name: z.string().startsWith('publishers/google/models/'),
  versionId: z.string(),
  openSourceCategory: z.literal('PROPRIETARY'),
  launchStage: z.enum(['GA', 'PUBLIC_PREVIEW']),
  versionState: z.enum(['VERSION_STATE_STABLE', 'VERSION_STATE_UNSTABLE']),
});
const publisherModelsSchema = z.strictObject({
  publisherModels: z.array(publisherModelSchema),
  nextPageToken: z.string().optional(),
});
const filesSchema = z.strictObject({
  files: z.array(z.looseObject({ name: z.string() })),
  nextPageToken: z.string().optional(),
});
const operationsSchema = z.strictObject({
  operations: z.array(z.looseObject({ name: z.string() })),
  nextPageToken: z.string().optional(),
});

let served: Served | undefined;
afterEach(async () => {
  await served?.stop();
  served = undefined;
});

async function baseUrl(world: World): Promise<string> {
  const app = createApi(world.services);
  served = await serveOnLoopback((request) => app.fetch(request));
  return served.baseUrl;
}

const world = (settings = {}): World => googleWorld(settings, { images: IMAGES });
const idsOf = ({ models }: z.infer<typeof modelsSchema>): string[] =>
  models.map(({ name }) => name.replace('models/', ''));
const listOf = async (of: World, path = '/v1beta/models'): Promise<z.infer<typeof modelsSchema>> =>
  modelsSchema.parse((await googleClient(of).get(path)).body);

/** Reads every page. */
async function pages<T extends { nextPageToken?: string | undefined }>(
  of: World,
  path: string,
  schema: z.ZodType<T>,
): Promise<T[]> {
  const read: T[] = [];
  let token: string | undefined;
  do {
    const next: string = token === undefined ? path : `${path}&pageToken=${token}`;
    const page = schema.parse((await googleClient(of).get(next)).body);
    read.push(page);
    token = page.nextPageToken;
  } while (token !== undefined && read.length < 100);
  return read;
}

/** `count` finished jobs of one caller, with `videos` videos each. */
async function finishedJobs(of: World, count: number, videos = 1): Promise<string[]> {
  const { submit } = googleClient(of);
  makesVideos(
    of,
    Array.from({ length: videos }, () => mp4(8)),
  );
  const names: string[] = [];
  for (let n = 0; n < count; n++) {
    names.push(await submit(RETIRED, { ...BODY, parameters: { sampleCount: videos } }));
    of.clock.advance(1000);
    await finish(of);
  }
  return names;
}

describe('models.list (Wei-Shaw/claude-relay-service#866)', () => {
  it('on /v1beta/models has Google’s shape, each model once, living models first', async () => {
    const { models, nextPageToken } = await listOf(world());
    expect(nextPageToken).toBeUndefined();
    const ids = idsOf({ models });
    expect(new Set(ids).size).toBe(ids.length);
    expect(models[0]).toMatchObject({
      name: 'models/veo-3.1-generate-001',
      version: '3.1',
      inputTokenLimit: 1024,
      supportedGenerationMethods: ['predictLongRunning'],
    });
    const firstRetired = models.findIndex(({ description }) => description.startsWith('deprecated'));
    expect(firstRetired).toBeGreaterThan(0);
    expect(models.slice(firstRetired).every(({ description }) => description.startsWith('deprecated'))).toBe(
      true,
    );
    expect(ids).toEqual(expect.arrayContaining([RETIRED, 'gemini-omni-1.2-flash', 'gemini-3-pro-image']));
  });

  it('lists exactly the ids whose calls are accepted', async () => {
    for (const settings of [{}, { compatAliases: false, allowRetiredModels: false }]) {
      const of = world(settings);
      const { services } = of;
      const { models, retired } = services.catalogue;
      const listed = new Set(
        (await listOf(of)).models
          .filter(({ supportedGenerationMethods: [method] }) => method === 'predictLongRunning')
          .map(({ name }) => name.replace('models/', '')),
      );
      for (const { model } of [...models, ...retired]) {
        const { status } = await googleClient(of).post(`/v1beta/models/${model}:predictLongRunning`, BODY);
        expect([model, status === 200], JSON.stringify(settings)).toEqual([model, listed.has(model)]);
      }
    }
  });

  it('without aliases has no retired model, and without image models no image model', async () => {
    const of = googleWorld({ compatAliases: false, allowRetiredModels: false });
    expect(idsOf(await listOf(of))).toEqual([
      ...['veo-3.1-generate-001', 'veo-3.1-fast-generate-001', 'veo-3.1-lite-generate-001'],
      ...['gemini-omni-1.2-flash', 'gemini-omni-1.1-flash', 'gemini-omni-1.1-flash-preview'],
    ]);
  });

  it.each([1, 3, 7])('returns the same models in pages of %i', async (pageSize) => {
    const of = world();
    const read = await pages(of, `/v1beta/models?pageSize=${pageSize}`, modelsSchema);
    expect(read.flatMap(idsOf)).toEqual(idsOf(await listOf(of)));
    expect(read.slice(0, -1).every(({ models }) => models.length === pageSize)).toBe(true);
    const vertex = await pages(
      of,
      `/v1beta1/publishers/google/models?pageSize=${pageSize}`,
      publisherModelsSchema,
    );
    expect(vertex.length).toBeGreaterThan(1);
    expect(vertex.slice(0, -1).every(({ publisherModels }) => publisherModels.length === pageSize)).toBe(
      true,
    );
  });

  it.each([
    ['/v1beta/models?pageSize=0', 200],
    ['/v1beta/models?pageSize=5000', 200],
    ['/v1beta/models?page_size=2', 200],
    ['/v1beta/models?pageSize=', 200],
    ['/v1beta/models?pageSize=-1', 400],
    ['/v1beta/models?pageSize=ten', 400],
    ['/v1beta/models?pageToken=x', 400],
    ['/v1beta/models?filter=veo', 400],
    ['/v1beta/models/a%20b', 400],
    ['/v1beta/models/veo-9', 404],
    ['/v1/models/veo-9', 404],
    ['/v1beta1/publishers/google/models/veo-9', 404],
    ['/v1beta1/publishers/anthropic/models', 404],
    ['/v1beta/tunedModels', 200],
    ['/v1/tunedModels', 200],
    ['/v1beta1/projects/p/locations/us-central1/models?filter=labels.tune-type:*', 200],
  ])('answers %s with %i', async (path, status) => {
    const answer = await googleClient(world()).get(path);
    expect(answer.status).toBe(status);
    if (status >= 400)
      expect(answer.body['error']).toMatchObject({
        code: status,
        status: status === 404 ? 'NOT_FOUND' : 'INVALID_ARGUMENT',
        message: expect.not.stringContaining('parameters.'),
      });
  });

  it.each([
    ['/v1beta/models', 403, 'PERMISSION_DENIED'],
    ['/v1beta/models/veo-3.1-generate-001', 403, 'PERMISSION_DENIED'],
    ['/v1/models?pageSize=5', 403, 'PERMISSION_DENIED'],
    ['/v1beta1/publishers/google/models', 401, 'UNAUTHENTICATED'],
    ['/v1beta/files', 403, 'PERMISSION_DENIED'],
    [`/v1beta/models/${RETIRED}/operations`, 403, 'PERMISSION_DENIED'],
  ])('%s without credentials is refused with %i', async (path, status, name) => {
    const answer = await googleClient(world(), '').get(path);
    expect(answer).toMatchObject({ status, body: { error: { code: status, status: name } } });
  });
});

describe('models.get', () => {
  it('returns every listed model', async () => {
    const of = world();
    for (const model of (await listOf(of)).models)
      expect((await googleClient(of).get(`/v1beta/${model.name}`)).body).toEqual(model);
  });

  it('of a retired model names its successor with aliases, and is a 404 with the date without', async () => {
    const found = await googleClient(world()).get(`/v1beta/models/${RETIRED}`);
    expect(found.headers.get('x-clapper-model')).toBe('veo-3.1-generate-001');
    expect(found.body['description']).toContain('retired on 2026-10-22; calls run on veo-3.1-generate-001');
    const off = world({ compatAliases: false, allowRetiredModels: false });
    expect(await googleClient(off).get(`/v1beta/models/${RETIRED}`)).toMatchObject({
      status: 404,
      body: { error: { status: 'NOT_FOUND', message: expect.stringContaining('2026-10-22') } },
    });
  });

  it('on Vertex AI answers with and without a project in the path', async () => {
    const { get } = googleClient(world());
    for (const parent of ['', '/projects/p/locations/us-central1']) {
      const { body } = await get(`/v1${parent}/publishers/google/models/veo-3.1-generate-001`);
      expect(publisherModelSchema.parse(body)).toMatchObject({ versionId: '001', launchStage: 'GA' });
    }
  });
});

describe('GET /v1/models, Clapper’s own route and Google’s (measured on b5f8afa)', () => {
  it.each([
    ['x-goog-api-client', '/v1/models', { 'x-goog-api-client': 'google-genai-sdk/3.1.0 gl-node/v20' }],
    ['a page size', '/v1/models?pageSize=5', {}],
    ['a key in the URL', '/v1/models?key=ann', { 'x-goog-api-key': '' }],
  ])('with %s is Google’s', async (_what, path, headers) => {
    const answer = await googleClient(world()).send(path, { headers });
    expect(modelsSchema.parse(answer.body).models[0]?.name).toBe('models/veo-3.1-generate-001');
    expect(answer.headers.get('vary')).toBe('x-goog-api-client');
  });

  it.each([
    ['an API key in a header', '/v1/models', { 'x-goog-api-key': 'ann' }],
    ['a bearer token', '/v1/models', { 'x-goog-api-key': '', authorization: 'Bearer ann' }],
    ['an unrelated parameter', '/v1/models?now=1', {}],
  ])('with %s is Clapper’s catalogue', async (_what, path, headers) => {
    const { body } = await googleClient(world()).send(path, { headers });
    expect(body).toMatchObject({ defaultModel: 'veo-3.1-fast-generate-001', retired: expect.any(Array) });
  });
});

describe.each([
  ['2.32.0', GoogleGenAI2],
  ['3.1.0', GoogleGenAI],
] as const)('@google/genai %s', (_version, Sdk) => {
  it.each([false, true])('lists and gets models, with Vertex AI: %s', async (vertexai) => {
    const of = world();
    const ai = new Sdk({ apiKey: 'ann', vertexai, httpOptions: { baseUrl: await baseUrl(of) } });
    const names: (string | undefined)[] = [];
    for await (const model of await ai.models.list({ config: { pageSize: 5 } })) names.push(model.name);
    const prefix = vertexai ? 'publishers/google/models/' : 'models/';
    expect(names[0]).toBe(`${prefix}veo-3.1-generate-001`);
    expect(names.every((name) => name?.startsWith(prefix))).toBe(true);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain(`${prefix}${vertexai ? 'veo-3.1-lite-generate-001' : RETIRED}`);
    const model = await ai.models.get({ model: RETIRED });
    expect(model.name).toBe(`${prefix}${RETIRED}`);
    if (!vertexai) expect(model.supportedActions).toEqual(['predictLongRunning']);
    await expect(ai.models.get({ model: 'veo-9' })).rejects.toMatchObject({ name: 'ApiError', status: 404 });
    const tuned: unknown[] = [];
    for await (const each of await ai.models.list({ config: { queryBase: false } })) tuned.push(each);
    expect(tuned).toEqual([]);
  });

  it('lists and gets files; delete and upload are refused as ApiError, and the file remains (googleapis/python-genai#1308)', async () => {
    const of = world();
    await finishedJobs(of, 1, 2);
    const ai = new Sdk({ apiKey: 'ann', httpOptions: { baseUrl: await baseUrl(of) } });
    const names: string[] = [];
    for await (const file of await ai.files.list({ config: { pageSize: 1 } })) names.push(file.name ?? '');
    expect(names).toHaveLength(2);
    const [name = ''] = names;
    await expect(ai.files.delete({ name })).rejects.toMatchObject({ name: 'ApiError', status: 501 });
    expect(await ai.files.get({ name })).toMatchObject({ name, state: 'ACTIVE', mimeType: 'video/mp4' });
    await expect(ai.files.delete({ name: 'files/abc' })).rejects.toMatchObject({ status: 403 });
    await expect(
      ai.files.upload({ file: new Blob(['x'], { type: 'image/png' }), config: { mimeType: 'image/png' } }),
    ).rejects.toMatchObject({ name: 'ApiError', status: 404 });
  });
});

describe('a base URL without an API version (measured on b5f8afa)', () => {
  it.each([
    '/models/veo-3.1-generate-001:predictLongRunning',
    '/publishers/google/models/veo-3.1-generate-001:predictLongRunning',
    '/projects/p/locations/us-central1/publishers/google/models/veo-3.1-generate-001:predictLongRunning',
  ])('is named in the 404 of %s, in Google’s shape', async (path) => {
    expect(await googleClient(world()).post(path, BODY)).toMatchObject({
      status: 404,
      body: {
        error: { status: 'NOT_FOUND', message: expect.stringContaining('/v1beta for the Gemini API') },
      },
    });
  });

  it('and the AI SDK’s name of storageUri is refused with Google’s', async () => {
    const path = '/v1/publishers/google/models/veo-3.1-generate-001:predictLongRunning';
    const body = { ...BODY, parameters: { gcsOutputDirectory: 'gs://b/out/' } };
    expect(await googleClient(world()).post(path, body)).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining("write 'storageUri'") } },
    });
  });
});

describe('files.list', () => {
  it.each([1, 2, 3, 5, 100])(
    'in pages of %i returns every video of the caller once, newest job first',
    async (pageSize) => {
      const of = world();
      const names = await finishedJobs(of, 3, 3);
      await googleClient(of, 'bob').submit(RETIRED, BODY);
      const read = await pages(of, `/v1beta/files?pageSize=${pageSize}`, filesSchema);
      const ids = names.toReversed().flatMap((name) => {
        const id = name.split('/').at(-1);
        return [0, 1, 2].map((n) => `files/${id}${n}`);
      });
      expect(read.flatMap(({ files }) => files.map(({ name }) => name))).toEqual(ids);
      expect(read.every(({ files }) => files.length <= pageSize)).toBe(true);
      expect((await googleClient(of, 'bob').get('/v1/files')).body).toEqual({ files: [] });
    },
  );

  it('refuses the page token of another list', async () => {
    const of = world();
    await finishedJobs(of, 2);
    const { nextPageToken } = await listOf(of, '/v1beta/models?pageSize=1');
    expect((await googleClient(of).get(`/v1beta/files?pageToken=${nextPageToken}`)).status).toBe(400);
  });
});

describe('operations.list', () => {
  it('returns the caller’s operations of this model, newest first, in pages', async () => {
    const of = world();
    const { submit, get } = googleClient(of);
    const names: string[] = [];
    for (let n = 0; n < 5; n++) {
      names.push(await submit(RETIRED, BODY));
      await submit('veo-2.0-generate-001', BODY);
      of.clock.advance(1000);
    }
    await googleClient(of, 'bob').submit(RETIRED, BODY);
    const path = `/v1beta/models/${RETIRED}/operations?pageSize=2`;
    const read = await pages(of, path, operationsSchema);
    const listed = read.flatMap(({ operations }) => operations);
    expect(listed.map(({ name }) => name)).toEqual(names.toReversed());
    expect(listed[0]).toEqual((await get(`/v1beta/${names.at(-1)}`)).body);
  });

  it('on Vertex AI is refused in Google’s shape with the way to poll', async () => {
    const { get } = googleClient(world());
    for (const path of [
      '/v1/projects/p/locations/us-central1/operations',
      '/v1beta1/projects/p/locations/us-central1/publishers/google/models/veo-3.1-generate-001/operations',
    ])
      expect(await get(path)).toMatchObject({
        status: 404,
        body: { error: { status: 'NOT_FOUND', message: expect.stringContaining('fetchPredictOperation') } },
      });
  });
});
