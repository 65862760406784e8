/** Image calls with in-memory ports: their provider, the objects they may name, and their limits. */
import { describe, expect, it } from 'vitest';
import { BODY_BYTES_MAX } from '../../../functions/handlers/http/json-body.ts';
import type { ImageCall, ImageCallAnswer, Services } from '../../../functions/ports.ts';
import { googleClient, googleWorld, VERTEX } from '../../support/google.ts';
import type { World } from '../../support/memory.ts';

const PREDICT = { instances: [{ prompt: 'a cat' }], parameters: { sampleCount: 2 } };
const CONTENT = { contents: [{ parts: [{ text: 'a cat' }] }] };
const V1BETA = '/v1beta/models';

function imageWorld({
  gemini = true,
  answer,
  settings = {},
  submissions,
}: {
  readonly gemini?: boolean;
  readonly answer?: ImageCallAnswer;
  readonly settings?: Parameters<typeof googleWorld>[0];
  readonly submissions?: Services['submissions'];
} = {}): World & { readonly sent: ImageCall[] } {
  const sent: ImageCall[] = [];
  const world = googleWorld(settings, {
    submissions,
    images: {
      serves: (provider) => provider === 'vertex' || gemini,
      async send(call) {
        sent.push(call);
        const body = new Blob(['{"predictions":[]}']).stream();
        return answer ?? { kind: 'body', body, contentType: 'application/json' };
      },
    },
  });
  return { ...world, sent };
}

