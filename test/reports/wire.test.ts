/**
 * googleapis/google-api-java-client#189 and QuantumNous/new-api#4913: compressed request bodies are parsed as JSON.
 * google/google-api-javascript-client#233: `access_token` and `fields` in the URL. Operation `:cancel`: measured on b5f8afa.
 */
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createApi } from '../../functions/handlers/api/api.ts';
import { BODY_BYTES_MAX } from '../../functions/handlers/http/json-body.ts';
import type { CallerCheck } from '../../functions/ports.ts';
import { finish, googleClient, googleWorld, makesVideos, mp4, VERTEX } from '../support/google.ts';
import type { World } from '../support/memory.ts';

const MODEL = 'veo-3.1-generate-001';
const SUBMIT = `${VERTEX}/${MODEL}:predictLongRunning`;
const BODY = { instances: [{ prompt: 'a calico kitten' }] };

let world: World;
beforeEach(() => {
  world = googleWorld();
});
const jobsMade = async (): Promise<number> => (await world.jobs.all()).length;

async function post(
  path: string,
  body: Uint8Array,
  encoding: string,
): Promise<{ status: number; text: string }> {
  const response = await createApi(world.services).request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-encoding': encoding, 'x-goog-api-key': 'ann' },
    // A copy, because the types of Node's buffers and of the web's bodies differ.
    body: new Uint8Array(body),
  });
  return { status: response.status, text: await response.text() };
}

describe('a compressed body (googleapis/google-api-java-client#189)', () => {
  const ours = JSON.stringify({ prompt: 'a kitten' });
  const googles = JSON.stringify(BODY);

  it.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['GZIP', gzipSync],
    ['deflate', deflateSync],
    ['identity', (text: string) => Buffer.from(text)],
  ] as const)(
    'with Content-Encoding %s makes a job on the own API and on Google’s surfaces',
    async (encoding, compress) => {
      expect((await post('/v1/jobs', compress(ours), encoding)).status).toBe(201);
      expect((await post(SUBMIT, compress(googles), encoding)).status).toBe(200);
      expect(await jobsMade()).toBe(2);
    },
  );

  it('of several gzip members is read whole', async () => {
    const members = [ours.slice(0, 9), ours.slice(9)].map((part) => gzipSync(part));
    expect((await post('/v1/jobs', Buffer.concat(members), 'gzip')).status).toBe(201);
  });

  it.each([
    ['brotli', brotliCompressSync(ours), 'br', 415, "'br'"],
    ['zstd', Buffer.from('28b52ffd', 'hex'), 'zstd', 415, 'gzip, deflate'],
    ['two encodings', gzipSync(gzipSync(ours)), 'gzip, gzip', 415, 'gzip, gzip'],
    ['a name of Object.prototype', Buffer.from(ours), 'constructor', 415, 'constructor'],
    ['JSON that is not compressed', Buffer.from(ours), 'gzip', 400, 'not valid gzip'],
    ['half a gzip stream', gzipSync(ours).subarray(0, 20), 'gzip', 400, 'not valid gzip'],
    [
      'a damaged checksum',
      Buffer.concat([gzipSync(ours).subarray(0, -8), Buffer.alloc(8)]),
      'gzip',
      400,
      'not valid gzip',
    ],
    ['nothing', Buffer.alloc(0), 'gzip', 400, 'JSON'],
    ['a bomb', gzipSync(Buffer.alloc(20_000_000, ' ')), 'gzip', 413, '100 times'],
    [
      'too much',
      gzipSync(
        Buffer.concat([noise(200_000), Buffer.alloc(15_000_000), noise(200_000), Buffer.alloc(20_000_000)]),
      ),
      'gzip',
      413,
      String(BODY_BYTES_MAX),
    ],
  ] as const)('of %s is refused, and makes nothing', async (_what, body, encoding, status, words) => {
    for (const path of ['/v1/jobs', SUBMIT]) {
      const answer = await post(path, body, encoding);
      // Google's surfaces have no 413 and 415.
      expect(answer.status).toBe(path === SUBMIT ? 400 : status);
      expect(answer.text).toContain(words);
    }
    expect(await jobsMade()).toBe(0);
  });

  it('with random damage is refused or read as it was, and never an internal error', async () => {
    const whole = gzipSync(ours);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const damaged = Buffer.from(whole);
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        const { status, text } = await post('/v1/jobs', damaged, 'gzip');
        expect([201, 400]).toContain(status);
        if (status === 201) expect(text).toContain('a kitten');
      }),
      { numRuns: 100 },
    );
  });
});

