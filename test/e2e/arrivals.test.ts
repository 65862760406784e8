/** Files dropped into the input bucket with a plain client, over the whole path: jobs, results, reports and events out. */
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

/** Due once a year: the test fires them itself. */
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
/** Ids of the events that were published, with how often each came. */
const told = new Map<string, number>();

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
    told.set(id, (told.get(id) ?? 0) + 1);
    message.ack();
  });
});
afterAll(async () => {
  await pubsub.close();
  await stack.dispose();
});

interface Dropped {
  readonly name: string;
  /** The object's resource, which is the data of its event. */
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

/** As Eventarc delivers it: `binary` with the attributes in headers, `structured` with the data inside the event. */
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

/** Every event three times more, under other ids too, in both modes and in any order. */
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

describe(`three pictures and a manifest of 50 rows, their events delivered four times (SEED=${seed})`, () => {
  it('are 53 jobs with 53 results, each paid for once, one report, and 54 events out', async () => {
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
      .poll(async () => (await batches()).map(({ status }) => status), { timeout: 120_000, interval: 250 })
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
    await expect.poll(() => [...told.keys()].sort()).toEqual(expected.sort());
    // Once more, now that all is over.
    await deliverThrice(files);
    expect([(await jobs()).length, (await batches()).length]).toEqual([ROWS + 3, 1]);
    expect(await stack.paidCalls()).toHaveLength(ROWS + 3);
  }, 180_000);
});

describe('files that are replaced before their events come', () => {
  it('are each what they were: two jobs with a picture each, three batches', async () => {
    const before = await jobs();
    const pictures = [PNG, Buffer.concat([PNG, Buffer.from(' another')])];
    const dropped: Dropped[] = [];
    for (const [n, picture] of pictures.entries())
      dropped.push(
        await drop('uploads/cam.png', picture, 'image/png', {
          prompt: `cam ${n}`,
          'clapper-durationSeconds': '4',
        }),
      );
    for (const n of [0, 1, 2])
      dropped.push(
        await drop('uploads/over.jsonl', `{"prompt":"over ${n}","durationSeconds":4}\n`, 'application/jsonl'),
      );
    expect(new Set(await deliverThrice(dropped))).toEqual(new Set([204]));
    await expect
      .poll(async () => (await jobs()).length, { timeout: 60_000, interval: 250 })
      .toBe(before.length + 5);
    const made = (await jobs()).filter(({ id }) => !before.some((earlier) => earlier.id === id));
    expect(made.map(({ prompt }) => prompt).sort()).toEqual(['cam 0', 'cam 1', 'over 0', 'over 1', 'over 2']);
    for (const [n, picture] of pictures.entries()) {
      const job = made.find(({ prompt }) => prompt === `cam ${n}`);
      const [files] = await storage.bucket(BUCKET).getFiles({ prefix: `jobs/${job?.id}/` });
      const [copy] = (await files[0]?.download()) ?? [];
      expect(copy).toEqual(picture);
    }
    await Promise.all(made.map(({ id }) => stack.finished(id)));
  }, 120_000);
});

describe('a manifest with rows that are no use', () => {
  it('has them told beside it by line and field, and the others are jobs', async () => {
    const before = (await jobs()).length;
    const text = 'prompt,durationSeconds\na fox,4\na hen,9\na cow,4\n';
    await deliverThrice([await drop('uploads/some.csv', text, 'text/csv')]);
    const file = storage.bucket(BUCKET).file('uploads/some.csv.error.json');
    await expect.poll(() => file.exists(), { timeout: 60_000, interval: 250 }).toEqual([true]);
    const [told] = await file.download();
    expect(JSON.parse(told.toString())).toMatchObject({
      object: `gs://${BUCKET}/uploads/some.csv`,
      errors: [
        { line: 3, field: 'durationSeconds', detail: expect.stringContaining('is 9') },
        { detail: expect.stringContaining('2 valid rows became jobs') },
      ],
    });
    expect(await jobs()).toHaveLength(before + 2);
  });
});

describe('a file that is no use', () => {
  it('is told so beside it, once, and the telling makes no job', async () => {
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

  it('starts one batch of the manifest of its day for a fire that comes three times, and none for others', async () => {
    // Half past midnight in Berlin: the day there has begun, that of UTC has not.
    const time = '2026-11-20T23:30:00Z';
    const before = await batches();
    await drop('nightly/2026-11-21.jsonl', '{"prompt":"a night","durationSeconds":4}\n', 'application/jsonl');
    expect((await fireAt('nightly', time, false)).status).toBe(401);
    const answers = await Promise.all([1, 2, 3].map(() => fireAt('nightly', time)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const after = await batches();
    expect(after).toHaveLength(before.length + 1);
    const made = after.find(({ id }) => !before.some((earlier) => earlier.id === id));
    await expect
      .poll(async () => (await batches()).find(({ id }) => id === made?.id)?.status, { timeout: 60_000 })
      .toBe('done');
    expect((await jobs()).filter(({ prompt }) => prompt === 'a night')).toHaveLength(1);
    expect(await (await fireAt('gone', time)).json()).toMatchObject({ state: 'over', why: 'missing' });
    expect(await batches()).toHaveLength(after.length);
    await expect.poll(() => told.get('gone.2026-11-20T23:30:00.000Z.missing')).toBe(1);
  });
});
