/** Interactions survive kill -9, and webhooks are delivered at least once, also after a restart. */
import { createHash, createPublicKey, createVerify, type JsonWebKey } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseMp4 } from '../../../infra/mp4/mp4-parser.ts';
import { wholeRequests } from '../../support/whole-requests.ts';
import { get, LONGEST_MS, post, startBucket, startRig } from './harness.ts';
import {
  cancel,
  collection,
  create,
  credentials,
  type Host,
  omniBody,
  read,
  videoOf,
} from './omni-harness.ts';
import { newStateDir, startChild } from './persistence-harness.ts';

describe('after kill -9', () => {
  it('interactions complete as without a crash; cancelled and deleted ones stay cancelled and deleted', async () => {
    const bucket = await startBucket();
    const stateDir = newStateDir();
    const child = await startChild(bucket, stateDir, 1);
    const submit = async (host: Host, body: unknown): Promise<string> =>
      (await post(collection(host, child.url), body, credentials(host))).json.id;
    const vertex = await submit('vertex', omniBody('vertex', 'a cat'));
    const developer = await submit('developer', omniBody('developer', 'a dog'));
    const inline = await submit('vertex', {
      ...omniBody('vertex', 'a cow'),
      response_format: { type: 'video', duration: '3s' },
    });
    const cancelled = await submit('vertex', omniBody('vertex', 'a hen'));
    const deleted = await submit('developer', omniBody('developer', 'a pig'));
    await post(`${collection('vertex', child.url)}/${cancelled}/cancel`, '', credentials('vertex'));
    await fetch(`${collection('developer', child.url)}/${deleted}`, {
      method: 'DELETE',
      headers: credentials('developer'),
    });
    const ledger = (await get(`${child.url}/_control/paid-calls`)).json.paidCalls;
    await child.kill();

    const rig = await startRig({ stateDir, bucket, startMs: Date.now() });
    expect(rig.models.paidCalls()).toEqual(ledger);
    expect((await read(rig, 'vertex', vertex)).json.status).toBe('in_progress');
    await rig.finish();
    rig.clock.nowMs += LONGEST_MS;
    for (const [host, id] of [
      ['vertex', vertex],
      ['developer', developer],
      ['vertex', inline],
    ] as const) {
      expect(parseMp4(await videoOf(rig, host, id)).durationSeconds).toBe(3);
    }
    expect((await read(rig, 'vertex', cancelled)).json.status).toBe('cancelled');
    expect((await read(rig, 'developer', deleted)).status).toBe(404);
    expect(bucket.objects.size).toBe(1);
    expect(rig.models.paidCalls().map((call) => call.state)).toEqual([
      'succeeded',
      'succeeded',
      'succeeded',
      'cancelled',
      'succeeded',
    ]);
    expect(rig.bugs).toEqual([]);
    await rig.stop();
    await bucket.stop();
  });
});

describe('a cancellation', () => {
  it('leaves no video: during generation, during failed uploads, and across a restart', async () => {
    const stateDir = newStateDir();
    const videos = (): string[] => readdirSync(path.join(stateDir, 'models', 'videos'));
    const rig = await startRig({ stateDir });
    const ids: string[] = [];
    for (const prompt of ['early', 'late']) {
      ids.push((await create(rig, 'vertex', omniBody('vertex', prompt))).json.id);
    }
    await cancel(rig, 'vertex', ids[0] ?? '');
    rig.bucket.failWith = 503;
    await rig.finish();
    expect(videos()).toHaveLength(1);
    await cancel(rig, 'vertex', ids[1] ?? '');
    await rig.stop();
    const again = await startRig({ stateDir });
    expect(videos()).toEqual([]);
    await again.finish();
    for (const id of ids) expect((await read(again, 'vertex', id)).json.status).toBe('cancelled');
    expect([again.bucket.objects.size, rig.bucket.objects.size, rig.bugs, again.bugs]).toEqual([
      0,
      0,
      [],
      [],
    ]);
    await again.stop();
  });
});

interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A webhook receiver that replies with the given statuses, one for each delivery, then with 200. */
async function startReceiver(statuses: number[] = []) {
  const deliveries: Delivery[] = [];
  const waiting: (() => void)[] = [];
  const server = createServer(
    wholeRequests((request, body, response) => {
      deliveries.push({ headers: request.headers, body: body.toString() });
      response.writeHead(statuses.shift() ?? 200).end();
      for (const resolve of waiting.splice(0)) resolve();
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    deliveries,
    /** Resolves after `count` deliveries. */
    received: async (count: number): Promise<void> => {
      while (deliveries.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const withWebhook = (url: string, prompt = 'a cat') => ({
  ...omniBody('developer', prompt),
  webhook_config: { uris: [url], user_metadata: { jobId: '1' } },
});

describe('a webhook', () => {
  it('reports a finished video, signed with a published key', async () => {
    const rig = await startRig();
    const receiver = await startReceiver();
    const { json } = await create(rig, 'developer', withWebhook(receiver.url));
    await rig.finish();
    await receiver.received(1);
    const [{ headers, body } = { headers: {}, body: '' }] = receiver.deliveries;
    expect(JSON.parse(body)).toEqual({
      type: 'interaction.completed',
      version: 'v1',
      timestamp: new Date(rig.clock.nowMs).toISOString(),
      data: { id: json.id, video_uri: (await read(rig, 'developer', json.id)).json.steps[0].content[0].uri },
      user_metadata: { jobId: '1' },
    });
    expect(headers['webhook-timestamp']).toBe(String(rig.clock.nowMs / 1000));
    const [head = '', claims = '', signature = ''] = String(headers['webhook-signature']).split('.');
    const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
    const { keys } = (await get(`${rig.models.url}/.well-known/jwks.json`)).json;
    const jwk: JsonWebKey = keys.find((key: { kid: string }) => key.kid === decode(head).kid);
    const verify = createVerify('RSA-SHA256').update(`${head}.${claims}`);
    expect(verify.verify(createPublicKey({ key: jwk, format: 'jwk' }), signature, 'base64url')).toBe(true);
    expect(decode(claims)).toMatchObject({
      aud: receiver.url,
      sub: headers['webhook-id'],
      exp: rig.clock.nowMs / 1000 + 300,
      body_sha256: createHash('sha256').update(body).digest('hex'),
    });
    await rig.stop();
    await receiver.stop();
    expect(rig.bugs).toEqual([]);
  });

  it('reports a failure, is retried until it receives 2xx, and is not sent for a cancellation', async () => {
    const rig = await startRig();
    const receiver = await startReceiver([500]);
    const { json } = await create(rig, 'developer', withWebhook(receiver.url));
    await cancel(rig, 'developer', json.id);
    const failing = await create(rig, 'developer', withWebhook(receiver.url, '[simulate: safety-filter] x'));
    await rig.finish();
    await receiver.received(2);
    const [first, second] = receiver.deliveries;
    expect(second?.body).toBe(first?.body);
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect(JSON.parse(first?.body ?? '{}')).toMatchObject({
      type: 'interaction.failed',
      data: { id: failing.json.id, error_code: 'safety' },
    });
    await rig.stop();
    await receiver.stop();
  });

  it('is delivered by a second server on the same state, and not again by a third', async () => {
    const receiver = await startReceiver();
    const stateDir = newStateDir();
    const first = await startRig({ stateDir });
    const { json } = await create(first, 'developer', withWebhook(receiver.url));
    // The first server still runs, but its clock stands still: it delivers nothing.
    const second = await startRig({ stateDir });
    await second.finish();
    await receiver.received(1);
    expect(JSON.parse(receiver.deliveries[0]?.body ?? '{}')).toMatchObject({ data: { id: json.id } });
    await second.models.settled();
    await second.stop();
    const third = await startRig({ stateDir });
    await third.finish();
    expect((await read(third, 'developer', json.id)).json.status).toBe('completed');
    expect(receiver.deliveries).toHaveLength(1);
    await third.stop();
    await first.stop();
    await receiver.stop();
  });
});
