/** honojs/hono#4633: a path that exists, with another method, answered 404, as if the path were wrong. */
import { describe, expect, it } from 'vitest';
import { createApi } from '../../functions/handlers/api/api.ts';
import { makeWorld } from '../support/memory.ts';

const JOB = 'job_aaaaaaaaaaaaaaaaaaaaaaaaaa';
const BATCH = 'bat_aaaaaaaaaaaaaaaaaaaaaaaaaa';
const VERTEX = '/v1/projects/p/locations/l/publishers/google/models/veo';

const send = async (method: string, path: string) => {
  const response = await createApi(makeWorld().services).request(path, { method });
  const text = await response.text();
  return {
    ...{ status: response.status, allow: response.headers.get('allow') },
    ...{ type: response.headers.get('content-type'), body: text === '' ? undefined : JSON.parse(text) },
  };
};

describe('a wrong method (honojs/hono#4633)', () => {
  it.each([
    ['PUT', '/v1/jobs', 'GET, HEAD, POST'],
    ['DELETE', `/v1/jobs/${JOB}`, 'GET, HEAD'],
    ['GET', `/v1/jobs/${JOB}/cancel`, 'POST'],
    ['PATCH', `/v1/jobs/${JOB}/retry`, 'POST'],
    ['HEAD', `/v1/jobs/${JOB}/resolve`, 'POST'],
    ['POST', `/v1/jobs/${JOB}/videos/0`, 'GET, HEAD'],
    ['GET', '/v1/estimates', 'POST'],
    ['GET', '/v1/uploads', 'POST'],
    ['POST', '/v1/at-stake', 'GET, HEAD'],
    ['GET', '/v1/redrives', 'POST'],
    ['DELETE', '/v1/batches', 'GET, HEAD, POST'],
    ['GET', `/v1/batches/${BATCH}/pause`, 'POST'],
    ['POST', `/v1/batches/${BATCH}/report`, 'GET, HEAD'],
    ['GET', '/v1/provider-events', 'POST'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['POST', '/', 'GET, HEAD'],
  ])('%s %s is 405 with Allow, as a problem', async (method, path, methods) => {
    const { status, allow, type, body } = await send(method, path);
    expect({ status, allow }).toEqual({ status: 405, allow: `${methods}, OPTIONS` });
    if (method === 'HEAD') return;
    expect(type).toBe('application/problem+json');
    expect(body).toMatchObject({ type: 'urn:clapper:problem:method-not-allowed', status: 405 });
    expect(body.detail).toContain(methods);
  });

  it.each([
    ['PUT', '/v1beta/models/veo:predictLongRunning'],
    ['DELETE', '/v1beta/models/veo/operations/abc'],
    ['PUT', '/v1beta/files/abc'],
    ['DELETE', `${VERTEX}:predictLongRunning`],
    ['PUT', `${VERTEX}/operations/abc:cancel`],
  ])('%s %s is 405 with Allow, in Google’s format', async (method, path) => {
    const { status, allow, body } = await send(method, path);
    expect(status).toBe(405);
    expect(allow).toMatch(/(?:GET|POST).*, OPTIONS$/);
    expect(body.error).toMatchObject({ code: 405, message: expect.stringContaining(method) });
  });

  it('of an unknown path is still 404, and so is an unknown job', async () => {
    for (const [method, path] of [
      ['PUT', '/v1/nothing'],
      ['GET', `/v1/jobs/${JOB}`],
      ['POST', `/v1/jobs/${JOB}/cancel`],
      ['POST', '/v1beta/nothing/x'],
    ] as const)
      expect(await send(method, path)).toMatchObject({ status: 404, allow: null });
  });

  it('OPTIONS answers the methods of the path', async () => {
    expect(await send('OPTIONS', '/v1/jobs')).toMatchObject({
      status: 204,
      allow: 'GET, HEAD, POST, OPTIONS',
    });
    expect(await send('OPTIONS', '/v1/nothing')).toMatchObject({ status: 404, allow: null });
  });
});

describe('a wrong method of Google’s surfaces (measured on 3aa1975: 404, as if the path were wrong)', () => {
  it.each([
    '/v1beta/models/veo:predictLongRunning',
    `${VERTEX}:fetchPredictOperation`,
    '/v1beta/models/veo/operations/aaaa:cancel',
  ])('GET %s is 405 and names POST', async (path) => {
    const headers = { 'x-goog-api-key': 'my-app', authorization: 'Bearer my-app' };
    const response = await createApi(makeWorld().services).request(path, { headers });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
    expect(await response.json()).toMatchObject({
      error: { message: `${path} does not accept GET; it accepts POST.` },
    });
  });
});
