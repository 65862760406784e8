/** The Developer API's routes with in-memory ports: submissions, polls, files, and access to them. */
import { describe, expect, it } from 'vitest';
import { createIdTokenCallers } from '../../../functions/adapters/id-token-callers.ts';
import { createApi } from '../../../functions/handlers/api/api.ts';
import type { LinkOptions } from '../../../functions/ports.ts';
import { apiOf } from '../../support/api-client.ts';
import { finish, googleClient, googleWorld, makesVideos, mp4 } from '../../support/google.ts';
import { finishesAfter } from '../../support/jobs.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';

const MODEL = 'veo-3.1-generate-preview';
const SUBMIT = `/v1beta/models/${MODEL}:predictLongRunning`;
const BODY = { instances: [{ prompt: 'a calico kitten' }] };
const idOf = (operationName: string): string => operationName.split('/').at(-1) ?? '';

async function finished(world: World, body: unknown = BODY, model = MODEL): Promise<string> {
  const name = await googleClient(world).submit(model, body);
  makesVideos(world, [mp4(8)]);
  await finish(world);
  return name;
}

describe('a submission on the Developer API', () => {
  it('creates a job that can be listed and cancelled with the same key', async () => {
    const world = googleWorld();
    const { submit, get, post } = googleClient(world);
    const name = await submit(MODEL, BODY);
    expect(name).toMatch(/^models\/veo-3\.1-generate-preview\/operations\/[a-z2-7]{26}$/);
    const jobId = `job_${idOf(name)}`;
    expect((await get('/v1/jobs')).body).toMatchObject({
      jobs: [{ id: jobId, request: { model: 'veo-3.1-generate-001' }, priceUsd: { estimate: 3.2 } }],
    });
    expect((await googleClient(world, 'bob').get('/v1/jobs')).body).toEqual({ jobs: [] });
    await post(`/v1/jobs/${jobId}/cancel`, {});
    expect((await get(`/v1beta/${name}`)).body).toMatchObject({
      ...{ name, done: true, error: { code: 1 } },
      metadata: { state: 'cancelled' },
    });
    await finish(world);
    expect(world.vertex.calls).toHaveLength(0);
  });

  it('returns the same operation for the same Idempotency-Key, and 409 for a different request with it', async () => {
    const { post } = googleClient(googleWorld());
    const send = (body: unknown) => post(SUBMIT, body, { 'idempotency-key': 'k1' });
    const first = await send(BODY);
    expect((await send(BODY)).body).toEqual(first.body);
    expect(await send({ instances: [{ prompt: 'a dog' }] })).toMatchObject({
      status: 409,
      body: { error: { code: 409, status: 'ALREADY_EXISTS' } },
    });
  });

  it('that was accepted returns its operation again after aliases were turned off, and 409 for a different request', async () => {
    const world = googleWorld();
    const key = { 'idempotency-key': 'k1' };
    const first = await googleClient(world).post(SUBMIT, BODY, key);
    expect(first.status).toBe(200);
    const off = { compatAliases: false, allowRetiredModels: false };
    const { post } = googleClient(googleWorld(off, { jobs: world.jobs }));
    expect(await post(SUBMIT, BODY, key)).toMatchObject({ status: 200, body: first.body });
    expect((await post(SUBMIT, { instances: [{ prompt: 'a dog' }] }, key)).status).toBe(409);
    expect((await post(SUBMIT, BODY, { 'idempotency-key': 'k2' })).status).toBe(404);
    expect(await world.jobs.all()).toHaveLength(1);
  });

  it.each([
    ['x-goog-api-key', { headers: { 'x-goog-api-key': 'ann' } }, ''],
    ['a bearer token', { headers: { authorization: 'Bearer ann' } }, ''],
    ['?key=', {}, '?key=ann'],
  ])('accepts credentials as %s', async (_how, init, query) => {
    const world = googleWorld();
    const app = createApi(world.services);
    const answer = await app.request(`${SUBMIT}${query}`, {
      ...{ method: 'POST', body: JSON.stringify(BODY) },
      ...init,
    });
    expect(answer.status).toBe(200);
    expect(await world.jobs.all()).toMatchObject([{ caller: 'ann' }]);
  });

  it('does not change jobs of Clapper’s own API', async () => {
    const world = googleWorld();
    expect((await apiOf(world).post('/v1/jobs', { prompt: 'a cat' })).status).toBe(201);
    expect(await world.jobs.all()).toMatchObject([{ caller: 'local', request: { prompt: 'a cat' } }]);
    expect((await world.jobs.all())[0]?.request.compat).toBeUndefined();
  });

  it('with aliases off runs a retired model if retired models are allowed, and is refused otherwise', async () => {
    const allowed = googleWorld({ compatAliases: false });
    await googleClient(allowed).submit(MODEL, BODY);
    expect(await allowed.jobs.all()).toMatchObject([{ request: { provider: 'gemini', model: MODEL } }]);
    const refused = googleWorld({ compatAliases: false, allowRetiredModels: false });
    expect(await googleClient(refused).post(SUBMIT, BODY)).toMatchObject({
      status: 404,
      body: { error: { status: 'NOT_FOUND', message: expect.stringContaining('no longer available') } },
    });
    expect(await refused.jobs.all()).toEqual([]);
  });

  it.each([
    ['no credentials', SUBMIT, BODY, { 'x-goog-api-key': '' }, 403, 'PERMISSION_DENIED'],
    ['an unknown model', '/v1beta/models/veo-9:predictLongRunning', BODY, {}, 404, 'NOT_FOUND'],
    ['an unknown method', `/v1beta/models/${MODEL}:predictSoon`, BODY, {}, 404, 'NOT_FOUND'],
    ['a malformed model', '/v1beta/models/%20x:predictLongRunning', BODY, {}, 400, 'INVALID_ARGUMENT'],
    ['no instances', SUBMIT, {}, {}, 400, 'INVALID_ARGUMENT'],
    [
      'an image model',
      '/v1beta/models/gemini-3-pro-image:predictLongRunning',
      BODY,
      {},
      400,
      'INVALID_ARGUMENT',
    ],
    ['a bad key', SUBMIT, BODY, { 'idempotency-key': 'a b' }, 400, 'INVALID_ARGUMENT'],
  ] as const)(
    'with %s is refused in Google’s format, and nothing is written',
    async (_what, path, body, headers, status, name) => {
      const world = googleWorld();
      const answer = await googleClient(world).post(path, body, headers);
      expect(answer).toMatchObject({ status, body: { error: { code: status, status: name } } });
      expect(world.jobs.writes).toBe(0);
    },
  );

  it('with an API key is refused with advice if the deployment requires ID tokens', async () => {
    const callers = createIdTokenCallers({
      ...{ signature: 'verify', jwksUrl: 'https://keys.test', issuers: [], audiences: [] },
    });
    const { post } = googleClient(googleWorld({}, { callers }));
    expect(await post(SUBMIT, BODY)).toMatchObject({
      status: 401,
      body: { error: { status: 'UNAUTHENTICATED', message: expect.stringContaining('ID token') } },
    });
  });

  it('names an invalid field by its path in Google’s request', async () => {
    const { post } = googleClient(googleWorld());
    const living = '/v1beta/models/veo-3.1-generate-001:predictLongRunning';
    const answer = await post(living, { ...BODY, parameters: { durationSeconds: 5, aspectRatio: '1:1' } });
    expect(answer.body).toMatchObject({
      error: {
        code: 400,
        message: expect.stringContaining('parameters.durationSeconds'),
        details: [
          { reason: 'invalid-request' },
          { fieldViolations: [{ field: 'parameters.durationSeconds' }, { field: 'parameters.aspectRatio' }] },
        ],
      },
    });
    const image = { bytesBase64Encoded: 'AAAA', mimeType: 'image/png' };
    expect((await post(living, { instances: [{ prompt: 'a', image }] })).body).toMatchObject({
      error: { message: expect.stringContaining('instances[0].image.bytesBase64Encoded: is neither') },
    });
  });

  it('that is not JSON is refused like Google does', async () => {
    const { send } = googleClient(googleWorld());
    const answer = await send(SUBMIT, { method: 'POST', body: '{' });
    expect(answer).toMatchObject({ status: 400, body: { error: { status: 'INVALID_ARGUMENT' } } });
  });
});

