/** Forwarded image calls, against the simulated models and a scripted server. */
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
    ...{ body: '{"a":1}', timeoutMs: 90_000, answerBytesMax: 1000 },
    ...over,
  });

async function textOf(made: ImageCallAnswer): Promise<string> {
  if (made.kind !== 'body') throw new Error(JSON.stringify(made));
  return new Response(made.body).text();
}

describe('an image call', () => {
  it('is sent to Vertex with the service’s token, and its response is returned unchanged', async () => {
    answer = () => new Response('{"predictions": []}', { headers: { 'content-type': 'application/json' } });
    expect(await textOf(await send())).toBe('{"predictions": []}');
    const { path, headers, body } = seen.at(-1) ?? { path: '', headers: new Headers(), body: '' };
    expect(path).toBe('/v1beta1/projects/p/locations/us-central1/publishers/google/models/m:predict');
    expect(headers.get('authorization')).toBe('Bearer token');
    expect(body).toBe('{"a":1}');
  });

  it('is sent to the Developer API with the service’s key', async () => {
    answer = () => Response.json({});
    await send({ provider: 'gemini', method: 'generateContent' });
    expect(seen.at(-1)?.path).toBe('/v1beta/models/m:generateContent');
    expect(seen.at(-1)?.headers.get('x-goog-api-key')).toBe('key');
  });

  it('with a response that is too large is aborted, and the client sees an incomplete response', async () => {
    answer = () => new Response('x'.repeat(1001), { headers: { 'content-type': 'application/json' } });
    await expect(textOf(await send())).rejects.toThrow('larger than 1000 bytes');
  });

  it.each(['text/html; charset=utf-8', 'text/plain', 'application/jsonp'])(
    'with a 200 response of type %s is unreadable, and its body is not read',
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
    'with a response of type %s is forwarded',
    async (type) => {
      const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
      answer = () => new Response(new Blob(['{}']).stream(), { headers });
      expect(await textOf(await send())).toBe('{}');
    },
  );

  it('that is refused reports the error and the retry time', async () => {
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

  it('without a response in time is aborted and not repeated', async () => {
    const calls = seen.length;
    answer = () => new Promise<Response>(() => undefined);
    // Long enough for a busy machine to receive the request.
    expect(await send({ timeoutMs: 2000 })).toMatchObject({ kind: 'failed', signal: { kind: 'timeout' } });
    expect(seen.length - calls).toBe(1);
  });

  it('is possible only for Vertex without a key', () => {
    const vertex = { project: 'p', baseUrl: undefined, getAccessToken: async () => 'token' };
    const images = createImagePassThrough({ vertex, fetch });
    expect([images.serves('vertex'), images.serves('gemini')]).toEqual([true, false]);
  });
});
