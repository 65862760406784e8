/** Delivery of storage events to a real HTTP target: format, authorization, retries, faults, durability. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http, { type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Eventarc, type EventarcOptions, startEventarc } from '../../infra/eventarc/eventarc.ts';
import { idTokenClaims, LOCAL_ISSUER, loadIdentity } from '../../infra/shared/identity.ts';
import type { ObjectEvent } from '../../infra/storage/server.ts';
import { BUCKET, startLocal } from './storage/harness.ts';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly path: string;
  readonly atMs: number;
}

let target: http.Server;
let url: string;
let received: Received[];
/** The response to request n. `drop` closes the connection. */
let answer: (n: number) => number | 'drop' | 'silence';
let folder: string;
const running: Eventarc[] = [];

beforeEach(async () => {
  received = [];
  answer = () => 204;
  folder = mkdtempSync(path.join(tmpdir(), 'eventarc-'));
  target = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
        path: request.url ?? '',
        atMs: performance.now(),
      });
      const status = answer(received.length);
      if (status === 'drop') response.destroy();
      else if (status !== 'silence') response.writeHead(status).end();
    });
  });
  target.listen(0, '127.0.0.1');
  await once(target, 'listening');
  url = `http://127.0.0.1:${z.object({ port: z.number() }).parse(target.address()).port}`;
});
afterEach(async () => {
  for (const eventarc of running.splice(0)) await eventarc.stop();
  target.close();
  target.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});

const EMAIL = 'events@clapper-local.iam.gserviceaccount.com';
const finalized = 'google.cloud.storage.object.v1.finalized' as const;

function start(options: Partial<EventarcOptions> = {}): Eventarc {
  const eventarc = startEventarc({
    triggers: [{ bucket: BUCKET, eventType: finalized, url: `${url}/upload`, serviceAccountEmail: EMAIL }],
    retry: { minBackoffMs: 10, maxBackoffMs: 40, retentionMs: 60_000 },
    ...options,
  });
  running.push(eventarc);
  return eventarc;
}

const event = (name: string, type: ObjectEvent['type'] = 'finalized', bucket = BUCKET): ObjectEvent => ({
  type,
  object: {
    kind: 'storage#object',
    id: `${bucket}/${name}/1`,
    selfLink: '',
    mediaLink: '',
    name,
    bucket,
    generation: '1',
    metageneration: '1',
    size: '3',
    crc32c: 'AAAAAA==',
    etag: 'e',
    storageClass: 'STANDARD',
    timeCreated: '2026-01-01T00:00:00.000Z',
    updated: '2026-01-01T00:00:00.000Z',
    timeStorageClassUpdated: '2026-01-01T00:00:00.000Z',
    timeFinalized: '2026-01-01T00:00:00.000Z',
  },
});
const names = () => received.map(({ body }) => z.object({ name: z.string() }).parse(JSON.parse(body)).name);

