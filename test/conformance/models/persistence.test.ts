/** What was accepted outlives kill -9: the ledger is whole, and every operation ends as it would have ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startModels } from '../../../infra/models/server.ts';
import { parseMp4 } from '../../../infra/mp4/mp4-parser.ts';
import {
  type Bucket,
  DEVELOPER_MODEL,
  get,
  KEY,
  LONGEST_MS,
  modelPath,
  pollDeveloper,
  pollVertex,
  post,
  type Rig,
  startBucket,
  startRig,
  TOKEN,
  textBody,
} from './harness.ts';

let stateDir: string;

beforeEach(() => {
  stateDir = mkdtempSync(path.join(tmpdir(), 'models-'));
});

afterEach(() => {
  rmSync(stateDir, { recursive: true, force: true });
});

interface Child {
  readonly url: string;
  readonly kill: () => Promise<void>;
}

async function startChild(bucket: Bucket, speedUp: number): Promise<Child> {
  const file = fileURLToPath(new URL('./child.ts', import.meta.url));
  const options = JSON.stringify({ storageUrl: bucket.url, stateDir, speedUp });
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

const submitTo = (url: string, body: unknown) =>
  post(`${url}/v1/${modelPath()}:predictLongRunning`, body, { authorization: `Bearer ${TOKEN}` });

/** A second server on the state that a killed one left, with a clock that stands still until it is moved. */
async function resume(bucket: Bucket, nowMs = Date.now()): Promise<Rig> {
  const clock = { nowMs };
  const bugs: unknown[] = [];
  const models = await startModels({
    storageUrl: bucket.url,
    stateDir,
    isAccessToken: (bearer) => bearer === TOKEN,
    isApiKey: (key) => key === KEY,
    now: () => clock.nowMs,
    onBug: (error) => bugs.push(error),
  });
  return {
    bucket,
    models,
    clock,
    bugs,
    nextPaidCall: () => Promise.reject(new Error('unused')),
    finish: async () => {
      clock.nowMs += LONGEST_MS;
      await models.settled();
    },
    stop: () => models.stop(),
  };
}

/** The videos of an undisturbed run, by prompt. */
async function undisturbed(bodies: readonly unknown[]): Promise<Buffer[]> {
  const rig = await startRig();
  for (const body of bodies) await submitTo(rig.models.url, body);
  await rig.finish();
  const contents = [...rig.bucket.objects.values()];
  await rig.stop();
  return contents;
}

const digests = (contents: Iterable<Buffer>): string[] =>
  [...contents].map((bytes) => bytes.toString('base64')).sort();

