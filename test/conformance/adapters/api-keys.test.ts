/** API keys from the API routes to Firestore: created, used as Google's clients send them, revoked, and cached. */
import { Firestore } from '@google-cloud/firestore';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApiKeyCallers, KEY_CACHE_MS } from '../../../functions/adapters/api-key-callers.ts';
import { createFirestoreApiKeys } from '../../../functions/adapters/firestore-api-keys.ts';
import { localCaller } from '../../../functions/adapters/id-token-callers.ts';
import { createApi } from '../../../functions/handlers/api/api.ts';
import type { ApiKeyStore } from '../../../functions/ports.ts';
import { startFirestore } from '../../../infra/firestore/server.ts';
import { type Answer, apiOf } from '../../support/api-client.ts';
import { makeWorld, type World } from '../../support/memory.ts';

const closing: (() => Promise<unknown>)[] = [];
let db: Firestore;
let store: ApiKeyStore;
let world: World;
let reads = 0;

beforeAll(async () => {
  const server = await startFirestore({});
  db = new Firestore({ projectId: 'keys', host: `127.0.0.1:${server.port}`, ssl: false });
  closing.push(() => db.terminate(), server.stop);
});
afterAll(async () => {
  for (const close of closing) await close();
});
beforeEach(async () => {
  await db.recursiveDelete(db.collection('keys'));
  const adapter = createFirestoreApiKeys(db);
  reads = 0;
  store = {
    ...adapter,
    get: (keyId) => {
      reads += 1;
      return adapter.get(keyId);
    },
  };
  world = makeWorld({ keys: store });
});

const made = async (body: unknown = { caller: 'film-app' }): Promise<{ id: string; key: string }> => {
  const { body: answer } = await apiOf(world, 'operator').post('/v1/keys', body);
  return { id: String(answer['id']), key: String(answer['key']) };
};

/** The API as it is served at the public address. */
const publicApi = () =>
  createApi({ ...world.services, callers: createApiKeyCallers({ store, clock: world.clock }) });

const post = (path: string, headers: Record<string, string>, body: unknown = { prompt: 'a cat' }) => ({
  path,
  init: {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  },
});