/** Seeded, so that `SEED=…` repeats a run. */
function seeded(): () => number {
  let state = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  process.stderr.write(`eventarc: SEED=${state}\n`);
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('an event', () => {
  it('of the local Cloud Storage arrives as a CloudEvent in binary mode, with an ID token for its audience', async () => {
    const identity = loadIdentity(folder);
    const eventarc = start({
      triggers: [
        {
          bucket: BUCKET,
          eventType: finalized,
          url: `${url}/upload`,
          audience: 'https://upload.example',
          serviceAccountEmail: EMAIL,
        },
      ],
      signIdToken: (email, audience) => identity.signJwt(idTokenClaims(email, audience, Date.now())),
    });
    const local = await startLocal({ onObjectEvent: (published) => eventarc.publish(published) });
    const file = local.storage.bucket(BUCKET).file('in/ümläut 1%.json');
    await file.save('{}', {
      resumable: false,
      contentType: 'application/json',
      metadata: { metadata: { k: 'v' } },
    });
    await eventarc.idle();
    const [metadata] = await file.getMetadata();
    expect(received).toHaveLength(1);
    const [{ headers, body, path: at } = { headers: {}, body: '', path: '' }] = received;
    expect(at).toBe('/upload');
    expect(headers).toMatchObject({
      'ce-specversion': '1.0',
      'ce-type': finalized,
      'ce-source': `//storage.googleapis.com/projects/_/buckets/${BUCKET}`,
      'ce-subject': 'objects/in/%C3%BCml%C3%A4ut%201%25.json',
      'ce-bucket': BUCKET,
      'ce-id': expect.stringMatching(/^\d{16}$/),
      'ce-time': expect.stringMatching(/^\d{4}-.*Z$/),
      'content-type': 'application/json',
    });
    expect(JSON.parse(body)).toMatchObject({
      kind: 'storage#object',
      bucket: BUCKET,
      name: 'in/ümläut 1%.json',
      size: '2',
      contentType: 'application/json',
      metadata: { k: 'v' },
      generation: metadata.generation,
      metageneration: '1',
      crc32c: metadata.crc32c,
      md5Hash: metadata.md5Hash,
    });
    const token = String(headers.authorization).replace('Bearer ', '');
    const keys = createLocalJWKSet({ keys: identity.jwks.keys.map((key) => ({ ...key, kty: 'RSA' })) });
    const { payload } = await jwtVerify(token, keys, {
      issuer: LOCAL_ISSUER,
      audience: 'https://upload.example',
    });
    expect(payload).toMatchObject({ email: EMAIL, email_verified: true });
    await local.server.stop();
  });

  it('reaches every trigger with its bucket and type, and no other', async () => {
    const trigger = (
      bucket: string,
      at: string,
      eventType: `google.cloud.storage.object.v1.${ObjectEvent['type']}` = finalized,
    ) => ({ bucket, eventType, url: `${url}${at}`, serviceAccountEmail: EMAIL });
    const eventarc = start({
      triggers: [
        trigger(BUCKET, '/a'),
        trigger(BUCKET, '/b'),
        trigger('other', '/c'),
        trigger(BUCKET, '/d', 'google.cloud.storage.object.v1.deleted'),
      ],
    });
    eventarc.publish(event('x'));
    eventarc.publish(event('y', 'deleted'));
    eventarc.publish(event('z', 'metadataUpdated'));
    eventarc.publish(event('w', 'finalized', 'other'));
    await eventarc.idle();
    expect(received.map((r, i) => `${r.path} ${names()[i]}`).sort()).toEqual([
      '/a x',
      '/b x',
      '/c w',
      '/d y',
    ]);
    expect(new Set(received.map(({ headers }) => headers['ce-id'])).size).toBe(4);
  });

  it.each<[string, number | 'drop']>([
    ['a redirect', 302],
    ['a 400', 400],
    ['a 503', 503],
    ['a broken connection', 'drop'],
  ])('is retried after %s, with the same id, until it is acknowledged', async (_, failure) => {
    answer = (n) => (n < 4 ? failure : 200);
    const eventarc = start();
    eventarc.publish(event('x'));
    await eventarc.idle();
    expect(received).toHaveLength(4);
    expect(
      new Set(received.map(({ headers, body }) => `${headers['ce-id']} ${headers['ce-time']} ${body}`)).size,
    ).toBe(1);
  });

  it('is retried with waits that double up to the maximum', async () => {
    answer = (n) => (n < 6 ? 500 : 200);
    const eventarc = start();
    eventarc.publish(event('x'));
    await eventarc.idle();
    const waits = received.slice(1).map(({ atMs }, i) => atMs - (received[i]?.atMs ?? 0));
    for (const [i, bound] of [10, 20, 40, 40, 40].entries())
      expect(waits[i]).toBeGreaterThanOrEqual(bound - 2);
  });

  it('is retried when the receiver does not respond', async () => {
    answer = (n) => (n === 1 ? 'silence' : 200);
    const eventarc = start({ timeoutMs: 30 });
    eventarc.publish(event('x'));
    await eventarc.idle();
    expect(received).toHaveLength(2);
  });

  it('is retried while the connection is refused', async () => {
    const { port } = z.object({ port: z.number() }).parse(target.address());
    target.close();
    target.closeAllConnections();
    const eventarc = start();
    eventarc.publish(event('x'));
    await new Promise((resolve) => http.get(url).on('error', resolve));
    target.listen(port, '127.0.0.1');
    await eventarc.idle();
    expect(names()).toEqual(['x']);
  });

  it('is dropped after its retention', async () => {
    answer = () => 500;
    let nowMs = 0;
    const eventarc = start({
      now: () => (nowMs += 10_000),
      retry: { minBackoffMs: 1, maxBackoffMs: 1, retentionMs: 50_000 },
    });
    eventarc.publish(event('x'));
    await eventarc.idle();
    expect(received.length).toBeGreaterThan(1);
    expect(received.length).toBeLessThan(6);
  });
});

describe('undelivered events', () => {
  it('survive without a clean shutdown and are sent to the trigger at its new port', async () => {
    answer = () => 503;
    const first = start({ stateDir: folder });
    for (const name of ['a', 'b', 'c']) first.publish(event(name));
    await expect.poll(() => received.length).toBeGreaterThanOrEqual(3);
    const moved = http.createServer((request, response) => {
      target.emit('request', request, response);
    });
    moved.listen(0, '127.0.0.1');
    await once(moved, 'listening');
    const port = z.object({ port: z.number() }).parse(moved.address()).port;
    received = [];
    answer = () => 200;
    const second = start({
      stateDir: folder,
      triggers: [
        {
          bucket: BUCKET,
          eventType: finalized,
          url: `http://127.0.0.1:${port}/upload`,
          serviceAccountEmail: EMAIL,
        },
      ],
    });
    await second.idle();
    expect([...new Set(names())].sort()).toEqual(['a', 'b', 'c']);
    const third = start({ stateDir: folder });
    received = [];
    await third.idle();
    expect(received).toEqual([]);
    moved.close();
    moved.closeAllConnections();
  });

  it('of a deleted trigger are dropped', async () => {
    answer = () => 503;
    const first = start({ stateDir: folder });
    first.publish(event('a'));
    await expect.poll(() => received.length).toBeGreaterThanOrEqual(1);
    await first.stop();
    await start({ stateDir: folder, triggers: [] }).idle();
    received = [];
    await start({ stateDir: folder }).idle();
    expect(received).toEqual([]);
  });

  it('are kept by stop, which does not wait for an unresponsive receiver', async () => {
    answer = () => 'silence';
    const first = start({ stateDir: folder });
    first.publish(event('a'));
    await expect.poll(() => received.length).toBe(1);
    await first.stop();
    answer = () => 200;
    await start({ stateDir: folder }).idle();
    expect(names()).toEqual(['a', 'a']);
  });
});

describe('injected faults', () => {
  const all = Array.from({ length: 300 }, (_, i) => `n${i}`);
  const run = async (faults: NonNullable<EventarcOptions['faults']>) => {
    const eventarc = start({ faults, random: seeded() });
    for (const name of all) eventarc.publish(event(name));
    await eventarc.idle();
  };

  it('duplicate at about the configured rate, some with the same id and some with another', async () => {
    await run({ duplicateRate: 0.5 });
    expect(new Set(names()).size).toBe(all.length);
    expect(received.length).toBeGreaterThan(all.length * 1.3);
    expect(received.length).toBeLessThan(all.length * 1.7);
    const ids = new Set(received.map(({ headers }) => headers['ce-id'])).size;
    expect(ids).toBeGreaterThan(all.length);
    expect(ids).toBeLessThan(received.length);
  });

  it('lose at about the configured rate', async () => {
    await run({ lossRate: 0.5 });
    expect(received.length).toBeGreaterThan(all.length * 0.3);
    expect(received.length).toBeLessThan(all.length * 0.7);
  });

  it('reorder and delay without losing events', async () => {
    await run({ reorder: true, delayRate: 0.5, maxDelayMs: 50 });
    expect(names()).not.toEqual(all);
    expect(names().sort()).toEqual([...all].sort());
  });
});