/** Bytes that do not shrink, so that the ratio stays low and only the size is too large. */
function noise(bytes: number): Buffer {
  let state = 1;
  return Buffer.from(
    Uint8Array.from({ length: bytes }, () => {
      state = (state * 48_271) % 2_147_483_647;
      return state & 255;
    }),
  );
}

describe('access_token in the URL (google/google-api-javascript-client#233)', () => {
  const send = (path: string, headers: Record<string, string> = {}) =>
    createApi(world.services).request(path, { method: 'POST', headers, body: JSON.stringify(BODY) });

  it('is a bearer token on Vertex AI’s paths and the Developer API’s', async () => {
    expect((await send(`${SUBMIT}?access_token=ann`)).status).toBe(200);
    expect(
      (await send(`/v1beta/models/veo-3.1-generate-preview:predictLongRunning?access_token=ann`)).status,
    ).toBe(200);
    expect((await world.jobs.all()).map(({ caller }) => caller)).toEqual(['ann', 'ann']);
  });

  it('does not replace the token in the header, which a platform may have checked', async () => {
    await send(`${SUBMIT}?access_token=bob`, { authorization: 'Bearer ann' });
    expect((await world.jobs.all()).map(({ caller }) => caller)).toEqual(['ann']);
  });

  it('is not accepted by the own API', async () => {
    const { callers } = googleWorld().services;
    const seen: (string | null)[] = [];
    const verify: CallerCheck['verify'] = (headers) => {
      seen.push(headers.get('authorization'));
      return callers.verify(headers);
    };
    world = googleWorld({}, { callers: { verify } });
    await createApi(world.services).request('/v1/jobs?access_token=ann');
    expect(seen).toEqual([null]);
  });

  it.each(['access_token', 'key'])(
    'is never logged, nor is %s, also with characters that no header can hold',
    async (name) => {
      const answer = await send(`${SUBMIT}?${name}=se%0Acret`);
      expect([answer.status, (await answer.text()).includes('cret')]).toEqual([401, false]);
      await send(`/v1beta1/nothing?${name}=secret`);
      expect(JSON.stringify(world.log)).not.toContain('cret');
    },
  );
});