describe('an API key', () => {
  it('is shown once, when an operator creates it, and only its hash is stored', async () => {
    const answer = await apiOf(world, 'operator').post('/v1/keys', {
      caller: 'film-app',
      note: 'the renderer',
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^[a-z2-7]{12}$/),
      key: expect.stringMatching(/^clapper_[a-z2-7]{12}_[a-z2-7]{32}$/),
      ...{
        caller: 'film-app',
        note: 'the renderer',
        createdBy: 'operator',
        createdAt: '2026-11-21T00:00:00.000Z',
      },
    });
    const secret = String(answer.body['key']).slice(-32);
    const { docs } = await db.collection('keys').get();
    expect(docs).toHaveLength(1);
    expect(JSON.stringify(docs.map((doc) => doc.data()))).not.toContain(secret);
    expect(JSON.stringify([(await apiOf(world, 'operator').get('/v1/keys')).body, world.log])).not.toContain(
      secret,
    );
  });

  it('authenticates its caller by header, by bearer token and by ?key= on Google’s surfaces', async () => {
    const { key } = await made();
    const api = publicApi();
    const first = post('/v1/jobs', { 'x-goog-api-key': key });
    const second = post('/v1/jobs', { authorization: `Bearer ${key}` });
    for (const { path, init } of [first, second]) expect((await api.request(path, init)).status).toBe(201);
    const google = post(
      `/v1beta/models/veo-3.1-generate-preview:predictLongRunning?key=${key}`,
      {},
      {
        instances: [{ prompt: 'a cat' }],
      },
    );
    expect((await api.request(google.path, google.init)).status).toBe(200);
    const jobs = await world.services.jobs.list({ caller: 'film-app', pageSize: 9 });
    expect(jobs).toHaveLength(3);
    expect((await api.request('/v1/jobs', { headers: { 'x-goog-api-key': key } })).status).toBe(200);
  });

  it.each([
    ['no key', (_: string) => ({})],
    [
      'an unknown key',
      (key: string) => ({ 'x-goog-api-key': key.replace(/^clapper_.{12}/, 'clapper_aaaaaaaaaaaa') }),
    ],
    ['another secret', (key: string) => ({ 'x-goog-api-key': `${key.slice(0, -32)}${'a'.repeat(32)}` })],
    ['a key of Google’s', () => ({ 'x-goog-api-key': 'AIzaSyA-1234567890' })],
    ['half a key', (key: string) => ({ 'x-goog-api-key': key.slice(0, 30) })],
    [
      'a token with an unverified signature',
      () => ({ authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJlbWFpbCI6Im9wZXJhdG9yIn0.' }),
    ],
  ])('is required: with %s the API returns 401 and creates nothing', async (_, headersOf) => {
    const { key } = await made();
    const { path, init } = post('/v1/jobs', headersOf(key));
    const answer = await publicApi().request(path, init);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await world.services.jobs.list({ pageSize: 9 })).toEqual([]);
    expect((await publicApi().request('/v1/models', { headers: headersOf(key) })).status).toBe(401);
  });

  it('is rejected within one minute of its revocation, while other keys of the same caller keep working', async () => {
    const [old, next] = [await made(), await made()];
    const api = publicApi();
    const listed = async (key: string): Promise<number> =>
      (await api.request('/v1/jobs', { headers: { 'x-goog-api-key': key } })).status;
    expect([await listed(old.key), await listed(next.key)]).toEqual([200, 200]);
    const revoked = await revoke(old.id);
    expect(revoked).toMatchObject({ status: 200, body: { id: old.id, revokedBy: 'operator' } });
    world.clock.advance(KEY_CACHE_MS + 1);
    expect([await listed(old.key), await listed(next.key)]).toEqual([401, 200]);
    world.clock.advance(3_600_000);
    expect((await revoke(old.id)).body).toEqual(revoked.body);
    expect((await revoke('aaaaaaaaaaaa')).status).toBe(404);
    expect((await apiOf(world, 'operator').get('/v1/keys')).body).toMatchObject({
      keys: expect.arrayContaining([
        expect.objectContaining({ id: old.id, revokedAt: '2026-11-21T00:00:00.000Z' }),
        expect.not.objectContaining({ revokedAt: expect.anything() }),
      ]),
    });
  });

  it('is looked up at most once per minute, even if it does not exist', async () => {
    const { key } = await made();
    const invented = key.replace(/^clapper_.{12}/, 'clapper_aaaaaaaaaaaa');
    const api = publicApi();
    const ask = (sent: string) => api.request('/v1/models', { headers: { 'x-goog-api-key': sent } });
    await Promise.all([ask(key), ask(key), ask(key)]);
    for (let n = 0; n < 5; n++) await ask(invented);
    expect(reads).toBe(2);
    world.clock.advance(KEY_CACHE_MS + 1);
    await ask(key);
    expect(reads).toBe(3);
  });

  it('that was looked up before its creation works one minute later', async () => {
    const { key } = await made();
    const { docs } = await db.collection('keys').get();
    const [doc] = docs;
    await doc?.ref.delete();
    const api = publicApi();
    const ask = async () => (await api.request('/v1/models', { headers: { 'x-goog-api-key': key } })).status;
    expect(await ask()).toBe(401);
    await doc?.ref.set(doc.data());
    world.clock.advance(KEY_CACHE_MS + 1);
    expect(await ask()).toBe(200);
  });

  it('is created, listed and revoked only by operators, and never for an address that a token could have', async () => {
    const somebody = apiOf(world, 'somebody');
    expect((await somebody.post('/v1/keys', { caller: 'film-app' })).status).toBe(403);
    expect((await somebody.get('/v1/keys')).status).toBe(403);
    const operator = apiOf(world, 'operator');
    for (const caller of ['ann@example.com', '1234567890', '', 'Film App', 'a'.repeat(64), 7]) {
      const { status, body } = await operator.post('/v1/keys', { caller });
      expect({ caller, status, body }).toMatchObject({
        status: 400,
        body: { errors: [{ field: 'caller' }] },
      });
    }
    expect((await operator.post('/v1/keys', { caller: 'a', operator: true })).body).toMatchObject({
      errors: [{ field: 'operator', detail: 'is not a field of an API key; the fields are caller, note.' }],
    });
    const { key } = await made();
    const own = post('/v1/keys', { 'x-goog-api-key': key }, { caller: 'film-app' });
    expect((await publicApi().request(own.path, own.init)).status).toBe(403);
  });
});

describe('the local stack', () => {
  it('accepts keys that were created in it, and treats any other key as the caller’s name', async () => {
    const { key } = await made();
    const callers = createApiKeyCallers({ store, clock: world.clock, fallback: localCaller });
    expect(await callers.verify(new Headers({ 'x-goog-api-key': key }))).toBe('film-app');
    expect(await callers.verify(new Headers({ 'x-goog-api-key': 'ann' }))).toBe('ann');
    expect(await callers.verify(new Headers())).toBe('local');
  });
});

const revoke = (id: string): Promise<Answer> => apiOf(world, 'operator').delete(`/v1/keys/${id}`);
