/** The simulated Developer API: operations, files and rejected requests. */
import { GenerateVideosOperation } from '@google/genai';
import { describe, expect, it } from 'vitest';
import { parseMp4 } from '../../../infra/mp4/mp4-parser.ts';
import {
  API_KEY,
  DEVELOPER_MODEL,
  developerClient,
  get,
  KEY,
  OTHER_KEY,
  PNG,
  pollDeveloper,
  submitDeveloper,
  veoImage,
} from './harness.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();

describe('operations of the Developer API', () => {
  it('have the documented shape, both running and done', async () => {
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

  it('can be polled, but no longer submitted, with the unmodified SDK', async () => {
    const client = developerClient(rig.models.url);
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

  it('are visible only to the key that created them', async () => {
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

  it('can be downloaded with the key in a header or in the query: whole, by range and with HEAD', async () => {
    const uri = await generateFile();
    const headers = API_KEY;
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

  it('have metadata with name, size and expiry', async () => {
    const uri = await generateFile();
    const name = /files\/[a-z0-9]+/.exec(uri.pathname)?.[0] ?? '';
    const { json } = await get(`${rig.models.url}/v1beta/${name}`, API_KEY);
    expect(json).toMatchObject({ name, mimeType: 'video/mp4', state: 'ACTIVE', source: 'GENERATED' });
    expect(json.sizeBytes).toMatch(/^\d+$/);
    expect(Date.parse(json.expirationTime) - Date.parse(json.createTime)).toBe(48 * 3_600_000);
  });

  it('cannot be downloaded without a key, with a key of another project, or after two days', async () => {
    const uri = await generateFile();
    expect((await fetch(uri)).status).toBe(403);
    expect((await fetch(uri, { headers: { 'x-goog-api-key': OTHER_KEY } })).status).toBe(403);
    rig.clock.nowMs += 48 * 3_600_000 - 1;
    expect((await fetch(uri, { headers: API_KEY })).status).toBe(200);
    rig.clock.nowMs += 1;
    const expired = await get(uri.href, API_KEY);
    expect(expired.status).toBe(403);
    expect(expired.json.error.message).toContain('or it may not exist');
  });

  it('can be extended by URI', async () => {
    const first = await generateFile();
    const uri = await generateFile({
      instances: [{ prompt: 'it wakes', video: { uri: first.href, encoding: 'video/mp4' } }],
      parameters: { sampleCount: 1, resolution: '720p' },
    });
    const response = await fetch(uri, { headers: API_KEY });
    expect(parseMp4(Buffer.from(await response.arrayBuffer()))).toMatchObject({
      durationSeconds: 15,
      frameCount: 360,
    });
  });
});

const asset = { image: veoImage(PNG, 'image/png'), referenceType: 'asset' };

describe('a request to the Developer API', () => {
  const body = (instance: Record<string, unknown>, parameters: Record<string, unknown> = {}): unknown => ({
    instances: [{ prompt: 'x', ...instance }],
    parameters,
  });
  const cases: [title: string, request: unknown, message: RegExp][] = [
    ['a storageUri', body({}, { storageUri: 'gs://b' }), /^`storageUri` isn't supported by this model\./],
    ['generateAudio', body({}, { generateAudio: true }), /^`generateAudio` isn't supported/],
    ['inlineData', body({ image: { inlineData: {} } }), /^`inlineData` isn't supported/],
    [
      'an image in a bucket',
      body({ image: { gcsUri: 'gs://inputs/a', mimeType: 'image/png' } }),
      /^`gcsUri` isn't supported/,
    ],
    ['labels', { ...Object(body({})), labels: {} }, /Unknown name "labels"/],
    [
      'an invalid webhook URI',
      { ...Object(body({})), webhookConfig: { uris: ['nowhere'] } },
      /webhook_config\.uris/,
    ],
    [
      'a duration of 5 s',
      body({}, { durationSeconds: 5 }),
      /^The number value for `durationSeconds` is out of bound\. Please provide a value between 4 and 8, inclusive\.$/,
    ],
    ['the duration "eight"', body({}, { durationSeconds: 'eight' }), /durationSeconds/],
    ['1080p with 4 s', body({}, { durationSeconds: 4, resolution: '1080p' }), /must be 8/],
    ['reference images with 6 s', body({ referenceImages: [asset] }, { durationSeconds: 6 }), /must be 8/],
    [
      'reference images with 9:16',
      body({ referenceImages: [asset] }, { aspectRatio: '9:16' }),
      /Aspect ratio 9:16/,
    ],
    [
      'a last frame with 6 s',
      body({ image: asset.image, lastFrame: asset.image }, { durationSeconds: 6 }),
      /must be 8/,
    ],
    [
      'allow_adult for text to video',
      body({}, { personGeneration: 'allow_adult' }),
      /^allow_adult for personGeneration is/,
    ],
    [
      'allow_all with an image',
      body({ image: asset.image }, { personGeneration: 'allow_all' }),
      /^allow_all for personGen/,
    ],
    ['an extension in 1080p', body({ video: { uri: 'files/abc' } }, { resolution: '1080p' }), /720p only/],
    [
      'an extension of another video',
      body({ video: { uri: 'gs://inputs/a.mp4' } }),
      /must be the URI of a generated video/,
    ],
  ];

  it.each(cases)('is rejected and not paid: %s', async (_, request, message) => {
    const { json, status } = await submitDeveloper(rig, request);
    expect(json.error).toMatchObject({
      code: 400,
      status: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
    expect([status, rig.models.paidCalls()]).toEqual([400, []]);
  });

  it('may give the duration as a string, as in the documents', async () => {
    expect((await submitDeveloper(rig, body({}, { durationSeconds: '8', resolution: '1080p' }))).status).toBe(
      200,
    );
  });

  it('is rejected when it extends an unknown file', async () => {
    const answer = await submitDeveloper(
      rig,
      body({ video: { uri: `${rig.models.url}/v1beta/files/abc:download` } }),
    );
    expect(answer.json.error).toMatchObject({ code: 403, status: 'PERMISSION_DENIED' });
  });
});
