/**
 * Measured on 9fd10aa: faults that need a look into a bucket were reported only once all others were corrected. A caller
 * corrected a request, sent it again, and got the next fault.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { apiOf } from '../support/api-client.ts';
import { googleClient, VERTEX } from '../support/google.ts';
import { PNG } from '../support/images.ts';
import { makeWorld, type World } from '../support/memory.ts';
import { mdia, movie, trak } from '../support/mp4-boxes.ts';
import { uploadWorld } from '../support/uploads.ts';

const errorsSchema = z.object({ errors: z.array(z.object({ field: z.string(), detail: z.string() })) });
const MODEL = 'veo-3.1-generate-001';
const missing = { gcsUri: 'gs://in/none.png' };
const movieOf = (width: number, height: number, framesPerSecond = 24): Buffer =>
  movie(trak({ width, height, media: [mdia(framesPerSecond, [[8 * framesPerSecond, 1]])] }));

let world: World;
let heads: string[];

beforeEach(() => {
  const { settings } = makeWorld().services;
  world = makeWorld({
    settings: { ...settings, allowRetiredModels: false, readablePrefixes: ['gs://in/'] },
  });
  world.input.put('cat.png', PNG, 'image/png');
  world.input.put('cat.gif', Buffer.from('GIF89a\x01\0\x01\0'), 'image/gif');
  world.input.put('small.mp4', movieOf(640, 360), 'video/mp4');
  heads = [];
  const { input } = world;
  const head = input.head.bind(input);
  input.head = (uri, generation) => {
    heads.push(uri);
    return head(uri, generation);
  };
});

async function errorsOf(body: unknown, path = '/v1/jobs'): Promise<Record<string, string>> {
  const answer = await apiOf(world).post(path, body);
  expect(answer.status).toBe(400);
  const stored = [...world.input.objects.keys()];
  expect([stored.length, (await world.jobs.all()).length, world.tasks.enqueued]).toEqual([3, 0, 0]);
  return Object.fromEntries(
    errorsSchema.parse(answer.body).errors.map(({ field, detail }) => [field, detail]),
  );
}

describe('a refusal names the faults of the body and those of its inputs together', () => {
  it.each(['/v1/jobs', '/v1/estimates'])('on %s', async (path) => {
    const body = {
      prompt: 'a',
      durationSeconds: 5,
      colour: 1,
      image: missing,
      lastFrame: { gcsUri: 'gs://in/cat.gif' },
    };
    expect(await errorsOf(body, path)).toEqual({
      colour: expect.stringContaining('is not a field'),
      durationSeconds: expect.stringContaining('is 5'),
      'image.gcsUri': 'is gs://in/none.png, which does not exist.',
      'lastFrame.gcsUri': expect.stringContaining('GIF'),
    });
  });

  it('also if a field is of the wrong type, or a text is ill-formed', async () => {
    expect(await errorsOf({ prompt: 'a\u0000', sampleCount: '1', image: missing })).toEqual({
      prompt: expect.stringContaining('U+0000'),
      sampleCount: expect.stringContaining('without quotes'),
      'image.gcsUri': expect.stringContaining('does not exist'),
    });
  });

  it('also the size of a video, whatever the fault of another field', async () => {
    const video = { gcsUri: 'gs://in/small.mp4' };
    expect(await errorsOf({ prompt: 'a', seed: -1, video, aspectRatio: '1:1', durationSeconds: 9 })).toEqual({
      seed: expect.any(String),
      aspectRatio: expect.stringContaining('1:1'),
      durationSeconds: expect.stringContaining('is 9'),
      video: expect.stringContaining('is 640 × 360 pixels'),
    });
  });

  it('also a missing image and a missing video of an edit', async () => {
    const video = { gcsUri: 'gs://in/none.mp4' };
    const edit = { prompt: 'a', model: 'gemini-omni-1.2-flash', task: 'edit', video };
    expect(Object.keys(await errorsOf({ ...edit, referenceImages: [{ image: missing }] }))).toEqual([
      'referenceImages.0.image.gcsUri',
      'video.gcsUri',
    ]);
  });

  it('also of the reference images whose type is refused, each with its place', async () => {
    const referenceImages = [
      { image: { gcsUri: 'gs://in/cat.png' }, referenceType: 'style' },
      { image: missing },
    ];
    expect(Object.keys(await errorsOf({ prompt: 'a', model: MODEL, referenceImages }))).toEqual([
      'referenceImages.0.referenceType',
      'referenceImages.1.image.gcsUri',
    ]);
  });

  it('also a missing reference video', async () => {
    const referenceVideos = [{ video: { gcsUri: 'gs://in/none.mp4' } }];
    const body = { prompt: 'a', model: 'gemini-omni-1.2-flash', seed: -1, referenceVideos };
    expect(await errorsOf(body)).toMatchObject({
      seed: expect.any(String),
      'referenceVideos.0.video.gcsUri': expect.stringContaining('does not exist'),
    });
  });

  it('but no length of a chain that follows from a faulty duration', async () => {
    world.input.put('small.mp4', movieOf(1280, 720), 'video/mp4');
    const extensions = Array.from({ length: 20 }, () => ({ prompt: 'on' }));
    const body = { prompt: 'a', video: { gcsUri: 'gs://in/small.mp4' }, extensions };
    expect(Object.keys(await errorsOf(body))).toEqual([expect.stringMatching(/^extensions\.\d+$/)]);
    extensions[0] = Object.assign({ prompt: 'on' }, { durationSeconds: 3 });
    expect(Object.keys(await errorsOf(body))).toEqual(['extensions.0.durationSeconds']);
  });

  it('also a missing image where the model is unknown, but then not what the model takes', async () => {
    const images = { image: missing, lastFrame: { gcsUri: 'gs://in/cat.gif' } };
    expect(Object.keys(await errorsOf({ prompt: 'a', model: 'veo-99', ...images }))).toEqual([
      'model',
      'image.gcsUri',
    ]);
    expect(Object.keys(await errorsOf({ prompt: 'a', model: 7, ...images }))).toEqual([
      'model',
      'image.gcsUri',
    ]);
  });

  it('also an inline image that is damaged', async () => {
    const image = { bytesBase64Encoded: PNG.subarray(0, 40).toString('base64') };
    expect(Object.keys(await errorsOf({ prompt: 'a', seed: -1, image }))).toEqual([
      'seed',
      'image.bytesBase64Encoded',
    ]);
  });
});

describe('a faulty request is looked up within limits', () => {
  it('not an image whose own field is faulty', async () => {
    const image = { gcsUri: 'gs://in/none.png', colour: 1 };
    expect(Object.keys(await errorsOf({ prompt: 'a', seed: -1, image }))).toEqual(['image.colour', 'seed']);
    expect(heads).toEqual([]);
  });

  it('not a list of images that is longer than any model takes', async () => {
    const referenceImages = Array.from({ length: 1000 }, () => ({ image: missing }));
    await errorsOf({ prompt: 'a', referenceImages });
    await errorsOf({ prompt: 'a', model: 'veo-99', referenceImages });
    expect(heads).toEqual([]);
  });

  it('not a bucket that the caller may not read', async () => {
    expect(
      await errorsOf({ prompt: 'a', seed: -1, image: { gcsUri: 'gs://elsewhere/a.png' } }),
    ).toMatchObject({
      'image.gcsUri': 'is not in a bucket and folder that this caller may read from.',
    });
    expect(heads).toEqual([]);
  });

  it('not at all on Google’s surfaces, where the faults of the body come first', async () => {
    const body = {
      instances: [{ prompt: 'a', image: { gcsUri: 'gs://in/none.png', mimeType: 'image/png' } }],
      parameters: { sampleCount: 9 },
    };
    const answer = await googleClient(world).post(`${VERTEX}/${MODEL}:predictLongRunning`, body);
    expect([answer.status, JSON.stringify(answer.body).includes('none.png'), heads]).toEqual([
      400,
      false,
      [],
    ]);
  });

  it('and refused with its known faults while the bucket cannot be read', async () => {
    world.input.head = () => Promise.reject(new Error('503'));
    expect(Object.keys(await errorsOf({ prompt: 'a', seed: -1, image: missing }))).toEqual(['seed']);
  });
});

describe('uploaded files get all faults at once', () => {
  it('in rows of a manifest', async () => {
    const { drop, finish, errors } = uploadWorld();
    await drop('uploads/rows.csv', 'prompt,durationSeconds,image\nA cat,5,gs://in/uploads/none.png\n');
    await finish();
    const found = Object.values(errors()).flat().join(' ');
    expect(found).toContain('durationSeconds: is 5');
    expect(found).toContain('image.gcsUri: is gs://in/uploads/none.png, which does not exist.');
  });

  it('in a request', async () => {
    const { drop, errors } = uploadWorld();
    const request = { prompt: 'A cat', seed: -1, image: { gcsUri: 'gs://in/uploads/none.png' } };
    await drop('uploads/night.json', JSON.stringify(request));
    expect(errors()['uploads/night.json.error.json']).toEqual([
      expect.stringContaining('seed: '),
      expect.stringContaining('image.gcsUri: is gs://in/uploads/none.png, which does not exist.'),
    ]);
  });
});