describe('a poll on the Developer API', () => {
  it('returns the job’s state with one read of the store', async () => {
    const world = googleWorld();
    const { submit, get } = googleClient(world);
    const name = await submit('veo-2.0-generate-001', { ...BODY, parameters: { durationSeconds: 5 } });
    let reads = 0;
    const stored = world.jobs.get.bind(world.jobs);
    world.jobs.get = (id) => {
      reads++;
      return stored(id);
    };
    const { body } = await get(`/v1beta/${name}`);
    expect(reads).toBe(1);
    expect(body).not.toHaveProperty('done');
    expect(body).toMatchObject({
      name,
      metadata: {
        ...{ state: 'queued', progressPercent: 0, queueReason: expect.stringContaining('queue') },
        ...{ requestedModel: 'veo-2.0-generate-001', model: 'veo-3.1-generate-001', estimateUsd: 1.2 },
        changes: [
          expect.stringContaining('runs in its place'),
          expect.stringContaining('5 became 6'),
          expect.stringContaining('made no sound'),
        ],
      },
    });
  });

  it('returns the same answer to two clients, after a restart, and a day later', async () => {
    const world = googleWorld();
    const name = await finished(world);
    const first = await googleClient(world).get(`/v1beta/${name}`);
    const second = await googleClient(world).get(`/v1/${name}`);
    world.clock.advance(24 * 3_600_000);
    const later = await googleClient(googleWorld({}, { jobs: world.jobs, results: world.output })).get(
      `/v1beta/${name}`,
    );
    expect(first.body).toMatchObject({ done: true });
    expect(second.body).toEqual(first.body);
    expect(later.body).toEqual(first.body);
  });

  it('returns the same answer to two clients at every moment of a job, and never changes a done answer', async () => {
    const world = googleWorld();
    const { submit, get } = googleClient(world);
    const name = await submit(MODEL, BODY);
    finishesAfter(world, 95_000);
    const answers: Record<string, unknown>[] = [];
    for (let n = 0; n < 60; n++) {
      const [one, other] = await Promise.all([
        get(`/v1beta/${name}`),
        googleClient(world).get(`/v1/${name}`),
      ]);
      expect(other.body).toEqual(one.body);
      answers.push(one.body);
      await runFor(world, 4000);
      world.clock.advance(1000);
    }
    const progress = answers.map((answer) => Object(answer['metadata']).progressPercent);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    const done = answers.findIndex((answer) => answer['done'] === true);
    expect(done).toBeGreaterThan(3);
    for (const answer of answers.slice(done)) expect(answer).toEqual(answers[done]);
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('returns a video URI on the requested host, with a query to which a key can be appended', async () => {
    const world = googleWorld();
    const name = await finished(world);
    const answer = await googleClient(world).send(`http://here.test/v1beta/${name}`, {
      headers: { 'x-forwarded-proto': 'https' },
    });
    const uri = `https://here.test/v1beta/files/${idOf(name)}0:download?alt=media`;
    expect(answer.body['response']).toEqual({
      '@type': 'type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse',
      generateVideoResponse: { generatedSamples: [{ video: { uri } }] },
    });
  });

  it('of a filtered job returns the number of filtered videos and the reasons, and no error', async () => {
    const world = googleWorld();
    const name = await googleClient(world).submit(MODEL, BODY);
    const reason = 'Sorry. Support codes: 15236754';
    makesVideos(world, [], [reason]);
    await finish(world);
    const { body } = await googleClient(world).get(`/v1beta/${name}`);
    expect(body).not.toHaveProperty('error');
    expect(body).toMatchObject({
      done: true,
      response: {
        generateVideoResponse: { raiMediaFilteredCount: 1, raiMediaFilteredReasons: [reason] },
      },
      metadata: { failure: { reason: 'SAFETY_FILTERED', charged: 'no' } },
    });
  });

  it.each([
    [3, 3],
    [5, 5],
    [7, 7],
    [9, 9],
    [99, 99],
  ])('of an operation that ended with code %i ends with code %i', async (given, code) => {
    const world = googleWorld();
    const name = await googleClient(world).submit(MODEL, BODY);
    world.vertex.onPoll = () => ({ kind: 'error', code: given, message: 'so it went' });
    await finish(world);
    expect((await googleClient(world).get(`/v1beta/${name}`)).body).toMatchObject({
      ...{ done: true, error: { code, message: 'so it went' } },
    });
  });

  it('of a job past its deadline ends with code 4', async () => {
    const world = googleWorld();
    const name = await googleClient(world).submit(MODEL, BODY);
    world.vertex.notReady = 'no credentials';
    world.clock.advance(3 * 24 * 3_600_000);
    await finish(world);
    expect((await googleClient(world).get(`/v1beta/${name}`)).body).toMatchObject({ error: { code: 4 } });
  });

  it('with a malformed name is refused with the field name, and a malformed project with the field parent', async () => {
    const { get, post } = googleClient(googleWorld());
    const inNowhere = `/v1/projects/p/locations/US!/publishers/google/models/${MODEL}:predictLongRunning`;
    const answers = [
      ['name', await get(`/v1beta/models/${MODEL}/operations/a%20b`)],
      ['name', await get('/v1beta/files/a_b')],
      ['parent', await post(inNowhere, BODY)],
    ] as const;
    for (const [field, { status, body }] of answers)
      expect({ status, ...body }).toMatchObject({
        status: 400,
        error: {
          message: expect.stringMatching(`^${field}: `),
          details: [{}, { fieldViolations: [{ field }] }],
        },
      });
  });

  it.each([
    ['unknown', () => `models/${MODEL}/operations/abcdefghijklmnopqrstuvwxyz`, 'ann', 404],
    ['not of this service', () => `models/${MODEL}/operations/abc123`, 'ann', 404],
    ['of another model', (name: string) => name.replace(MODEL, 'veo-2.0-generate-001'), 'ann', 404],
    ['of another caller', (name: string) => name, 'bob', 403],
    ['malformed', () => `models/${MODEL}/operations/a%20b`, 'ann', 400],
  ])('of an operation that is %s is refused', async (_what, named, key, status) => {
    const world = googleWorld();
    const name = await googleClient(world).submit(MODEL, BODY);
    const answer = await googleClient(world, key).get(`/v1beta/${named(name)}`);
    expect(answer).toMatchObject({ status, body: { error: { code: status } } });
  });

  it('of a job of Clapper’s own API is refused: it has no operation', async () => {
    const world = googleWorld();
    const { post, get } = googleClient(world);
    const { body } = await post('/v1/jobs', { prompt: 'a cat' }, { 'content-type': 'application/json' });
    const id = String(body['id']).slice('job_'.length);
    expect((await get(`/v1beta/models/${MODEL}/operations/${id}`)).status).toBe(404);
  });
});

describe('a file of the Developer API', () => {
  it('has metadata, and downloads by a redirect to a signed link', async () => {
    const world = googleWorld();
    const id = idOf(await finished(world));
    const { get } = googleClient(world);
    expect((await get(`http://here.test/v1beta/files/${id}0`)).body).toMatchObject({
      ...{ name: `files/${id}0`, mimeType: 'video/mp4', sizeBytes: '116', state: 'ACTIVE' },
      downloadUri: `http://here.test/v1beta/files/${id}0:download?alt=media`,
      videoMetadata: { videoDuration: '8s' },
    });
    const answer = await googleClient(world).send(`/v1beta/files/${id}0:download?alt=media&key=ann`);
    expect(answer.status).toBe(302);
    expect(answer.headers.get('location')).toMatch(/^https:\/\/signed\.test\/out\/jobs\//);
  });

  it('answers HEAD without a redirect', async () => {
    const world = googleWorld();
    const id = idOf(await finished(world));
    const answer = await googleClient(world).send(`/v1/files/${id}0:download?alt=media`, { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      ...{ 'content-length': '116', 'content-type': 'video/mp4', 'accept-ranges': 'bytes' },
    });
  });

  it('includes the client’s x-goog- headers in the signature, because the client repeats them after the redirect', async () => {
    const world = googleWorld();
    const id = idOf(await finished(world));
    let signed: unknown;
    const results = Object.assign(Object.create(world.output), {
      signedReadUrl: async (_video: unknown, _ttlMs: number, options?: LinkOptions) => {
        signed = options?.headers;
        return 'https://signed.test/';
      },
    });
    const { send } = googleClient(googleWorld({}, { jobs: world.jobs, results }));
    await send(`/v1beta/files/${id}0:download?alt=media`, { headers: { 'x-goog-api-client': 'sdk' } });
    expect(signed).toEqual({ 'x-goog-api-key': 'ann', 'x-goog-api-client': 'sdk' });
  });

  it.each([
    ['another caller', (id: string) => `${id}0`, 'bob', 403],
    ['an unknown index', (id: string) => `${id}7`, 'ann', 403],
    ['an unknown file', () => 'abc123', 'ann', 403],
    ['a malformed name', () => 'a_b', 'ann', 400],
    ['no name', () => '', 'ann', 400],
  ])('is refused for %s', async (_what, fileOf, key, status) => {
    const world = googleWorld();
    const id = idOf(await finished(world));
    const { get } = googleClient(world, key);
    expect(await get(`/v1beta/files/${fileOf(id)}:download?alt=media`)).toMatchObject({
      ...{ status, body: { error: { code: status } } },
    });
  });

  it.each(['https://generativelanguage.googleapis.com', 'http://localhost:8080'])(
    'can be extended by its URI on %s as the video of its job',
    async (origin) => {
      const world = googleWorld();
      const id = idOf(await finished(world));
      const video = { uri: `${origin}/v1beta/files/${id}0:download?alt=media`, encoding: 'video/mp4' };
      await googleClient(world).submit(MODEL, {
        instances: [{ prompt: 'go on', video }],
        parameters: { sampleCount: 1, resolution: '720p' },
      });
      await finish(world);
      const stage = world.vertex.calls.at(-1)?.stage;
      expect(stage).toMatchObject({ kind: 'extend', video: { durationSeconds: 8 } });
      expect(stage && 'video' in stage && stage.video?.gcsUri).toContain(`job_${id}`);
    },
  );

  it('of another caller cannot be extended', async () => {
    const world = googleWorld();
    const id = idOf(await finished(world));
    const uri = `http://localhost/v1beta/files/${id}0:download?alt=media`;
    const { post } = googleClient(world, 'bob');
    expect(await post(SUBMIT, { instances: [{ prompt: 'go on', video: { uri } }] })).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('instances[0].video') } },
    });
  });
});

describe('unsupported paths of Google', () => {
  it.each([
    '/v1beta/cachedContents',
    '/upload/v1beta/files',
    '/v1/projects/p/locations/us-central1/operations',
    '/v1beta1/projects/p/x',
    '/v1beta',
  ])('%s is a 404 in Google’s format', async (path) => {
    const { status, body } = await googleClient(makeWorld()).get(path);
    expect({ status, error: body['error'] }).toMatchObject({ status: 404, error: { status: 'NOT_FOUND' } });
  });
});

describe('the Interactions API, which is not supported', () => {
  it.each(['/v1/interactions', '/v1/interactions/abc/cancel', '/v1beta/interactions'])(
    'answers %s with a 404 in Google’s format and the way to use Omni',
    async (path) => {
      const { status, body } = await googleClient(googleWorld()).post(path, {
        model: 'gemini-omni-1.2-flash',
      });
      expect({ status, error: body['error'] }).toMatchObject({
        status: 404,
        error: { status: 'NOT_FOUND', message: expect.stringContaining('POST /v1/jobs') },
      });
    },
  );
});
