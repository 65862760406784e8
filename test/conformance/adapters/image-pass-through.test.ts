/** Image calls passed on, against the simulated models and a server that answers what the test says. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createImagePassThrough } from '../../../functions/adapters/image-pass-through.ts';
import type { ImageCall, ImageCallAnswer } from '../../../functions/ports.ts';
import { type Served, serveOnLoopback } from '../../support/google.ts';

let server: Served;
let answer: (request: Request) => Response | Promise<Response> = () => Response.json({});
const seen: { path: string; headers: Headers; body: string }[] = [];

beforeAll(async () => {
  server = await serveOnLoopback(async (request) => {
    const { pathname } = new URL(request.url);
    seen.push({ path: pathname, headers: request.headers, body: await request.clone().text() });
    return answer(request);
  });
});
afterAll(() => server.stop());

const send = (over: Partial<ImageCall> = {}): Promise<ImageCallAnswer> =>
  createImagePassThrough({
    vertex: { project: 'p', baseUrl: server.baseUrl, getAccessToken: async () => 'token' },
    gemini: { apiKey: 'key', baseUrl: server.baseUrl },
    fetch,
  }).send({
    ...{ provider: 'vertex', model: 'm', method: 'predict', location: 'us-central1' },
    ...{ body: '{"a":1}', timeoutMs: 5000, answerBytesMax: 1000 },
    ...over,
  });

async function textOf(made: ImageCallAnswer): Promise<string> {
  if (made.kind !== 'body') throw new Error(JSON.stringify(made));
  return new Response(made.body).text();
}

describe('an image call', () => {
  it('goes to Vertex with our token, and its answer comes back as it is', async () => {
    answer = () => new Response('{"predictions": []}', { headers: { 'content-type': 'application/json' } });
    expect(await textOf(await send())).toBe('{"predictions": []}');
    const { path, headers, body } = seen.at(-1) ?? { path: '', headers: new Headers(), body: '' };
    expect(path).toBe('/v1beta1/projects/p/locations/us-central1/publishers/google/models/m:predict');
    expect(headers.get('authorization')).toBe('Bearer token');
    expect(body).toBe('{"a":1}');
  });

  it('goes to the Developer API with our key', async () => {
    answer = () => Response.json({});
    await send({ provider: 'gemini', method: 'generateContent' });
    expect(seen.at(-1)?.path).toBe('/v1beta/models/m:generateContent');
    expect(seen.at(-1)?.headers.get('x-goog-api-key')).toBe('key');
  });

  it('of which the answer is too large is cut off, and is no whole answer to anybody', async () => {
    answer = () => new Response('x'.repeat(1001), { headers: { 'content-type': 'application/json' } });
    await expect(textOf(await send())).rejects.toThrow('larger than 1000 bytes');
  });

  it.each(['text/html; charset=utf-8', 'text/plain', 'application/jsonp'])(
    'that is answered 200 with %s is no answer, and its body is not waited for',
    async (type) => {
      let isCancelled = false;
      const body = new ReadableStream({
        pull: (controller) => controller.enqueue(Buffer.from('<p>')),
        cancel: () => {
          isCancelled = true;
        },
      });
      answer = () => new Response(body, { headers: { 'content-type': type } });
      const signal = { kind: 'unreadable', message: expect.stringContaining(type) };
      expect(await send()).toEqual({ kind: 'failed', signal });
      await expect.poll(() => isCancelled).toBe(true);
    },
  );

  it.each(['application/json; charset=UTF-8', 'Application/JSON', undefined])(
    'that is answered with %s is passed on',
    async (type) => {
      const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
      answer = () => new Response(new Blob(['{}']).stream(), { headers });
      expect(await textOf(await send())).toBe('{}');
    },
  );

  it('that is refused says how, and when to come back', async () => {
    answer = () =>
      Response.json(
        { error: { code: 429, message: 'Quota exceeded' } },
        { status: 429, headers: { 'retry-after': '7' } },
      );
    expect(await send()).toEqual({
      kind: 'failed',
      signal: { kind: 'http', status: 429, message: 'Quota exceeded', retryAfterMs: 7000 },
    });
  });

  it('that is not answered in time is given up, and made once', async () => {
    const calls = seen.length;
    answer = () => new Promise<Response>(() => undefined);
    expect(await send({ timeoutMs: 50 })).toMatchObject({ kind: 'failed', signal: { kind: 'timeout' } });
    expect(seen.length - calls).toBe(1);
  });

  it('without a key serves Vertex only', () => {
    const vertex = { project: 'p', baseUrl: undefined, getAccessToken: async () => 'token' };
    const images = createImagePassThrough({ vertex, fetch });
    expect([images.serves('vertex'), images.serves('gemini')]).toEqual([true, false]);
  });
});
