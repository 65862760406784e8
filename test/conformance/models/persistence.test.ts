/** Accepted operations survive kill -9: the ledger is complete, and every operation ends as without a crash. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseMp4 } from '../../../infra/mp4/mp4-parser.ts';
import {
  API_KEY,
  BEARER,
  DEVELOPER_MODEL,
  get,
  KEY,
  modelPath,
  objectAt,
  pollDeveloper,
  pollVertex,
  post,
  startBucket,
  startRig,
  textBody,
} from './harness.ts';
import { newStateDir, startChild } from './persistence-harness.ts';

const submitTo = (url: string, body: unknown) =>
  post(`${url}/v1/${modelPath()}:predictLongRunning`, body, BEARER);

const submitToDeveloper = (url: string, body: unknown) =>
  post(`${url}/v1beta/models/${DEVELOPER_MODEL}:predictLongRunning`, body, API_KEY);

/** The videos of a run without a crash. */
async function videosWithoutCrash(bodies: readonly unknown[]): Promise<Buffer[]> {
  const rig = await startRig();
  for (const body of bodies) await submitTo(rig.models.url, body);
  await rig.finish();
  const contents = [...rig.bucket.objects.values()];
  await rig.stop();
  return contents;
}

const sorted = (contents: Iterable<Buffer>): string[] =>
  [...contents].map((bytes) => bytes.toString('base64')).sort();

describe('after kill -9', () => {
  it('operations of every kind continue with the same name and bytes, and the ledger is complete', async () => {
    const bucket = await startBucket();
    const stateDir = newStateDir();
    const first = await startChild(bucket, stateDir, 1);
    const bodies = [1, 2, 3].map((n) => textBody(`a cat ${n}`, { durationSeconds: 4, sampleCount: n }));
    const names: string[] = [];
    for (const body of bodies) names.push((await submitTo(first.url, body)).json.name);
    const inline = await submitTo(first.url, {
      instances: [{ prompt: 'inline' }],
      parameters: { durationSeconds: 4 },
    });
    const developer = await submitToDeveloper(first.url, { instances: [{ prompt: 'file' }] });
    const ledger = (await get(`${first.url}/_control/paid-calls`)).json.paidCalls;
    await first.kill();

    const rig = await startRig({ bucket, stateDir, startMs: Date.now() });
    expect(rig.models.paidCalls()).toEqual(ledger);
    expect((await pollVertex(rig, names[0] ?? '')).json).toEqual({ name: names[0] });
    await rig.finish();
    for (const name of names) expect((await pollVertex(rig, name)).json.done).toBe(true);
    expect((await pollVertex(rig, inline.json.name)).json.response.videos[0].bytesBase64Encoded).toBeTruthy();
    const file = (await pollDeveloper(rig, developer.json.name)).json.response.generateVideoResponse;
    const download = await fetch(file.generatedSamples[0].video.uri, { headers: API_KEY });
    expect(parseMp4(Buffer.from(await download.arrayBuffer())).durationSeconds).toBe(8);
    expect(sorted(bucket.objects.values())).toEqual(sorted(await videosWithoutCrash(bodies)));
    expect(rig.models.paidCalls().map((call) => call.state)).toEqual(Array(5).fill('succeeded'));
    expect(rig.bugs).toEqual([]);
    await rig.stop();
    await bucket.stop();
  });

  it('during landing, no video is written twice and none is missing', async () => {
    const bucket = await startBucket();
    const stateDir = newStateDir();
    // Latencies are 11 ms to 360 ms: videos land while the server accepts later calls.
    const child = await startChild(bucket, stateDir, 1_000);
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

    const rig = await startRig({ bucket, stateDir, startMs: Date.now() });
    await rig.finish();
    const calls = rig.models.paidCalls();
    // The kill can lose the reply to an accepted call, but not a call whose reply arrived.
    expect(calls.length).toBeGreaterThanOrEqual(accepted);
    expect(calls.every((call) => call.state === 'succeeded')).toBe(true);
    const folders = new Set([...bucket.objects.keys()].map((key) => key.split('/').slice(0, -1).join('/')));
    expect([folders.size, bucket.objects.size]).toEqual([calls.length, 2 * calls.length]);
    expect(sorted(bucket.objects.values())).toEqual(
      sorted(await videosWithoutCrash(bodies.slice(0, calls.length))),
    );
    await rig.stop();
    await bucket.stop();
  });

  it('an extension uses the input from its acceptance, even if the object has been deleted since', async () => {
    const bucket = await startBucket();
    const source = await startRig({ storageUrl: bucket.url });
    await submitTo(source.models.url, textBody('a cat', { durationSeconds: 4 }));
    await source.finish();
    await source.stop();
    const [key = ''] = bucket.objects.keys();
    const stateDir = newStateDir();
    const child = await startChild(bucket, stateDir, 1);
    const { json } = await submitTo(child.url, {
      instances: [{ prompt: 'it wakes', video: { gcsUri: `gs://${key}`, mimeType: 'video/mp4' } }],
      parameters: { storageUri: 'gs://out/extended' },
    });
    await child.kill();
    bucket.objects.clear();
    const rig = await startRig({ bucket, stateDir, startMs: Date.now() });
    await rig.finish();
    const { gcsUri } = (await pollVertex(rig, json.name)).json.response.videos[0];
    expect(parseMp4(objectAt(bucket, gcsUri))).toMatchObject({ durationSeconds: 11, frameCount: 264 });
    await rig.stop();
    await bucket.stop();
  });
});

describe('a second start on the same state', () => {
  it('keeps the remaining latency', async () => {
    const stateDir = newStateDir();
    const rig = await startRig({ stateDir });
    const { json } = await submitTo(
      rig.models.url,
      textBody('[simulate: slow=200] x', { durationSeconds: 4 }),
    );
    // The first server still runs, but its clock stands still: it lands nothing.
    const resumed = await startRig({ stateDir, bucket: rig.bucket, startMs: rig.clock.nowMs + 9_999 });
    await resumed.models.settled();
    expect((await pollVertex(resumed, json.name)).json).toEqual({ name: json.name });
    resumed.clock.nowMs += 1;
    await resumed.models.settled();
    expect((await pollVertex(resumed, json.name)).json.done).toBe(true);
    await resumed.stop();
    await rig.stop();
  });

  it('removes expired files of the Developer API', async () => {
    const stateDir = newStateDir();
    const rig = await startRig({ stateDir });
    const { json } = await submitToDeveloper(rig.models.url, {
      instances: [{ prompt: 'x' }],
      parameters: { durationSeconds: 4 },
    });
    await rig.finish();
    const { uri } = (await pollDeveloper(rig, json.name)).json.response.generateVideoResponse
      .generatedSamples[0].video;
    const id = /files\/([a-z0-9]+)/.exec(uri)?.[1] ?? '';
    await rig.stop();
    const kept = (): string[] => readdirSync(path.join(stateDir, 'models', 'videos'));
    expect(kept()).toHaveLength(1);
    const resumed = await startRig({ stateDir, startMs: rig.clock.nowMs + 49 * 3_600_000 });
    expect(kept()).toEqual([]);
    const later = await get(`${resumed.models.url}/v1beta/files/${id}:download?alt=media&key=${KEY}`);
    expect(later.status).toBe(403);
    expect(resumed.models.paidCalls()).toHaveLength(1);
    await resumed.stop();
  });
});
