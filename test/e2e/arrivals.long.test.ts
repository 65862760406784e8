/** Files uploaded to the input bucket with a plain client, end to end: jobs, results, reports and published events. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { PubSub } from '@google-cloud/pubsub';
import { Storage } from '@google-cloud/storage';
import { grpc } from 'google-gax';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { idTokenClaims, loadIdentity } from '../../infra/shared/identity.ts';
import { Random, seedOfRun } from '../conformance/firestore/random.ts';
import { PNG } from '../support/images.ts';
import { startTestStack, type TestStack } from '../support/local-stack.ts';
import { temporaryDir } from '../support/temporary-dir.ts';

const ROWS = 50;
const BUCKET = 'clapper-local-in';
const TYPE = 'google.cloud.storage.object.v1.finalized';

/** Due once a year, because the test itself calls them. */
const yearly = { cron: '0 1 1 1 *', caller: 'local', timeZone: 'Europe/Berlin' };
const SCHEDULES = {
  nightly: { ...yearly, manifest: `gs://${BUCKET}/nightly/{yyyy}-{MM}-{dd}.jsonl` },
  gone: { ...yearly, manifest: `gs://${BUCKET}/gone/{dd}.csv` },
};

const seed = seedOfRun();
const random = new Random(seed);

let stack: TestStack;
let storage: Storage;
let pubsub: PubSub;
/** The ids of published events, each with the number of its messages. */
const published = new Map<string, number>();

beforeAll(async () => {
  const schedulesFile = path.join(temporaryDir(), 'schedules.json');
  writeFileSync(schedulesFile, JSON.stringify(SCHEDULES));
  stack = await startTestStack({ submitPerSecond: 20, schedulesFile });
  storage = new Storage({ apiEndpoint: stack.endpoints.storage, projectId: 'clapper-local' });
  pubsub = new PubSub({
    ...{ projectId: 'clapper-local', apiEndpoint: stack.endpoints.pubsub, emulatorMode: true },
    sslCreds: grpc.credentials.createInsecure(),
  });
  const [subscription] = await pubsub.topic('clapper-events').createSubscription('test-events');
  subscription.on('message', (message) => {
    const id = message.attributes['ce-id'] ?? '';
    published.set(id, (published.get(id) ?? 0) + 1);
    message.ack();
  });
});
afterAll(async () => {
  await pubsub.close();
  await stack.dispose();
});

interface Dropped {
  readonly name: string;
  /** The object resource, which is the data of its event. */
  readonly resource: unknown;
}

async function drop(
  name: string,
  body: string | Buffer,
  contentType: string,
  metadata: Record<string, string> = {},
): Promise<Dropped> {
  const file = storage.bucket(BUCKET).file(name);
  await file.save(body, { resumable: false, contentType, metadata: { metadata } });
  return { name, resource: (await file.getMetadata())[0] };
}

/** Delivers as Eventarc does: `binary` has the attributes in headers, `structured` has the data in the event's JSON. */
async function deliver(
  { name, resource }: Dropped,
  id: string,
  mode: 'binary' | 'structured',
): Promise<number> {
  const attributes = {
    id,
    type: TYPE,
    specversion: '1.0',
    source: `//storage.googleapis.com/projects/_/buckets/${BUCKET}`,
    subject: `objects/${name}`,
    time: '2026-11-21T00:00:00Z',
  };
  const headers: Record<string, string> =
    mode === 'structured'
      ? { 'content-type': 'application/cloudevents+json; charset=utf-8' }
      : {
          'content-type': 'application/json',
          ...Object.fromEntries(Object.entries(attributes).map(([key, value]) => [`ce-${key}`, value])),
        };
  const body = mode === 'structured' ? { ...attributes, data: resource } : resource;
  const url = `${stack.endpoints.api}/_functions/upload`;
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).status;
}

/** Delivers every event three more times, also with other ids, in both modes and in random order. */
async function deliverThrice(files: readonly Dropped[]): Promise<number[]> {
  const deliveries = files.flatMap((file, n) =>
    (['binary', 'structured', 'binary'] as const).map((mode, m) => ({ file, mode, id: `${n}-${m % 2}` })),
  );
  for (let n = deliveries.length - 1; n > 0; n--) {
    const other = random.below(n + 1);
    const [a, b] = [deliveries[n], deliveries[other]];
    if (a && b) [deliveries[n], deliveries[other]] = [b, a];
  }
  return Promise.all(deliveries.map(({ file, id, mode }) => deliver(file, id, mode)));
}