describe('after kill -9', () => {
  it('operations of every kind go on: same name, same folder, same bytes, and the ledger is whole', async () => {
    const bucket = await startBucket();
    const first = await startChild(bucket, 1);
    const bodies = [1, 2, 3].map((n) => textBody(`a cat ${n}`, { durationSeconds: 4, sampleCount: n }));
    const names: string[] = [];
    for (const body of bodies) names.push((await submitTo(first.url, body)).json.name);
    const inline = await submitTo(first.url, {
      instances: [{ prompt: 'inline' }],
      parameters: { durationSeconds: 4 },
    });
    const developer = await post(
      `${first.url}/v1beta/models/${DEVELOPER_MODEL}:predictLongRunning`,
      { instances: [{ prompt: 'file' }] },
      { 'x-goog-api-key': KEY },
    );
    const ledger = (await get(`${first.url}/_control/paid-calls`)).json.paidCalls;
    await first.kill();

    const rig = await resume(bucket);
    expect(rig.models.paidCalls()).toEqual(ledger);
    expect((await pollVertex(rig, names[0] ?? '')).json).toEqual({ name: names[0] });
    await rig.finish();
    for (const name of names) expect((await pollVertex(rig, name)).json.done).toBe(true);
    expect((await pollVertex(rig, inline.json.name)).json.response.videos[0].bytesBase64Encoded).toBeTruthy();
    const file = (await pollDeveloper(rig, developer.json.name)).json.response.generateVideoResponse;
    const download = await fetch(file.generatedSamples[0].video.uri, { headers: { 'x-goog-api-key': KEY } });
    expect(parseMp4(Buffer.from(await download.arrayBuffer())).durationSeconds).toBe(8);
    expect(digests(bucket.objects.values())).toEqual(digests(await undisturbed(bodies)));
    expect(rig.models.paidCalls().map((call) => call.state)).toEqual(Array(5).fill('succeeded'));
    expect(rig.bugs).toEqual([]);
    await rig.stop();
    await bucket.stop();
  });

  it('in the middle of landing, nothing is written twice and nothing is missing', async () => {
    const bucket = await startBucket();
    // Latencies of 11 ms to 360 ms: videos land while later calls are still being accepted.
    const child = await startChild(bucket, 1_000);
    const bodies = [1, 2, 3, 4].map((n) => textBody(`a dog ${n}`, { durationSeconds: 4, sampleCount: 2 }));
    const killed = new Promise<void>((resolve) => {
      bucket.onWrite = () => {
        bucket.onWrite = () => undefined;
        resolve(child.kill());
      };
    });
    let accepted = 0;
    for (const body of bodies) {
      const answer = await submitTo(child.url, body).catch(() => undefined);
      if (answer?.status === 200) accepted++;
    }
    await killed;

    const rig = await resume(bucket);
    await rig.finish();
    const calls = rig.models.paidCalls();
    // A call may have been accepted without its caller hearing of it, never the other way round.
    expect(calls.length).toBeGreaterThanOrEqual(accepted);
    expect(calls.every((call) => call.state === 'succeeded')).toBe(true);
    const folders = new Set([...bucket.objects.keys()].map((key) => key.split('/').slice(0, -1).join('/')));
    expect([folders.size, bucket.objects.size]).toEqual([calls.length, 2 * calls.length]);
    expect(digests(bucket.objects.values())).toEqual(
      digests(await undisturbed(bodies.slice(0, calls.length))),
    );
    await rig.stop();
    await bucket.stop();
  });

  it('an extension is made from the input it was accepted with, even if that is gone from the bucket', async () => {
    const bucket = await startBucket();
    const source = await startRig({ storageUrl: bucket.url });
    await submitTo(source.models.url, textBody('a cat', { durationSeconds: 4 }));
    await source.finish();
    await source.stop();
    const [key = ''] = bucket.objects.keys();
    const child = await startChild(bucket, 1);
    const { json } = await submitTo(child.url, {
      instances: [{ prompt: 'go on', video: { gcsUri: `gs://${key}`, mimeType: 'video/mp4' } }],
      parameters: { storageUri: 'gs://out/extended' },
    });
    await child.kill();
    bucket.objects.clear();
    const rig = await resume(bucket);
    await rig.finish();
    const { gcsUri } = (await pollVertex(rig, json.name)).json.response.videos[0];
    const video = bucket.objects.get(gcsUri.replace('gs://', '')) ?? Buffer.alloc(0);
    expect(parseMp4(video)).toMatchObject({ durationSeconds: 11, frameCount: 264 });
    await rig.stop();
    await bucket.stop();
  });
});

describe('a second start on the same state', () => {
  it('keeps the remaining latency by the wall clock', async () => {
    const rig = await startRig({ stateDir });
    const { json } = await submitTo(
      rig.models.url,
      textBody('[simulate: slow=200] x', { durationSeconds: 4 }),
    );
    // The first server was never told to stop; its clock stands still.
    const clock = { nowMs: rig.clock.nowMs + 9_999 };
    const again = await startModels({
      storageUrl: rig.bucket.url,
      stateDir,
      isAccessToken: (bearer) => bearer === TOKEN,
      isApiKey: () => false,
      now: () => clock.nowMs,
    });
    const resumed = { ...rig, models: again };
    await again.settled();
    expect((await pollVertex(resumed, json.name)).json).toEqual({ name: json.name });
    clock.nowMs += 1;
    await again.settled();
    expect((await pollVertex(resumed, json.name)).json.done).toBe(true);
    await again.stop();
    await rig.stop();
  });

  it('removes the files of the Developer API that expired', async () => {
    const rig = await startRig({ stateDir });
    const { json } = await post(
      `${rig.models.url}/v1beta/models/${DEVELOPER_MODEL}:predictLongRunning`,
      { instances: [{ prompt: 'x' }], parameters: { durationSeconds: 4 } },
      { 'x-goog-api-key': KEY },
    );
    await rig.finish();
    const { uri } = (await pollDeveloper(rig, json.name)).json.response.generateVideoResponse
      .generatedSamples[0].video;
    const id = /files\/([a-z0-9]+)/.exec(uri)?.[1] ?? '';
    await rig.stop();
    const kept = (): string[] => readdirSync(path.join(stateDir, 'models', 'videos'));
    expect(kept()).toHaveLength(1);
    const resumed = await resume(await startBucket(), rig.clock.nowMs + 49 * 3_600_000);
    expect(kept()).toEqual([]);
    const later = await get(`${resumed.models.url}/v1beta/files/${id}:download?alt=media&key=${KEY}`);
    expect(later.status).toBe(403);
    expect(resumed.models.paidCalls()).toHaveLength(1);
    await resumed.stop();
    await resumed.bucket.stop();
  });
});
