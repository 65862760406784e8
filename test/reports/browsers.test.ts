/**
 * googleapis/js-genai#1723 and lidge-jun/opencodex#1773: a browser's preflight fails because of one header of a client
 * library that the server does not list. UKGovernmentBEIS/inspect_ai#5426: a page of any site starts a generation with a
 * request that needs no preflight. `browsers.long.test.ts` uses a real browser.
 */
import { describe, expect, it } from 'vitest';
import { createApi } from '../../functions/handlers/api/api.ts';
import { googleWorld } from '../support/google.ts';

const PAGE = 'https://app.example.com';
const SUBMIT = '/v1beta/models/veo-3.1-generate-preview:predictLongRunning?key=ann';
const BODY = JSON.stringify({ instances: [{ prompt: 'a kitten' }] });

function pageOf(corsOrigins: readonly string[], origin: string) {
  const world = googleWorld({ corsOrigins });
  const app = createApi(world.services);
  return {
    world,
    preflight: (path: string, headers = 'x-goog-api-key', method = 'POST') =>
      app.request(path, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': method,
          'access-control-request-headers': headers,
        },
      }),
    get: (path: string) => app.request(path, { headers: { origin } }),
    postWithoutPreflight: (path: string, site: string) =>
      app.request(path, {
        method: 'POST',
        headers: { origin, 'content-type': 'text/plain', 'sec-fetch-site': site },
        body: BODY,
      }),
  };
}

const allowedOrigin = (response: Response): string | null =>
  response.headers.get('access-control-allow-origin');

describe('a page of an allowed origin (googleapis/js-genai#1723)', () => {
  it.each([
    '/v1/jobs',
    '/v1/jobs/job_aaaaaaaaaaaaaaaaaaaaaaaaaa/videos/0',
    SUBMIT,
    '/v1beta/files/abc:download',
  ])('gets its preflight of %s answered without credentials, for any headers', async (path) => {
    const headers = 'api-revision,authorization,content-type,user-agent,x-goog-api-client,x-goog-api-key';
    const answer = await pageOf([PAGE], PAGE).preflight(path, headers);
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      ...{ 'access-control-allow-origin': PAGE, 'access-control-allow-headers': headers },
      'access-control-allow-methods': 'GET,HEAD,POST,DELETE',
      'access-control-max-age': '3600',
      vary: expect.stringContaining('Origin'),
    });
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  });

  it.each([
    ['an answer', '/v1/models', 200],
    ['a problem', '/v1/jobs/job_aaaaaaaaaaaaaaaaaaaaaaaaaa', 404],
    ['an error in Google’s format', '/v1beta/files/abc?key=ann', 403],
    ['a wrong method', '/v1/estimates', 405],
  ])('may read %s, and the headers that clients need', async (_what, path, status) => {
    const answer = await pageOf([PAGE], PAGE).get(path);
    expect([answer.status, allowedOrigin(answer)]).toEqual([status, PAGE]);
    const exposed = answer.headers.get('access-control-expose-headers') ?? '';
    for (const name of ['location', 'etag', 'retry-after', 'preference-applied', 'content-disposition'])
      expect(exposed.split(',')).toContain(name);
  });

  it('may send a request that needs no preflight', async () => {
    const { world, postWithoutPreflight } = pageOf([PAGE], PAGE);
    expect((await postWithoutPreflight(SUBMIT, 'cross-site')).status).toBe(200);
    expect(await world.jobs.all()).toHaveLength(1);
  });
});

it('a client without an origin gets no CORS headers, and caches learn that the answer varies', async () => {
  const { headers } = await createApi(googleWorld({ corsOrigins: [PAGE] }).services).request('/v1/models');
  expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  expect(headers.get('vary')).toContain('Origin');
});

describe('the list of origins', () => {
  it.each([
    [[], PAGE, false],
    [[PAGE], 'https://other.example.com', false],
    [[PAGE], 'https://app.example.com.evil.test', false],
    [[PAGE], 'http://app.example.com', false],
    [[PAGE], 'null', false],
    [['https://APP.example.com:443'], PAGE, true],
    [['http://localhost:*'], 'http://localhost:5173', true],
    [['http://localhost:*'], 'http://localhost', true],
    [['http://localhost:*'], 'https://localhost:5173', false],
    [['http://localhost:*'], 'http://localhost:1.evil.test', false],
    [['http://localhost:*'], 'http://localhost.evil.test', false],
    [['http://127.0.0.1:*', PAGE], PAGE, true],
    [['*'], 'https://any.test', true],
    [['*'], 'null', true],
  ] as const)('%j and a page of %s: %s', async (origins, origin, isAllowed) => {
    const page = pageOf(origins, origin);
    expect(allowedOrigin(await page.get('/v1/models'))).toBe(isAllowed ? origin : null);
    expect(allowedOrigin(await page.preflight('/v1/jobs'))).toBe(isAllowed ? origin : null);
  });
});

describe('a page of another origin (UKGovernmentBEIS/inspect_ai#5426)', () => {
  it.each([
    ['cross-site', SUBMIT, 'PERMISSION_DENIED'],
    ['same-site', SUBMIT, 'PERMISSION_DENIED'],
    [
      'cross-site',
      '/v1/batches/bat_aaaaaaaaaaaaaaaaaaaaaaaaaa/cancel',
      'urn:clapper:problem:origin-not-allowed',
    ],
  ])('%s POST %s without a preflight is refused, and makes nothing', async (site, path, code) => {
    const { world, postWithoutPreflight } = pageOf(['http://localhost:*'], PAGE);
    const answer = await postWithoutPreflight(path, site);
    const text = await answer.text();
    expect([answer.status, text.includes(code), text.includes(PAGE)]).toEqual([403, true, true]);
    expect(await world.jobs.all()).toEqual([]);
  });

  it.each(['same-origin', 'none'])('is not the console (%s), with any host name before it', async (site) => {
    const { world, postWithoutPreflight } = pageOf([], 'https://proxy.example.com');
    expect((await postWithoutPreflight(SUBMIT, site)).status).toBe(200);
    expect(await world.jobs.all()).toHaveLength(1);
  });
});