const listSchema = z.object({
  jobs: z.array(z.object({ id: z.string(), request: z.object({ prompt: z.string().optional() }) })),
});

const batchesSchema = z.object({ batches: z.array(z.object({ id: z.string(), status: z.string() })) });

async function batches(): Promise<{ id: string; status: string }[]> {
  const response = await fetch(`${stack.endpoints.api}/v1/batches`);
  return batchesSchema.parse(await response.json()).batches;
}

async function jobs(): Promise<{ id: string; prompt: string | undefined }[]> {
  const response = await fetch(`${stack.endpoints.api}/v1/jobs?pageSize=200`);
  const { jobs: found } = listSchema.parse(await response.json());
  return found.map(({ id, request }) => ({ id, prompt: request.prompt }));
}

describe(`three images and a manifest of 50 rows, with every event delivered four times (SEED=${seed})`, () => {
  it('make 53 jobs with 53 results, each paid for once, one report, and 54 published events', async () => {
    const rows = Array.from({ length: ROWS }, (_, n) => `row ${n} of the manifest,4`);
    const files = await Promise.all([
      ...[1, 2, 3].map((n) =>
        drop(`uploads/kitten-${n}.png`, PNG, 'image/png', {
          prompt: `kitten ${n} wakes`,
          'clapper-durationSeconds': '4',
        }),
      ),
      drop('uploads/many.csv', `prompt,durationSeconds\n${rows.join('\n')}\n`, 'text/csv'),
    ]);
    expect(new Set(await deliverThrice(files))).toEqual(new Set([204]));
    const [batch, ...others] = await batches();
    if (!batch) throw new Error('there is no batch');
    expect(others).toEqual([]);
    await expect
      .poll(async () => (await batches()).map(({ status }) => status), { interval: 250 })
      .toEqual(['done']);
    const made = await jobs();
    expect(made).toHaveLength(ROWS + 3);
    expect(new Set(made.map(({ prompt }) => prompt)).size).toBe(ROWS + 3);
    const done = await Promise.all(made.map(({ id }) => stack.finished(id)));
    expect(done.map(({ status, videos = [] }) => [status, videos.length])).toEqual(
      made.map(() => ['succeeded', 1]),
    );
    expect(await stack.paidCalls()).toHaveLength(ROWS + 3);
    const report = await fetch(`${stack.endpoints.api}/v1/batches/${batch.id}/report?format=csv`);
    expect((await report.text()).trim().split('\n')).toHaveLength(ROWS + 1);
    const expected = [...made.map(({ id }) => `${id}.succeeded`), `${batch.id}.done`];
    await expect.poll(() => [...published.keys()].sort()).toEqual(expected.sort());
    // Repeated deliveries after the end change nothing.
    await deliverThrice(files);
    expect([(await jobs()).length, (await batches()).length]).toEqual([ROWS + 3, 1]);
    expect(await stack.paidCalls()).toHaveLength(ROWS + 3);
  });
});

describe('files that are replaced before their events are delivered', () => {
  it('are each read in their own generation: two jobs with their own images, three batches', async () => {
    const before = await jobs();
    const images = [PNG, Buffer.concat([PNG, Buffer.from(' another')])];
    const dropped: Dropped[] = [];
    for (const [n, image] of images.entries())
      dropped.push(
        await drop('uploads/cam.png', image, 'image/png', {
          prompt: `cam ${n}`,
          'clapper-durationSeconds': '4',
        }),
      );
    for (const n of [0, 1, 2])
      dropped.push(
        await drop('uploads/over.jsonl', `{"prompt":"over ${n}","durationSeconds":4}\n`, 'application/jsonl'),
      );
    expect(new Set(await deliverThrice(dropped))).toEqual(new Set([204]));
    await expect.poll(async () => (await jobs()).length, { interval: 250 }).toBe(before.length + 5);
    const made = (await jobs()).filter(({ id }) => !before.some((earlier) => earlier.id === id));
    expect(made.map(({ prompt }) => prompt).sort()).toEqual(['cam 0', 'cam 1', 'over 0', 'over 1', 'over 2']);
    for (const [n, image] of images.entries()) {
      const job = made.find(({ prompt }) => prompt === `cam ${n}`);
      const [files] = await storage.bucket(BUCKET).getFiles({ prefix: `jobs/${job?.id}/` });
      const [copy] = (await files[0]?.download()) ?? [];
      expect(copy).toEqual(image);
    }
    await Promise.all(made.map(({ id }) => stack.finished(id)));
  });
});

