/** Interactions outlive kill -9, and webhooks are called, at least once, whatever happens in between. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, createPublicKey, createVerify, type JsonWebKey } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseMp4 } from '../../../infra/mp4/mp4-parser.ts';
import { wholeRequests } from '../../support/whole-requests.ts';
import { type Bucket, get, LONGEST_MS, post, type Rig, startBucket, startRig } from './harness.ts';
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

let stateDir: string;

beforeEach(() => {
  stateDir = mkdtempSync(path.join(tmpdir(), 'models-omni-'));
});

afterEach(() => {
  rmSync(stateDir, { recursive: true, force: true });
});

interface Child {
  readonly url: string;
  readonly kill: () => Promise<void>;
}

async function startChild(bucket: Bucket): Promise<Child> {
  const file = fileURLToPath(new URL('./child.ts', import.meta.url));
  const options = JSON.stringify({ storageUrl: bucket.url, stateDir, speedUp: 1 });
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', file, options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const [line] = child.stdout === null ? [] : await once(child.stdout, 'data');
  return {
    url: String(line).trim(),
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

describe('after kill -9', () => {
  it('interactions end as they would have ended, cancelled ones stay so, deleted ones are gone', async () => {
    const bucket = await startBucket();
    const child = await startChild(bucket);
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

    // The clock of the second server stands still a little after the first.
    const rig = await startRig({ stateDir, storageUrl: bucket.url });
    rig.clock.nowMs = Date.now();
    expect(rig.models.paidCalls()).toEqual(ledger);
    expect((await read(rig, 'vertex', vertex)).json.status).toBe('in_progress');
    await rig.finish();
    rig.clock.nowMs += LONGEST_MS;
    const mine: Rig = { ...rig, bucket };
    for (const [host, id] of [
      ['vertex', vertex],
      ['developer', developer],
      ['vertex', inline],
    ] as const) {
      expect(parseMp4(await videoOf(mine, host, id)).durationSeconds).toBe(3);
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
  it('leaves no video behind: neither while it is made, nor while the bucket refuses it, nor over a restart', async () => {
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

/** A receiver that answers with the given statuses in turn, then 200. */
async function startReceiver(statuses: number[] = []) {
  const deliveries: Delivery[] = [];
  const waiting: (() => void)[] = [];
  const server = createServer(
    wholeRequests((request, body, response) => {
      deliveries.push({ headers: request.headers, body: body.toString() });
      response.writeHead(statuses.shift() ?? 200).end();
      for (const tell of waiting.splice(0)) tell();
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    deliveries,
    /** Resolves when so many deliveries have come. */
    received: async (count: number): Promise<void> => {
      while (deliveries.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const hooked = (url: string, prompt = 'a cat') => ({
  ...omniBody('developer', prompt),
  webhook_config: { uris: [url], user_metadata: { jobId: '1' } },
});

describe('a webhook', () => {
  it('tells of a video, signed with a published key', async () => {
    const rig = await startRig();
    const receiver = await startReceiver();
    const { json } = await create(rig, 'developer', hooked(receiver.url));
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

  it('tells of a failure, is repeated until it is heard, and is silent about a cancellation', async () => {
    const rig = await startRig();
    const receiver = await startReceiver([500]);
    const { json } = await create(rig, 'developer', hooked(receiver.url));
    await cancel(rig, 'developer', json.id);
    const failing = await create(rig, 'developer', hooked(receiver.url, '[simulate: safety-filter] x'));
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

  it('is called by a second server on the same state, and by a third no more', async () => {
    const receiver = await startReceiver();
    const first = await startRig({ stateDir });
    const { json } = await create(first, 'developer', hooked(receiver.url));
    // Never told to stop; its clock stands still.
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