describe('fields in the URL (google/google-api-javascript-client#233)', () => {
  const operation = async (fields: string) => {
    const { submit, get } = googleClient(world);
    makesVideos(world, [mp4(8)]);
    const name = await submit('veo-3.1-generate-preview', BODY);
    await finish(world);
    return { name, answer: await get(`/v1beta/${name}?fields=${encodeURIComponent(fields)}`) };
  };

  it.each([
    ['name,done', (name: string) => ({ name, done: true })],
    ['done', () => ({ done: true })],
    ['response/generateVideoResponse/generatedSamples/video/uri', uris],
    [
      '*/generateVideoResponse/generatedSamples/video(uri)',
      (name: string) => ({ name, done: true, metadata: {}, ...uris() }),
    ],
    ['response.generateVideoResponse.generatedSamples.video.uri', uris],
    ['response(generateVideoResponse(generatedSamples(video(uri))))', uris],
    ['error', () => ({})],
  ])('selects %s', async (fields, expected) => {
    const { name, answer } = await operation(fields);
    expect(answer.body).toEqual(expected(name));
  });

  function uris() {
    const video = { uri: expect.stringContaining('/v1beta/files/') };
    return { response: { generateVideoResponse: { generatedSamples: [{ video }] } } };
  }

  it('selects from the answer to a submission, and * is everything', async () => {
    const { post: send } = googleClient(world);
    expect((await send(`${SUBMIT}?fields=name`, BODY)).body).toEqual({ name: expect.any(String) });
    expect((await send(`${SUBMIT}?fields=*`, BODY)).body).toEqual({ name: expect.any(String) });
  });

  it('selects from an answer with videos', async () => {
    const client = googleClient(world);
    const name = await client.submitToVertex(MODEL, BODY);
    makesVideos(world, [mp4(8)]);
    await finish(world);
    const path = `/v1/${name.replace(/\/operations\/.*$/, '')}:fetchPredictOperation`;
    const answer = await client.post(`${path}?fields=done,response(videos(mimeType))`, {
      operationName: name,
    });
    expect(answer.body).toEqual({ done: true, response: { videos: [{ mimeType: 'video/mp4' }] } });
  });

  it('leaves errors whole', async () => {
    const answer = await googleClient(world).get('/v1beta/files/abc?fields=name');
    expect(answer).toMatchObject({ status: 403, body: { error: { status: 'PERMISSION_DENIED' } } });
  });

  it.each([
    '',
    'name,',
    'name)',
    'response(videos',
    'a b',
    'a//b',
    '(name)',
    `${'a('.repeat(80)}b${')'.repeat(80)}`,
  ])('that are not a selection (%j) are refused before a job is made', async (fields) => {
    const answer = await googleClient(world).post(`${SUBMIT}?fields=${encodeURIComponent(fields)}`, BODY);
    expect(answer).toMatchObject({ status: 400, body: { error: { status: 'INVALID_ARGUMENT' } } });
    expect(await jobsMade()).toBe(0);
  });

  it.each([
    ['nme', 'nme'],
    ['name,response,nme', 'nme'],
    ['name.x', 'name.x'],
    ['error(code,nme)', 'error.nme'],
    ['*/nme/deeper,done/x', 'done.x'],
    ['response/generateVideoResponse,metadata(jobId),Done', 'Done'],
  ])(
    'with an unknown name (%s) are refused in Google’s words, before a job is made (r-lib/gargle)',
    async (fields, path) => {
      const answer = await googleClient(world).post(`${SUBMIT}?fields=${encodeURIComponent(fields)}`, BODY);
      const description = `Error expanding 'fields' parameter. Cannot find matching fields for path '${path}'.`;
      expect(answer).toMatchObject({
        status: 400,
        body: {
          error: {
            code: 400,
            status: 'INVALID_ARGUMENT',
            message: expect.stringContaining(`path '${path}'`),
            details: expect.arrayContaining([
              {
                '@type': 'type.googleapis.com/google.rpc.BadRequest',
                fieldViolations: [{ field: 'fields', description }],
              },
            ]),
          },
        },
      });
      expect(await jobsMade()).toBe(0);
    },
  );

  it('with an unknown name are refused on every route that answers in JSON', async () => {
    const { get, post: send, submit, submitToVertex } = googleClient(world);
    const operation = await submit('veo-3.1-generate-preview', BODY);
    const vertex = await submitToVertex(MODEL, BODY);
    const models = '/v1beta1/publishers/google/models';
    for (const path of [
      ...[`/v1beta/${operation}`, '/v1beta/models/veo-3.1-generate-preview/operations', '/v1beta/files'],
      ...['/v1beta/files/abc', '/v1beta/models', '/v1beta/models/veo-3.1-generate-preview', '/v1/models'],
      ...[models, `${models}/${MODEL}`, '/v1beta/tunedModels', '/v1beta1/models'],
    ])
      expect([path, JSON.stringify((await get(`${path}?fields=nme`)).body)]).toEqual([
        path,
        expect.stringContaining("for path 'nme'"),
      ]);
    for (const path of [
      ...[
        `/v1beta/${operation}:cancel`,
        `/v1/${vertex}:cancel`,
        '/v1beta/models/gemini-3.1-flash-image:generateContent',
      ],
      ...[
        `${models}/imagen-4.0-generate-001:predict`,
        `/v1/${vertex.replace(/\/operations.*/, '')}:fetchPredictOperation`,
      ],
    ])
      expect([path, JSON.stringify((await send(`${path}?fields=nme`, {})).body)]).toEqual([
        path,
        expect.stringContaining("for path 'nme'"),
      ]);
    expect((await world.jobs.all()).map(({ status }) => status)).toEqual(['queued', 'queued']);
  });

  it('accept every field of every answer', async () => {
    const { get, post: send, submit, submitToVertex } = googleClient(world);
    makesVideos(world, [mp4(8)]);
    const operation = await submit('veo-3.1-generate-preview', BODY);
    const vertex = await submitToVertex(MODEL, BODY);
    await finish(world);
    const models = '/v1beta1/publishers/google/models';
    const { files } = z
      .object({ files: z.array(z.object({ name: z.string() })) })
      .parse((await get('/v1beta/files')).body);
    const file = `/v1beta/${files[0]?.name}`;
    const of = (value: unknown, path: string): string[] =>
      Array.isArray(value)
        ? value.flatMap((each) => of(each, path))
        : typeof value === 'object' && value !== null && !('@type' in value)
          ? Object.entries(value).flatMap(([name, inner]) =>
              of(inner, path === '' ? name : `${path}/${name}`),
            )
          : [path];
    for (const path of [
      ...[
        `/v1beta/${operation}`,
        '/v1beta/models/veo-3.1-generate-preview/operations',
        '/v1beta/files',
        file,
      ],
      ...[
        '/v1beta/models?pageSize=3',
        '/v1beta/models/veo-3.1-generate-preview',
        `${models}?pageSize=3`,
        `${models}/${MODEL}`,
      ],
    ]) {
      const whole = await get(path);
      expect(whole.status).toBe(200);
      const fields = [...new Set(of(whole.body, ''))].join(',');
      const sign = path.includes('?') ? '&' : '?';
      expect([path, (await get(`${path}${sign}fields=${encodeURIComponent(fields)}`)).body]).toEqual([
        path,
        whole.body,
      ]);
    }
    const fetched = `/v1/${vertex.replace(/\/operations.*/, '')}:fetchPredictOperation`;
    const body = { operationName: vertex };
    const whole = await send(fetched, body);
    expect((await send(`${fetched}?fields=name,done,error,metadata,response`, body)).body).toEqual(
      whole.body,
    );
  });

  it('of any text never cause an internal error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.stringMatching(/^[a-c,/.()* ]{0,20}$/)), async (fields) => {
        const answer = await googleClient(world).get(
          `/v1beta/files/abc?fields=${encodeURIComponent(fields)}`,
        );
        expect([400, 403]).toContain(answer.status);
      }),
      { numRuns: 200 },
    );
  });
});

