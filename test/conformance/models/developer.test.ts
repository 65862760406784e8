/** The simulated Developer API: operations, files, and what it refuses. */
import { GenerateVideosOperation, GoogleGenAI } from '@google/genai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseMp4 } from '../../../infra/mp4/mp4-parser.ts';
import {
  DEVELOPER_MODEL,
  get,
  KEY,
  OTHER_KEY,
  PNG,
  pollDeveloper,
  type Rig,
  startRig,
  submitDeveloper,
} from './harness.ts';

let rig: Rig;

beforeEach(async () => {
  rig = await startRig();
});

afterEach(async () => {
  await rig.stop();
  expect(rig.bugs).toEqual([]);
});

describe('operations of the Developer API', () => {
  it('a Developer API operation has the documented shape, running and done', async () => {
    const { json } = await submitDeveloper(rig, { instances: [{ prompt: 'a cat' }] });
    expect(json).toEqual({
      name: expect.stringMatching(/^models\/veo-3\.1-generate-preview\/operations\/[a-z0-9]{12}$/),
    });
    expect((await pollDeveloper(rig, json.name)).json).toEqual({ name: json.name });
    await rig.finish();
    expect((await pollDeveloper(rig, json.name)).json).toEqual({
      name: json.name,
      done: true,
      response: {
        '@type': 'type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse',
        generateVideoResponse: {
          generatedSamples: [
            {
              video: {
                uri: expect.stringMatching(
                  /^http:\/\/127\.0\.0\.1:\d+\/v1beta\/files\/[a-z0-9]{12}:download\?alt=media$/,
                ),
              },
            },
          ],
        },
      },
    });
  });

  it('are polled by the unmodified SDK, which can no longer submit them', async () => {
    const client = new GoogleGenAI({
      enterprise: false,
      apiKey: KEY,
      httpOptions: { baseUrl: rig.models.url },
    });
    await expect(
      client.models.generateVideos({ model: DEVELOPER_MODEL, source: { prompt: 'x' } }),
    ).rejects.toThrow(/only supported/);
    const { json } = await submitDeveloper(rig, { instances: [{ prompt: 'a cat' }] });
    const operation = new GenerateVideosOperation();
    operation.name = json.name;
    expect((await client.operations.getVideosOperation({ operation })).done).toBeUndefined();
    await rig.finish();
    const done = await client.operations.getVideosOperation({ operation });
    expect(done.response?.generatedVideos?.[0]?.video?.uri).toMatch(/:download\?alt=media$/);
  });

  it('belong to the key that made them', async () => {
    const { json } = await submitDeveloper(rig, { instances: [{ prompt: 'a cat' }] });
    expect((await get(`${rig.models.url}/v1beta/${json.name}?key=${OTHER_KEY}`)).status).toBe(404);
  });
});