describe('a manifest with invalid rows', () => {
  it('gets an error file with their lines and fields, and its valid rows make jobs', async () => {
    const before = (await jobs()).length;
    const rows = 'prompt,durationSeconds\na fox,4\na hen,9\na cow,4\n';
    await deliverThrice([await drop('uploads/some.csv', rows, 'text/csv')]);
    const file = storage.bucket(BUCKET).file('uploads/some.csv.error.json');
    await expect.poll(() => file.exists(), { interval: 250 }).toEqual([true]);
    const [text] = await file.download();
    expect(JSON.parse(text.toString())).toMatchObject({
      object: `gs://${BUCKET}/uploads/some.csv`,
      errors: [
        { line: 3, field: 'durationSeconds', detail: expect.stringContaining('is 9') },
        { detail: expect.stringContaining('2 valid rows became jobs') },
      ],
    });
    expect(await jobs()).toHaveLength(before + 2);
  });
});

describe('an invalid file', () => {
  it('gets one error file, and the error file makes no job', async () => {
    const before = (await jobs()).length;
    const bad = await drop('uploads/bad.json', '{"prompt":"x","durationSeconds":9}', 'application/json');
    expect(new Set(await deliverThrice([bad]))).toEqual(new Set([204]));
    const file = storage.bucket(BUCKET).file('uploads/bad.json.error.json');
    const [text] = await file.download();
    expect(JSON.parse(text.toString())).toMatchObject({
      object: `gs://${BUCKET}/uploads/bad.json`,
      errors: [{ field: 'durationSeconds', detail: expect.stringContaining('is 9') }],
    });
    const [{ generation }] = await file.getMetadata();
    await deliverThrice([bad, { name: file.name, resource: (await file.getMetadata())[0] }]);
    const [again] = await file.getMetadata();
    expect(again.generation).toBe(generation);
    expect(await jobs()).toHaveLength(before);
  });
});

describe('a schedule', () => {
  const fireAt = async (schedule: string, time: string, isSigned = true): Promise<Response> => {
    const url = `${stack.endpoints.api}/_functions/batch`;
    const identity = loadIdentity(stack.stateDir);
    const token = identity.signJwt(idTokenClaims(identity.serviceAccountEmail, url, Date.now()));
    return fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-cloudscheduler-scheduletime': time,
        ...(isSigned ? { authorization: `Bearer ${token}` } : {}),
      },
      body: JSON.stringify({ schedule }),
    });
  };

  it('starts one batch of its day’s manifest for a fire that comes three times, and none without a manifest', async () => {
    // Half past midnight in Berlin, on the day before in UTC.
    const time = '2026-11-20T23:30:00Z';
    const before = await batches();
    await drop('nightly/2026-11-21.jsonl', '{"prompt":"a night","durationSeconds":4}\n', 'application/jsonl');
    expect((await fireAt('nightly', time, false)).status).toBe(401);
    const answers = await Promise.all([1, 2, 3].map(() => fireAt('nightly', time)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const after = await batches();
    expect(after).toHaveLength(before.length + 1);
    const made = after.find(({ id }) => !before.some((earlier) => earlier.id === id));
    await expect.poll(async () => (await batches()).find(({ id }) => id === made?.id)?.status).toBe('done');
    expect((await jobs()).filter(({ prompt }) => prompt === 'a night')).toHaveLength(1);
    expect(await (await fireAt('gone', time)).json()).toMatchObject({ state: 'over', why: 'missing' });
    expect(await batches()).toHaveLength(after.length);
    await expect.poll(() => published.get('gone.2026-11-20T23:30:00.000Z.missing')).toBe(1);
  });
});