describe('operation :cancel (measured on b5f8afa)', () => {
  const developer = async () =>
    `/v1beta/${await googleClient(world).submit('veo-3.1-generate-preview', BODY)}`;
  const vertex = async () => `/v1/${await googleClient(world).submitToVertex(MODEL, BODY)}`;

  it.each([
    ['the Developer API', developer],
    ['Vertex AI', vertex],
  ])(
    'on %s answers {} and cancels the job before it is paid for; repeated, {} again',
    async (_what, submit) => {
      const client = googleClient(world);
      const path = await submit();
      for (let times = 0; times < 2; times++)
        expect(await client.post(`${path}:cancel`, {})).toMatchObject({ status: 200, body: {} });
      expect((await world.jobs.all())[0]?.status).toBe('cancelled');
      await finish(world);
      expect(world.vertex.calls).toHaveLength(0);
    },
  );

  it('of a finished operation is FAILED_PRECONDITION and names its state', async () => {
    const path = await developer();
    makesVideos(world, [mp4(8)]);
    await finish(world);
    expect(await googleClient(world).post(`${path}:cancel`, {})).toMatchObject({
      status: 400,
      body: { error: { status: 'FAILED_PRECONDITION', message: expect.stringContaining('succeeded') } },
    });
  });

  it.each([
    ['another caller’s operation', 'bob', ':cancel', 403],
    ['an unknown method', 'ann', ':stop', 404],
    ['no method', 'ann', '', 404],
  ])('is refused for %s', async (_what, key, suffix, status) => {
    const path = await developer();
    expect((await googleClient(world, key).post(`${path}${suffix}`, {})).status).toBe(status);
    expect((await world.jobs.all())[0]?.status).toBe('queued');
  });

  it('is refused for an unknown operation and a malformed name', async () => {
    const { post: send } = googleClient(world);
    const of = '/v1beta/models/veo-3.1-generate-preview/operations';
    expect((await send(`${of}/aaaaaaaaaaaaaaaaaaaaaaaaaa:cancel`, {})).status).toBe(404);
    expect((await send(`${of}/a%20b:cancel`, {})).status).toBe(400);
  });
});