describe('files of the Developer API', () => {
  async function generateFile(body: unknown = { instances: [{ prompt: 'a cat' }] }): Promise<URL> {
    const { json } = await submitDeveloper(rig, body);
    await rig.finish();
    const done = await pollDeveloper(rig, json.name);
    return new URL(done.json.response.generateVideoResponse.generatedSamples[0].video.uri);
  }

  it('downloads with the key in a header or in the query, whole, in part, and HEAD', async () => {
    const uri = await generateFile();
    const headers = { 'x-goog-api-key': KEY };
    const whole = await fetch(uri, { headers });
    expect(whole.headers.get('content-type')).toBe('video/mp4');
    const bytes = Buffer.from(await whole.arrayBuffer());
    expect(parseMp4(bytes).durationSeconds).toBe(8);
    const part = await fetch(uri, { headers: { ...headers, range: 'bytes=4-7' } });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes 4-7/${bytes.length}`);
    expect(await part.text()).toBe('ftyp');
    const rest = await fetch(uri, { headers: { ...headers, range: `bytes=${bytes.length - 3}-` } });
    expect(Buffer.from(await rest.arrayBuffer())).toEqual(bytes.subarray(-3));
    const beyond = await fetch(uri, { headers: { ...headers, range: `bytes=${bytes.length}-` } });
    expect(beyond.status).toBe(416);
    const head = await fetch(uri, { method: 'HEAD', headers });
    expect(head.headers.get('content-length')).toBe(String(bytes.length));
    uri.searchParams.set('key', KEY);
    expect((await fetch(uri)).status).toBe(200);
  });

  it('tells size, checksum and expiry of a file', async () => {
    const uri = await generateFile();
    const name = /files\/[a-z0-9]+/.exec(uri.pathname)?.[0] ?? '';
    const { json } = await get(`${rig.models.url}/v1beta/${name}`, { 'x-goog-api-key': KEY });
    expect(json).toMatchObject({ name, mimeType: 'video/mp4', state: 'ACTIVE', source: 'GENERATED' });
    expect(json.sizeBytes).toMatch(/^\d+$/);
    expect(Date.parse(json.expirationTime) - Date.parse(json.createTime)).toBe(48 * 3_600_000);
  });

  it('refuses a file without the key, with the key of another project, and after two days', async () => {
    const uri = await generateFile();
    expect((await fetch(uri)).status).toBe(403);
    expect((await fetch(uri, { headers: { 'x-goog-api-key': OTHER_KEY } })).status).toBe(403);
    rig.clock.nowMs += 48 * 3_600_000 - 1;
    expect((await fetch(uri, { headers: { 'x-goog-api-key': KEY } })).status).toBe(200);
    rig.clock.nowMs += 1;
    const expired = await get(uri.href, { 'x-goog-api-key': KEY });
    expect(expired.status).toBe(403);
    expect(expired.json.error.message).toContain('or it may not exist');
  });

  it('extends a video of its own by URI', async () => {
    const first = await generateFile();
    const uri = await generateFile({
      instances: [{ prompt: 'go on', video: { uri: first.href, encoding: 'video/mp4' } }],
      parameters: { sampleCount: 1, resolution: '720p' },
    });
    const response = await fetch(uri, { headers: { 'x-goog-api-key': KEY } });
    expect(parseMp4(Buffer.from(await response.arrayBuffer()))).toMatchObject({
      durationSeconds: 15,
      frameCount: 360,
    });
  });

  it('accepts "8" as a duration, as its documents write it', async () => {
    const body = { instances: [{ prompt: 'x' }], parameters: { durationSeconds: '8', resolution: '1080p' } };
    expect((await submitDeveloper(rig, body)).status).toBe(200);
  });
});

const image = (bytes: Buffer, mimeType: string) => ({
  bytesBase64Encoded: bytes.toString('base64'),
  mimeType,
});
const asset = { image: image(PNG, 'image/png'), referenceType: 'asset' };

describe('what the Developer API is asked', () => {
  const ask = (instance: Record<string, unknown>, parameters: Record<string, unknown> = {}): unknown => ({
    instances: [{ prompt: 'x', ...instance }],
    parameters,
  });
  const cases: [title: string, body: unknown, message: RegExp][] = [
    ['storage', ask({}, { storageUri: 'gs://b' }), /^`storageUri` isn't supported by this model\./],
    ['sound', ask({}, { generateAudio: true }), /^`generateAudio` isn't supported/],
    ['inline data', ask({ image: { inlineData: {} } }), /^`inlineData` isn't supported/],
    [
      'an image in a bucket',
      ask({ image: { gcsUri: 'gs://inputs/a', mimeType: 'image/png' } }),
      /^`gcsUri` isn't supported/,
    ],
    ['labels', { ...Object(ask({})), labels: {} }, /Unknown name "labels"/],
    [
      'a webhook that is no address',
      { ...Object(ask({})), webhookConfig: { uris: ['nowhere'] } },
      /webhook_config\.uris/,
    ],
    [
      '5 s',
      ask({}, { durationSeconds: 5 }),
      /^The number value for `durationSeconds` is out of bound\. Please provide a value between 4 and 8, inclusive\.$/,
    ],
    ['"eight" s', ask({}, { durationSeconds: 'eight' }), /durationSeconds/],
    ['1080p for 4 s', ask({}, { durationSeconds: 4, resolution: '1080p' }), /must be 8/],
    ['references for 6 s', ask({ referenceImages: [asset] }, { durationSeconds: 6 }), /must be 8/],
    ['references upright', ask({ referenceImages: [asset] }, { aspectRatio: '9:16' }), /Aspect ratio 9:16/],
    [
      'a last frame for 6 s',
      ask({ image: asset.image, lastFrame: asset.image }, { durationSeconds: 6 }),
      /must be 8/,
    ],
    [
      'only adults in a text',
      ask({}, { personGeneration: 'allow_adult' }),
      /^allow_adult for personGeneration is/,
    ],
    [
      'anybody with an image',
      ask({ image: asset.image }, { personGeneration: 'allow_all' }),
      /^allow_all for personGen/,
    ],
    ['an extension in 1080p', ask({ video: { uri: 'files/abc' } }, { resolution: '1080p' }), /720p only/],
    [
      'an extension of something else',
      ask({ video: { uri: 'gs://inputs/a.mp4' } }),
      /must be the URI of a generated video/,
    ],
  ];

  it.each(cases)('is refused: %s', async (_, body, message) => {
    const { json, status } = await submitDeveloper(rig, body);
    expect(json.error).toMatchObject({
      code: 400,
      status: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
    expect([status, rig.models.paidCalls()]).toEqual([400, []]);
  });

  it('a video it does not keep cannot be extended', async () => {
    const answer = await submitDeveloper(
      rig,
      ask({ video: { uri: `${rig.models.url}/v1beta/files/abc:download` } }),
    );
    expect(answer.json.error).toMatchObject({ code: 403, status: 'PERMISSION_DENIED' });
  });
});
