/** The HTTP API with in-memory ports: its answers, and that invalid input writes, enqueues and pays nothing. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { BODY_BYTES_MAX } from '../../../functions/handlers/http/json-body.ts';
import { rawApiOf } from '../../support/api-client.ts';
import { PNG } from '../../support/images.ts';
import { finishesAfter } from '../../support/jobs.ts';
import { makeWorld } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
describe('POST /v1/jobs', () => {
  it('answers 201 with the job and its Location', async () => {
    const { post } = rawApiOf(makeWorld());
    const { status, headers, body } = await post({ prompt: 'a cat' });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      status: 'queued',
      request: { prompt: 'a cat' },
      priceUsd: { estimate: 0.8, charged: 0 },
    });
    expect(headers.get('location')).toBe(`/v1/jobs/${body['id']}`);
    expect(body['id']).toMatch(/^job_[a-z2-7]{26}$/);
  });

  it('returns the same job with 200 for the same key and body, whatever the order of the body’s fields', async () => {
    const world = makeWorld();
    const { post } = rawApiOf(world);
    const first = await post({ prompt: 'a cat', seed: 1 }, { 'idempotency-key': 'k1' });
    const again = await post({ seed: 1, prompt: 'a cat' }, { 'idempotency-key': 'k1' });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.body['id']).toBe(first.body['id']);
    expect(world.tasks.enqueued).toBe(1);
  });

  it('refuses another body under the same key with 422', async () => {
    const { post } = rawApiOf(makeWorld());
    await post({ prompt: 'a cat' }, { 'idempotency-key': 'k1' });
    const { status, body } = await post({ prompt: 'a dog' }, { 'idempotency-key': 'k1' });
    expect(status).toBe(422);
    expect(body).toMatchObject({ type: 'urn:clapper:problem:idempotency-key-reused', status: 422 });
  });

  it('creates one job from twenty concurrent requests with one key', async () => {
    const world = makeWorld();
    const { post } = rawApiOf(world);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post({ prompt: 'a cat' }, { 'idempotency-key': 'k' })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(new Set(answers.map(({ body }) => body['id'])).size).toBe(1);
    expect(world.tasks.enqueued).toBe(1);
  });

  it('keeps the keys of two callers apart', async () => {
    const { post } = rawApiOf(makeWorld());
    const mine = await post({ prompt: 'a cat' }, { 'idempotency-key': 'k', 'x-test-caller': 'me' });
    const yours = await post({ prompt: 'a dog' }, { 'idempotency-key': 'k', 'x-test-caller': 'you' });
    expect([mine.status, yours.status]).toEqual([201, 201]);
  });

  it('still returns the job of a key after its model has been retired', async () => {
    const world = makeWorld();
    const body = { prompt: 'a cat', model: 'veo-3.1-generate-preview', provider: 'gemini' };
    const first = await rawApiOf(world).post(body, { 'idempotency-key': 'k' });
    const strict = {
      ...world,
      services: { ...world.services, settings: { ...world.services.settings, allowRetiredModels: false } },
    };
    const again = await rawApiOf(strict).post(body, { 'idempotency-key': 'k' });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect((await rawApiOf(strict).post(body)).status).toBe(400);
  });

  it('stores inline images in the input bucket and keeps their bytes out of the job', async () => {
    const world = makeWorld();
    const image = { bytesBase64Encoded: PNG.toString('base64'), mimeType: 'image/png' };
    const { status, body } = await rawApiOf(world).post({ prompt: 'a cat', image });
    expect(status).toBe(201);
    const [object] = [...world.input.objects.values()];
    expect(object?.name).toMatch(new RegExp(`^jobs/${body['id']}/image-[a-z2-7]{26}\\.png$`));
    expect(body).toMatchObject({ request: { image: { gcsUri: object?.uri, mimeType: 'image/png' } } });
    expect(JSON.stringify(body)).not.toContain(image.bytesBase64Encoded);
  });

  it('accepts the job although the task queue fails: the sweep enqueues the wake later', async () => {
    const world = makeWorld();
    world.tasks.failNext = 1;
    expect((await rawApiOf(world).post({ prompt: 'a cat' })).status).toBe(201);
  });
});

describe('invalid input is refused with its name, and nothing is written, enqueued or paid', () => {
  const post = (
    body: NonNullable<RequestInit['body']>,
    headers: Record<string, string> = JSON_TYPE,
  ): RequestInit => ({
    method: 'POST',
    headers,
    body,
  });
  const json = (body: unknown): RequestInit => post(JSON.stringify(body));
  const streamed = (pull: (controller: ReadableStreamDefaultController) => void): RequestInit => ({
    ...post(new ReadableStream({ pull })),
    // Node requires `duplex` for a streamed body; the browser's RequestInit type does not have it.
    ...{ duplex: 'half' },
  });
  const endless = (): RequestInit =>
    streamed((controller) => controller.enqueue(new Uint8Array(1024 * 1024)));
  const aborted = (): RequestInit => streamed((controller) => controller.error(new Error('aborted')));
  const bad: [string, string, RequestInit, number, string][] = [
    ['no prompt and no image', '/v1/jobs', json({}), 400, 'prompt'],
    ['an unknown model', '/v1/jobs', json({ prompt: 'a', model: 'sora' }), 400, '"sora"'],
    ['an unknown field', '/v1/jobs', json({ prompt: 'a', promt: 'b' }), 400, 'promt'],
    ['nine seconds', '/v1/jobs', json({ prompt: 'a', durationSeconds: 9 }), 400, 'durationSeconds'],
    ['malformed JSON', '/v1/jobs', post('{"prompt": '), 400, 'JSON'],
    ['a body that is not UTF-8', '/v1/jobs', post(new Uint8Array([0x7b, 0xff, 0x7d])), 400, 'UTF-8'],
    ['an empty body', '/v1/jobs', post(''), 400, 'JSON'],
    ['40 MB', '/v1/jobs', post('x'.repeat(40_000_000)), 413, String(BODY_BYTES_MAX)],
    ['an endless body', '/v1/jobs', endless(), 413, String(BODY_BYTES_MAX)],
    ['an aborted body', '/v1/jobs', aborted(), 400, 'connection closed'],
    [
      'the wrong content type',
      '/v1/jobs',
      post('{"prompt":"a"}', { 'content-type': 'text/plain' }),
      415,
      'text/plain',
    ],
    ['no content type', '/v1/jobs', post(new Uint8Array([0x7b, 0x7d]), {}), 415, 'missing'],
    [
      'a key with spaces',
      '/v1/jobs',
      post('{"prompt":"a"}', { ...JSON_TYPE, 'idempotency-key': 'a b' }),
      400,
      'Idempotency-Key',
    ],
    [
      'a key of 300 characters',
      '/v1/jobs',
      post('{"prompt":"a"}', { ...JSON_TYPE, 'idempotency-key': 'k'.repeat(300) }),
      400,
      'Idempotency-Key',
    ],
    ['a bad page token', '/v1/jobs?pageToken=bm90IGEgdG9rZW4', {}, 400, 'pageToken'],
    ['a page size of zero', '/v1/jobs?pageSize=0', {}, 400, 'pageSize'],
    ['an unknown filter', '/v1/jobs?colour=red', {}, 400, 'colour'],
    ['an unknown status', '/v1/jobs?status=done', {}, 400, 'status'],
    ['a malformed job id', '/v1/jobs/42', {}, 404, "'42'"],
    ['a job id with path traversal', '/v1/jobs/..%2f..%2fetc', {}, 404, 'job id'],
    ['a missing job', '/v1/jobs/job_aaaaaaaaaaaaaaaaaaaaaaaaaa', {}, 404, 'job_aaaa'],
    ['an unknown path', '/v2/jobs', {}, 404, '/v2/jobs'],
    ['a wrong method', '/v1/jobs', { method: 'DELETE' }, 405, 'DELETE'],
  ];
  it.each(bad)('%s', async (_, path, init, status, names) => {
    const world = makeWorld();
    const answer = await rawApiOf(world).send(path, init);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.body).toMatchObject({ status, type: expect.stringMatching(/^urn:clapper:problem:/) });
    expect(String(answer.body['detail'])).toContain(names);
    expect(world.jobs.writes).toBe(0);
    expect(world.tasks.enqueued).toBe(0);
    expect(world.input.objects.size).toBe(0);
    expect(world.vertex.calls).toHaveLength(0);
    expect(world.log.filter(({ severity }) => severity === 'ERROR')).toEqual([]);
  });

  it('an internal error is a 500 that reveals no details', async () => {
    const world = makeWorld();
    world.jobs.get = async () => {
      throw new Error('secret connection string');
    };
    const { status, body } = await rawApiOf(world).send('/v1/jobs/job_aaaaaaaaaaaaaaaaaaaaaaaaaa');
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(world.log.some(({ message }) => message.includes('secret'))).toBe(true);
  });
});

describe('GET /v1/jobs/{id}', () => {
  it('answers 404 for another caller’s job, as for a missing job', async () => {
    const { send, post } = rawApiOf(makeWorld());
    const { body } = await post({ prompt: 'a' }, { 'x-test-caller': 'me' });
    const path = `/v1/jobs/${body['id']}`;
    expect((await send(path, { headers: { 'x-test-caller': 'me' } })).status).toBe(200);
    for (const other of [path, `${path}/videos/0`]) {
      expect((await send(other, { headers: { 'x-test-caller': 'you' } })).status).toBe(404);
    }
    expect(
      (await send(`${path}/cancel`, { method: 'POST', headers: { 'x-test-caller': 'you' } })).status,
    ).toBe(404);
  });

  it('with Prefer: wait answers as soon as the job is finished', async () => {
    const world = makeWorld();
    const { send, post } = rawApiOf(world);
    finishesAfter(world, 0);
    const { body } = await post({ prompt: 'a' });
    const waiting = send(`/v1/jobs/${body['id']}`, { headers: { prefer: 'respond-async, wait=60' } });
    await runFor(world, 600_000);
    const answer = await waiting;
    expect(answer.body).toMatchObject({ status: 'succeeded', priceUsd: { charged: 0.8 } });
    expect(answer.headers.get('preference-applied')).toBe('wait=60');
  });

  it('with Prefer: wait=0 answers at once', async () => {
    const { send, post } = rawApiOf(makeWorld());
    const { body } = await post({ prompt: 'a' });
    const answer = await send(`/v1/jobs/${body['id']}`, { headers: { prefer: 'wait=0' } });
    expect(answer.body).toMatchObject({
      status: 'queued',
      progress: { elapsedMs: 0, expectedRemainingMs: 120_000 },
    });
  });

  it('with Prefer: wait waits at most 60 s', async () => {
    const world = makeWorld();
    const { send, post } = rawApiOf(world);
    const { body } = await post({ prompt: 'a' });
    let asked = 0;
    world.jobs.waitFor = async (jobId, _until, timeoutMs) => {
      asked = timeoutMs;
      return world.jobs.get(jobId);
    };
    await send(`/v1/jobs/${body['id']}`, { headers: { prefer: 'wait=3600' } });
    expect(asked).toBe(60_000);
  });
});

describe('GET /v1/jobs', () => {
  it('pages through all jobs of the caller, newest first, each once', async () => {
    const world = makeWorld();
    const { send, post } = rawApiOf(world);
    const ids: unknown[] = [];
    for (let n = 0; n < 7; n++) {
      ids.unshift((await post({ prompt: `cat ${n}` })).body['id']);
      // Two jobs are created in the same millisecond.
      if (n !== 3) world.clock.advance(1);
    }
    await post({ prompt: 'not mine' }, { 'x-test-caller': 'you' });
    const seen: unknown[] = [];
    let token: unknown;
    do {
      const { body } = await send(`/v1/jobs?pageSize=3${token === undefined ? '' : `&pageToken=${token}`}`);
      const jobs = body['jobs'];
      if (!Array.isArray(jobs)) throw new Error('no jobs');
      seen.push(...jobs.map(({ id }) => id));
      token = body['nextPageToken'];
    } while (token !== undefined);
    expect(new Set(seen)).toEqual(new Set(ids));
    expect(seen).toHaveLength(7);
    expect(seen.slice(0, 2)).toEqual(ids.slice(0, 2));
  });

  it('filters by status and model, and refuses the token of another list', async () => {
    const world = makeWorld();
    const { send, post } = rawApiOf(world);
    for (const model of ['veo-3.1-generate-001', 'veo-3.1-fast-generate-001', 'veo-3.1-generate-001']) {
      await post({ prompt: 'a', model });
    }
    const { body } = await send('/v1/jobs?model=veo-3.1-generate-001&status=queued&pageSize=1');
    expect(body['jobs']).toHaveLength(1);
    expect((await send('/v1/jobs?status=failed')).body['jobs']).toHaveLength(0);
    const other = await send(`/v1/jobs?pageSize=1&pageToken=${body['nextPageToken']}`);
    expect(other.status).toBe(400);
    expect(String(other.body['detail'])).toContain('other filters');
  });
});

describe('GET /v1/jobs/{id}/videos/{n}', () => {
  it('redirects to a signed link and returns its expiry time', async () => {
    const world = makeWorld();
    finishesAfter(world, 0);
    const { send, post } = rawApiOf(world);
    const { body } = await post({ prompt: 'a' });
    await runFor(world, 600_000);
    const answer = await send(`/v1/jobs/${body['id']}/videos/0`);
    expect(answer.status).toBe(302);
    expect(answer.headers.get('location')).toBe(answer.body['url']);
    expect(Date.parse(String(answer.body['expiresAt']))).toBe(world.clock.now() + 900_000);
    // A web page needs the link itself: its video player cannot send credentials.
    const asked = await send(`/v1/jobs/${body['id']}/videos/0`, { headers: { accept: 'application/json' } });
    expect(asked).toMatchObject({ status: 200, body: { url: expect.any(String) } });
    for (const n of ['1', '-1', 'x', '0x0', '1e0']) {
      const missing = await send(`/v1/jobs/${body['id']}/videos/${n}`);
      expect(missing.status).toBe(404);
      expect(String(missing.body['detail'])).toContain('0 to 0');
    }
  });

  it('answers 404 with the job’s status for an unfinished job', async () => {
    const { send, post } = rawApiOf(makeWorld());
    const { body } = await post({ prompt: 'a' });
    const { status, body: problem } = await send(`/v1/jobs/${body['id']}/videos/0`);
    expect(status).toBe(404);
    expect(String(problem['detail'])).toContain('queued');
  });
});

describe('POST /v1/jobs/{id}/cancel', () => {
  it('cancels, succeeds again when repeated, and refuses a job that has succeeded', async () => {
    const world = makeWorld();
    finishesAfter(world, 0);
    const { send, post } = rawApiOf(world);
    const first = (await post({ prompt: 'a' })).body['id'];
    for (const _ of [1, 2]) {
      const { status, body } = await send(`/v1/jobs/${first}/cancel`, { method: 'POST' });
      expect([status, body['status']]).toEqual([200, 'cancelled']);
    }
    const second = (await post({ prompt: 'a' })).body['id'];
    await runFor(world, 600_000);
    const { status, body } = await send(`/v1/jobs/${second}/cancel`, { method: 'POST' });
    expect([status, body['type']]).toEqual([409, 'urn:clapper:problem:already-finished']);
  });
});

describe('GET /v1/models', () => {
  it('returns the catalogue: modes, parameters, limits, prices, and retired models', async () => {
    const { body } = await rawApiOf(makeWorld()).send('/v1/models');
    const models = z.array(z.looseObject({ model: z.string(), stage: z.string() })).parse(body['models']);
    const of = (name: string): Record<string, unknown> | undefined =>
      models.find(({ model }) => model === name);
    expect(of('veo-3.1-generate-001')).toMatchObject({
      stage: 'ga',
      modes: ['text', 'image', 'firstLast', 'references', 'extension'],
      durationsSeconds: [4, 6, 8],
      extension: { addsSeconds: [7], totalSecondsMax: 37 },
      pricePerSecondUsd: { '4k': { withAudio: 0.6 } },
      seed: { max: 4_294_967_295 },
    });
    expect(of('veo-3.1-generate-preview')).toMatchObject({
      stage: 'retired',
      inMode: { text: { personGeneration: ['allow_all'] }, references: { aspectRatios: ['16:9'] } },
    });
    expect(of('veo-3.1-lite-generate-001')?.['inMode']).toEqual({});
    expect(of('gemini-3-pro-image')).toMatchObject({ kind: 'image', edits: true });
    expect(body['retired']).toContainEqual(
      expect.objectContaining({
        model: 'veo-2.0-generate-001',
        replacement: 'veo-3.1-generate-001',
        date: '2026-06-30',
      }),
    );
  });
});
