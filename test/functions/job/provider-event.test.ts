/** Webhooks of the provider: they resolve an attempt whose answer was lost, and are accepted only if signed. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProviderWebhooks } from '../../../functions/adapters/provider-webhooks.ts';
import { type Job, liveAttemptOf } from '../../../functions/core/job/job.ts';
import { createApi } from '../../../functions/handlers/api/api.ts';
import { accept, stored } from '../../support/jobs.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';

const MINUTE = 60_000;
const URL_OF_OURS = 'https://clapper.test/v1/provider-events';
let sign: (body: string, audience?: string) => Promise<string>;
let jwksUrl = '';
const closing: (() => void)[] = [];

beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const keys = JSON.stringify({
    keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256', use: 'sig' }],
  });
  const server = createServer((_request, response) =>
    response.setHeader('content-type', 'application/json').end(keys),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  jwksUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/jwks`;
  closing.push(() => server.close());
  sign = (body, audience = URL_OF_OURS) =>
    new SignJWT({ body_sha256: createHash('sha256').update(body).digest('hex') })
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .setAudience(audience)
      .setExpirationTime('5m')
      .sign(privateKey);
});
afterAll(() => {
  for (const close of closing) close();
});

const eventOf = (job: Job): string =>
  JSON.stringify({
    type: 'interaction.completed',
    version: 'v1',
    data: { id: 'operations/1' },
    user_metadata: { job_id: job.jobId, attempt_id: liveAttemptOf(job)?.attemptId },
  });

async function post(world: World, body: string, signature: string): Promise<number> {
  const providerWebhooks = createProviderWebhooks({ url: URL_OF_OURS, jwksUrl });
  const headers = { 'content-type': 'application/json', 'webhook-signature': signature };
  const api = createApi({ ...world.services, providerWebhooks });
  return (await api.request('/v1/provider-events', { method: 'POST', headers, body })).status;
}

/** A job of the Developer API whose paid call ran, but whose answer was lost. */
async function lost(): Promise<{ world: World; job: Job }> {
  const world = makeWorld();
  const { onSubmit } = world.gemini;
  world.gemini.onSubmit = async (call) => {
    await onSubmit(call);
    return { kind: 'failed', signal: { kind: 'timeout', message: 'no answer' } };
  };
  const made = await accept(world, { provider: 'gemini', model: 'veo-3.1-generate-preview' });
  await runFor(world, MINUTE);
  const job = await stored(world, made);
  expect(job.status).toBe('uncertain');
  return { world, job };
}

describe('a webhook', () => {
  it('that names the attempt resolves it, and its operation is polled at once', async () => {
    const { world, job } = await lost();
    const body = eventOf(job);
    expect(await post(world, body, await sign(body))).toBe(204);
    expect(await stored(world, job)).toMatchObject({
      status: 'running',
      attempt: { operation: { provider: 'gemini', name: 'operations/1' } },
    });
    await runFor(world, 1);
    expect(world.gemini.polls).toBe(1);
  });

  it('is accepted if it is repeated or names an unknown job', async () => {
    const { world, job } = await lost();
    const body = eventOf(job);
    const signature = await sign(body);
    expect([await post(world, body, signature), await post(world, body, signature)]).toEqual([204, 204]);
    const unknown = JSON.stringify({
      type: 't',
      data: { id: 'x' },
      user_metadata: { job_id: 'j', attempt_id: 'a' },
    });
    expect(await post(world, unknown, await sign(unknown))).toBe(204);
  });

  it('is refused without a signature, and with one for another audience or body', async () => {
    const { world, job } = await lost();
    const body = eventOf(job);
    expect(await post(world, body, '')).toBe(401);
    expect(await post(world, body, await sign(body, 'https://elsewhere.test'))).toBe(401);
    expect(await post(world, body, await sign('another body'))).toBe(401);
    expect(await post(world, '{}', await sign('{}'))).toBe(400);
    expect((await stored(world, job)).status).toBe('uncertain');
  });

  it('gets 404 if the deployment has no webhook URL', async () => {
    const api = createApi(makeWorld().services);
    expect((await api.request('/v1/provider-events', { method: 'POST', body: '{}' })).status).toBe(404);
  });
});

describe('a webhook that arrives after the attempt has ended with an unknown outcome', () => {
  it('still lands the video, and the job stays failed', async () => {
    const { world, job } = await lost();
    await runFor(world, 60 * MINUTE);
    expect((await stored(world, job)).status).toBe('failed');
    const body = eventOf(job);
    world.gemini.onPoll = () => ({
      kind: 'done',
      result: { sources: [{ uri: 'u' }], filteredCount: 0, filteredReasons: [] },
    });
    world.gemini.onDownload = async () => ({
      kind: 'body',
      contentType: 'video/mp4',
      body: Readable.from([Buffer.from('video')]),
    });
    expect(await post(world, body, await sign(body))).toBe(204);
    await runFor(world, 60 * MINUTE);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      attempts: [{ outcome: 'landed', charged: 'yes', videos: [{ bytes: 5 }] }],
    });
  });
});