describe('an image call', () => {
  it.each([
    ['imagen-3.0-generate-002:generateContent', CONTENT, 'gemini', 'gemini-3.1-flash-image'],
    ['gemini-3.1-flash-image:generateContent', CONTENT, 'gemini', 'gemini-3.1-flash-image'],
    ['gemini-2.5-flash-image:generateContent', CONTENT, 'vertex', 'gemini-2.5-flash-image'],
    ['gemini-2.5-flash-image-preview:generateContent', CONTENT, 'gemini', 'gemini-3.1-flash-image'],
    [
      'gemini-2.0-flash-preview-image-generation:generateContent',
      CONTENT,
      'gemini',
      'gemini-3.1-flash-image',
    ],
    ['gemini-nano-banana-2.1:generateContent', CONTENT, 'gemini', 'gemini-nano-banana-2.1'],
  ])(
    '%s on the Developer API runs on the model’s provider and returns the model’s name',
    async (call, body, provider, model) => {
      const world = imageWorld();
      const answer = await googleClient(world).post(`${V1BETA}/${call}`, body);
      expect(answer).toMatchObject({ status: 200, body: { predictions: [] } });
      expect(answer.headers.get('x-clapper-model')).toBe(model);
      expect(world.sent).toMatchObject([{ provider, model }]);
    },
  );

  it('runs on Vertex if there is no key, with the role that Vertex requires', async () => {
    const world = imageWorld({ gemini: false });
    await googleClient(world).post(`${V1BETA}/gemini-3-pro-image:generateContent`, CONTENT);
    expect(world.sent).toMatchObject([{ provider: 'vertex', location: 'global' }]);
    expect(JSON.parse(world.sent[0]?.body ?? '')).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'a cat' }] }],
    });
  });

  it('is logged with caller, model and price', async () => {
    const world = imageWorld();
    await googleClient(world).post(`${VERTEX}/imagen-4.0-generate-001:predict`, PREDICT);
    expect(world.log.at(-1)?.fields).toMatchObject({
      ...{ caller: 'ann', model: 'imagen-4.0-generate-001', provider: 'vertex', priceUsd: 0.08 },
    });
  });

  it.each([
    ['an unknown model', 'gemini-9:generateContent', CONTENT, 404],
    ['a text model', 'gemini-3-flash-preview:generateContent', CONTENT, 404],
    ['a video model', 'veo-3.1-generate-001:predict', PREDICT, 400],
    ['the wrong method', 'gemini-3-pro-image:predict', PREDICT, 400],
    [
      'an image that the caller may not read',
      'gemini-3-pro-image:generateContent',
      { contents: { parts: [{ fileData: { fileUri: 'gs://x/a.png' } }] } },
      400,
    ],
    [
      'a folder that the caller may not use',
      'imagen-4.0-generate-001:predict',
      { ...PREDICT, parameters: { storageUri: 'gs://b/other/' } },
      400,
    ],
  ])('with %s is refused and not sent', async (_what, call, body, status) => {
    const world = imageWorld();
    const answer = await googleClient(world).post(`${V1BETA}/${call}`, body);
    expect(answer).toMatchObject({ status, body: { error: { code: status } } });
    expect(world.sent).toEqual([]);
  });

  it('can name objects that its caller may read, and folders that it may use', async () => {
    const world = imageWorld();
    const parts = [{ fileData: { fileUri: 'gs://b/a.png', mimeType: 'image/png' } }];
    const { post } = googleClient(world);
    expect((await post(`${V1BETA}/gemini-3-pro-image:generateContent`, { contents: { parts } })).status).toBe(
      200,
    );
    const body = { ...PREDICT, parameters: { storageUri: 'gs://b/img' } };
    expect((await post(`${V1BETA}/imagen-4.0-generate-001:predict`, body)).status).toBe(200);
  });

  it('that is too large is refused before it is sent', async () => {
    const world = imageWorld();
    const text = 'x'.repeat(BODY_BYTES_MAX);
    const answer = await googleClient(world).post(`${V1BETA}/gemini-3-pro-image:generateContent`, { text });
    expect(answer).toMatchObject({ status: 400, body: { error: { status: 'INVALID_ARGUMENT' } } });
    expect(world.sent).toEqual([]);
  });

  it('is refused and not sent while the calls of its model are paused', async () => {
    const asked: unknown[] = [];
    const submissions = {
      isPaused: async (queue: unknown) => {
        asked.push(queue);
        return true;
      },
    };
    const world = imageWorld({ submissions });
    const answer = await googleClient(world).post(`${V1BETA}/imagen-4.0-generate-001:predict`, PREDICT);
    expect(answer).toMatchObject({ status: 503, body: { error: { status: 'UNAVAILABLE' } } });
    expect(world.sent).toEqual([]);
    expect(asked).toEqual([{ provider: 'gemini', model: 'imagen-4.0-generate-001', lane: 'interactive' }]);
  });

  it.each([
    ['that succeeded is logged as spent', undefined, [0.08]],
    ['that may have been charged is logged as spent', { kind: 'http', status: 503, message: 'x' }, [0.08]],
    ['that was refused is not logged as spent', { kind: 'http', status: 400, message: 'x' }, []],
  ] as const)('%s', async (_what, signal, spent) => {
    const world = imageWorld(signal ? { answer: { kind: 'failed', signal } } : {});
    await googleClient(world).post(`${V1BETA}/imagen-4.0-generate-001:predict`, PREDICT);
    expect(world.log.flatMap(({ fields }) => fields['spentUsd'] ?? [])).toEqual(spent);
  });

  it('over the quota of its model gets 429 with the time to wait', async () => {
    const world = imageWorld({ settings: { requestsPerMinute: 4 } });
    const { post } = googleClient(world);
    const call = `${V1BETA}/imagen-4.0-generate-001:predict`;
    expect((await post(call, PREDICT)).status).toBe(200);
    const refused = await post(call, PREDICT);
    expect(refused).toMatchObject({
      status: 429,
      body: { error: { status: 'RESOURCE_EXHAUSTED', details: [{}, { retryDelay: '15s' }] } },
    });
    expect(refused.headers.get('retry-after')).toBe('15');
    expect(world.sent).toHaveLength(1);
  });

  it('of a caller that got 429 succeeds after Retry-After, although another caller keeps calling', async () => {
    const world = imageWorld();
    const call = `${V1BETA}/imagen-4.0-generate-001:predict`;
    const ann = googleClient(world, 'ann');
    const hammer = async (): Promise<void> => {
      while ((await ann.post(call, PREDICT)).status === 200);
    };
    await hammer();
    const bob = googleClient(world, 'bob');
    const refused = await bob.post(call, PREDICT);
    expect(refused.status).toBe(429);
    for (let ms = Number(refused.headers.get('retry-after')) * 1000; ms > 0; ms -= 250) {
      world.clock.advance(250);
      await hammer();
    }
    expect((await bob.post(call, PREDICT)).status).toBe(200);
  });

  it('that the model refuses for its quota blocks all calls of that model until Retry-After, and no other model', async () => {
    const signal = { kind: 'http', status: 429, message: 'quota', retryAfterMs: 30_000 } as const;
    const world = imageWorld({ answer: { kind: 'failed', signal } });
    const ann = googleClient(world, 'ann');
    const call = `${V1BETA}/imagen-4.0-generate-001:predict`;
    expect((await ann.post(call, PREDICT)).status).toBe(429);
    const bob = await googleClient(world, 'bob').post(call, PREDICT);
    expect([bob.status, bob.headers.get('retry-after')]).toEqual([429, '30']);
    expect(world.sent).toHaveLength(1);
    await ann.post(`${V1BETA}/imagen-4.0-fast-generate-001:predict`, PREDICT);
    expect(world.sent).toHaveLength(2);
    world.clock.advance(30_000);
    await ann.post(call, PREDICT);
    expect(world.sent).toHaveLength(3);
  });

  it.each([
    [{ kind: 'http', status: 400, message: 'blocked' }, 400, 'INVALID_ARGUMENT'],
    [{ kind: 'http', status: 429, message: 'quota', retryAfterMs: 3000 }, 429, 'RESOURCE_EXHAUSTED'],
    [{ kind: 'http', status: 500, message: 'x' }, 500, 'INTERNAL'],
    [{ kind: 'timeout', message: 'x' }, 504, 'DEADLINE_EXCEEDED'],
    [{ kind: 'network', sent: true, message: 'x' }, 502, 'UNAVAILABLE'],
    [{ kind: 'unreadable', message: 'x' }, 500, 'INTERNAL'],
  ] as const)(
    'that the model answers with %j is answered in Google’s format',
    async (signal, status, name) => {
      const world = imageWorld({ answer: { kind: 'failed', signal } });
      const answer = await googleClient(world).post(`${V1BETA}/imagen-4.0-generate-001:predict`, PREDICT);
      expect(answer).toMatchObject({ status, body: { error: { code: status, status: name } } });
    },
  );

  it('requires credentials', async () => {
    const { post } = googleClient(imageWorld());
    expect(
      (await post(`${V1BETA}/imagen-4.0-generate-001:predict`, PREDICT, { 'x-goog-api-key': '' })).status,
    ).toBe(403);
  });
});
