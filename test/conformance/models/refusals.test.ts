/** The simulated models refuse what the real ones refuse, in Google's error model, and then nothing is paid. */
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type Answer,
  DEVELOPER_MODEL,
  get,
  JPEG,
  KEY,
  modelPath,
  PNG,
  PROJECT,
  pollVertex,
  post,
  type Rig,
  startRig,
  submitDeveloper,
  submitVertex,
  TOKEN,
  textBody,
  VERTEX_MODEL,
} from './harness.ts';

let rig: Rig;
let paidBefore = 0;

beforeAll(async () => {
  rig = await startRig();
});

afterEach(() => {
  expect(rig.bugs).toEqual([]);
});

afterAll(async () => {
  await rig.stop();
});

function expectRefusal(answer: Answer, code: number, status: string, message: RegExp): void {
  expect(answer.json).toMatchObject({ error: { code, status, message: expect.stringMatching(message) } });
  expect(answer.status).toBe(code);
  expect(rig.models.paidCalls()).toHaveLength(paidBefore);
}

const image = (bytes: Buffer, mimeType: string) => ({
  bytesBase64Encoded: bytes.toString('base64'),
  mimeType,
});
const asset = { image: image(PNG, 'image/png'), referenceType: 'asset' };
const bearer = { authorization: `Bearer ${TOKEN}` };

describe('who calls', () => {
  const submitAs = (headers: Record<string, string>, query = ''): Promise<Answer> =>
    post(`${rig.models.url}/v1/${modelPath()}:predictLongRunning${query}`, textBody('x'), headers);

  it('Vertex wants a token', async () => {
    expectRefusal(await submitAs({}), 401, 'UNAUTHENTICATED', /missing required authentication credential/);
    expectRefusal(
      await submitAs({ authorization: 'Bearer wrong' }),
      401,
      'UNAUTHENTICATED',
      /invalid authentication/,
    );
    expectRefusal(await submitAs({}, `?key=${KEY}`), 401, 'UNAUTHENTICATED', /API keys are not supported/);
    const poll = await post(`${rig.models.url}/v1/${modelPath()}:fetchPredictOperation`, {
      operationName: 'x',
    });
    expectRefusal(poll, 401, 'UNAUTHENTICATED', /missing/);
    expect(poll.json.error.details[0]['@type']).toBe('type.googleapis.com/google.rpc.ErrorInfo');
  });

  it('the Developer API wants a key', async () => {
    const url = `${rig.models.url}/v1beta/models/${DEVELOPER_MODEL}:predictLongRunning`;
    expectRefusal(await post(url, textBody('x')), 403, 'PERMISSION_DENIED', /unregistered callers/);
    expectRefusal(await post(url, textBody('x'), bearer), 403, 'PERMISSION_DENIED', /unregistered callers/);
    const wrong = await post(url, textBody('x'), { 'x-goog-api-key': 'wrong' });
    expectRefusal(wrong, 400, 'INVALID_ARGUMENT', /API key not valid/);
    expectRefusal(await get(`${rig.models.url}/v1beta/files/abc`), 403, 'PERMISSION_DENIED', /unregistered/);
  });
});

describe('which model, where', () => {
  it.each([
    ['veo-2.0-generate-001', /is no longer available/],
    ['veo-3.0-fast-generate-001', /is no longer available/],
    ['veo-3.1-generate-preview', /is no longer available/],
    ['veo-9-generate', /was not found or your project does not have access/],
  ])('Vertex does not know %s', async (model, message) => {
    expectRefusal(await submitVertex(rig, textBody('x'), model), 404, 'NOT_FOUND', message);
  });

  it.each([
    ['veo-3.0-generate-001', /^This model models\/veo-3\.0-generate-001 is no longer available\.$/],
    ['veo-9', /is not found for API version v1beta/],
    ['veo-3.1-generate-001', /is not found for API version v1beta/],
  ])('the Developer API does not know %s', async (model, message) => {
    expectRefusal(await submitDeveloper(rig, textBody('x'), model), 404, 'NOT_FOUND', message);
  });

  it('the Developer API has no Veo at all when it is told that Veo was retired', async () => {
    const retired = await startRig({ developerApiVeo: 'retired' });
    const answer = await submitDeveloper(retired, { instances: [{ prompt: 'x' }] });
    await retired.stop();
    expect(answer.status).toBe(404);
    expect(answer.json.error.message).toBe(`This model models/${DEVELOPER_MODEL} is no longer available.`);
  });

  it('Veo is served in its regions only', async () => {
    const at = (location: string): Promise<Answer> =>
      post(
        `${rig.models.url}/v1/${modelPath(VERTEX_MODEL, location)}:predictLongRunning`,
        textBody('x'),
        bearer,
      );
    expectRefusal(await at('europe-west4'), 404, 'NOT_FOUND', /was not found/);
    expectRefusal(await at('mars'), 400, 'INVALID_ARGUMENT', /Invalid location: mars/);
  });

  it('what is no method is 404', async () => {
    expectRefusal(
      await post(`${rig.models.url}/v1/${modelPath()}:explain`, {}, bearer),
      404,
      'NOT_FOUND',
      /Method/,
    );
    expectRefusal(await get(`${rig.models.url}/`), 404, 'NOT_FOUND', /Method not found/);
  });
});

describe('what Vertex is asked', () => {
  const video = { gcsUri: 'gs://inputs/none.mp4', mimeType: 'video/mp4' };
  const cases: [title: string, body: unknown, message: RegExp, model?: string][] = [
    ['malformed JSON', '{"instances": [', /Invalid JSON payload/],
    ['JSON that is no object', '[]', /Invalid JSON payload/],
    ['an unknown field', { instances: [{ prompt: 'x' }], foo: 1 }, /Unknown name "foo": Cannot find field/],
    ['an unknown parameter', textBody('x', { duration: 8 }), /Unknown name "duration" at 'parameters'/],
    ['a webhook', { instances: [{ prompt: 'x' }], webhookConfig: {} }, /Unknown name "webhookConfig"/],
    ['a mask', { instances: [{ prompt: 'x', mask: {} }] }, /Unknown name "mask" at 'instances\[0\]'/],
    ['no instances', { parameters: {} }, /instances is required/],
    ['two instances', { instances: [{ prompt: 'x' }, { prompt: 'y' }] }, /Only one instance/],
    [
      'neither prompt nor image',
      { instances: [{ prompt: '  ' }] },
      /A prompt, an image or a video is required/,
    ],
    ['a prompt that is no text', { instances: [{ prompt: 5 }] }, /'instances\[0\]\.prompt'/],
    [
      '9 s',
      textBody('x', { durationSeconds: 9 }),
      /^Unsupported output video duration 9 seconds, supported durations are \[8,4,6\] for feature text_to_video\.$/,
    ],
    ['7 s without a video', textBody('x', { durationSeconds: 7 }), /Unsupported output video duration 7/],
    ['"8" s', textBody('x', { durationSeconds: '8' }), /'parameters\.durationSeconds' \(TYPE_INT32\), "8"/],
    ['6.5 s', textBody('x', { durationSeconds: 6.5 }), /durationSeconds/],
    ['2k', textBody('x', { resolution: '2k' }), /Unsupported output resolution "2k"/],
    [
      '4k of the lite model',
      textBody('x', { resolution: '4k' }),
      /\[720p,1080p\]/,
      'veo-3.1-lite-generate-001',
    ],
    ['a square', textBody('x', { aspectRatio: '1:1' }), /Unsupported aspect ratio "1:1"/],
    ['no videos', textBody('x', { sampleCount: 0 }), /between 1 and 4/],
    ['five videos', textBody('x', { sampleCount: 5 }), /between 1 and 4/],
    ['"2" videos', textBody('x', { sampleCount: '2' }), /between 1 and 4/],
    ['a negative seed', textBody('x', { seed: -1 }), /between 0 and 4294967295/],
    ['a seed of 2^32', textBody('x', { seed: 2 ** 32 }), /between 0 and 4294967295/],
    ['all people', textBody('x', { personGeneration: 'allow_all' }), /allowlisted/],
    [
      '"disallow"',
      textBody('x', { personGeneration: 'disallow' }),
      /Unsupported personGeneration "disallow"/,
    ],
    ['"yes" for a boolean', textBody('x', { enhancePrompt: 'yes' }), /enhancePrompt' \(TYPE_BOOL\)/],
    ['"true" for sound', textBody('x', { generateAudio: 'true' }), /generateAudio' \(TYPE_BOOL\)/],
    ['a negative prompt that is no text', textBody('x', { negativePrompt: 1 }), /negativePrompt/],
    ['30 fps', textBody('x', { fps: 30 }), /Unsupported fps/],
    ['an unknown quality', textBody('x', { compressionQuality: 'best' }), /compressionQuality/],
    ['a topic of another shape', textBody('x', { pubsubTopic: 't' }), /pubsubTopic/],
    ['storage elsewhere', textBody('x', { storageUri: 's3://b/x' }), /storageUri must be gs:/],
    ['labels in capitals', { instances: [{ prompt: 'x' }], labels: { Team: 'x' } }, /Invalid label "Team"/],
    [
      'an image of another type',
      { instances: [{ image: image(PNG, 'image/gif') }] },
      /Unsupported mime type 'image\/gif'/,
    ],
    [
      'a JPEG that says PNG',
      { instances: [{ image: image(JPEG, 'image/png') }] },
      /is image\/jpeg, but its mime type says image\/png/,
    ],
    [
      'an image that is none',
      { instances: [{ image: image(Buffer.from('hello'), 'image/png') }] },
      /not a JPEG or PNG/,
    ],
    [
      'an image over 20 MB',
      { instances: [{ image: image(Buffer.concat([PNG, Buffer.alloc(20 * 1024 * 1024)]), 'image/png') }] },
      /larger than 20 MB/,
    ],
    [
      'an image without a type',
      { instances: [{ image: { bytesBase64Encoded: 'iVBORw0KGgo=' } }] },
      /mimeType' is required/,
    ],
    ['an image without content', { instances: [{ image: { mimeType: 'image/png' } }] }, /exactly one of/],
    [
      'an image twice',
      { instances: [{ image: { ...image(PNG, 'image/png'), gcsUri: 'gs://inputs/a' } }] },
      /exactly one of/,
    ],
    [
      'an image that is not base64',
      { instances: [{ image: { bytesBase64Encoded: '%%%', mimeType: 'image/png' } }] },
      /Base64 decoding failed/,
    ],
    [
      'an image that is not there',
      { instances: [{ image: { gcsUri: 'gs://inputs/none.png', mimeType: 'image/png' } }] },
      /was not found: gs:\/\/inputs\/none\.png/,
    ],
    [
      'an image on the web',
      { instances: [{ image: { gcsUri: 'https://x/a.png', mimeType: 'image/png' } }] },
      /must be gs:/,
    ],
    [
      'a last frame without a first',
      { instances: [{ prompt: 'x', lastFrame: image(PNG, 'image/png') }] },
      /lastFrame needs image/,
    ],
    [
      'a last frame of the lite model',
      { instances: [{ prompt: 'x', image: image(PNG, 'image/png'), lastFrame: image(PNG, 'image/png') }] },
      /lastFrame is not supported/,
      'veo-3.1-lite-generate-001',
    ],
    [
      'four references',
      { instances: [{ prompt: 'x', referenceImages: [asset, asset, asset, asset] }] },
      /At most 3/,
    ],
    [
      'a style',
      { instances: [{ prompt: 'x', referenceImages: [{ ...asset, referenceType: 'STYLE' }] }] },
      /supported types are \[asset\]/,
    ],
    [
      'references of the lite model',
      { instances: [{ prompt: 'x', referenceImages: [asset] }] },
      /referenceImages is not supported/,
      'veo-3.1-lite-generate-001',
    ],
    [
      'references for 4 s',
      { instances: [{ prompt: 'x', referenceImages: [asset] }], parameters: { durationSeconds: 4 } },
      /supported durations are \[8\] for feature reference_to_video/,
    ],
    [
      'references and an image',
      { instances: [{ prompt: 'x', image: image(PNG, 'image/png'), referenceImages: [asset] }] },
      /cannot be both set/,
    ],
    [
      'references without a prompt',
      { instances: [{ referenceImages: [asset], image: image(PNG, 'image/png') }] },
      /A prompt is required/,
    ],
    [
      'a video and an image',
      { instances: [{ prompt: 'x', video, image: image(PNG, 'image/png') }] },
      /cannot be both set/,
    ],
    [
      'an extension of 8 s',
      { instances: [{ prompt: 'x', video }], parameters: { durationSeconds: 8 } },
      /\[7\] for feature video_extension/,
    ],
    ['a video that is not there', { instances: [{ prompt: 'x', video }] }, /was not found/],
    [
      'a video of another type',
      { instances: [{ prompt: 'x', video: { ...video, mimeType: 'video/webm' } }] },
      /Unsupported mime type 'video\/webm'/,
    ],
    [
      'a video that is none',
      { instances: [{ prompt: 'x', video: image(PNG, 'video/mp4') }] },
      /Unable to process the video/,
    ],
    ['an unknown directive', textBody('[simulate: nonsense] x'), /Unknown simulation directive "nonsense"/],
  ];

  it.each(cases)('is refused: %s', async (_, body, message, ...model) => {
    expectRefusal(await submitVertex(rig, body, ...model), 400, 'INVALID_ARGUMENT', message);
  });
});

describe('which operation', () => {
  it('an unknown operation is 404 on both surfaces', async () => {
    expectRefusal(
      await pollVertex(rig, `${modelPath()}/operations/none`),
      404,
      'NOT_FOUND',
      /Operation not found/,
    );
    const developer = await get(
      `${rig.models.url}/v1beta/models/${DEVELOPER_MODEL}/operations/none?key=${KEY}`,
    );
    expectRefusal(developer, 404, 'NOT_FOUND', /Operation not found/);
  });

  it('an operation is asked for at its own model, by its full name', async () => {
    const url = `${rig.models.url}/v1/${modelPath()}:fetchPredictOperation`;
    const foreign = { operationName: `${modelPath('veo-3.1-fast-generate-001')}/operations/x` };
    expectRefusal(await post(url, foreign, bearer), 400, 'INVALID_ARGUMENT', /does not belong to/);
    expectRefusal(
      await post(url, { operationName: 'x' }, bearer),
      400,
      'INVALID_ARGUMENT',
      /Invalid operation name/,
    );
    expectRefusal(await post(url, {}, bearer), 400, 'INVALID_ARGUMENT', /Invalid operation name/);
  });
});

describe('how much', () => {
  it('a project has so many requests a minute and model, and then 429 in the words of the real quota', async () => {
    const limited = await startRig({ requestsPerMinute: 2 });
    const at = async (project: string, model = VERTEX_MODEL): Promise<Answer> =>
      post(
        `${limited.models.url}/v1/${modelPath(model, 'us-central1', project)}:predictLongRunning`,
        textBody('x'),
        bearer,
      );
    const codes = [(await at(PROJECT)).status, (await at(PROJECT)).status];
    const refused = await at(PROJECT);
    codes.push((await at('other')).status, (await at(PROJECT, 'veo-3.1-fast-generate-001')).status);
    limited.clock.nowMs += 60_000;
    codes.push((await at(PROJECT)).status);
    await limited.stop();
    expect(codes).toEqual([200, 200, 200, 200, 200]);
    expect(refused.json.error).toMatchObject({
      code: 429,
      status: 'RESOURCE_EXHAUSTED',
      message: expect.stringMatching(
        /^Quota exceeded for aiplatform\.googleapis\.com\/long_running_online_prediction_requests_per_base_model with base model: veo-3\.1-generate-001\./,
      ),
    });
  });
});

describe('anything else', () => {
  it('no body makes it fail: every answer is 200 and paid, or a 4xx and not paid', async () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(8, '8', 4, '16:9', '720p', 'gs://out/x', true, 'x'),
    );
    const record = (names: readonly string[]) =>
      fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 3 });
    const instance = record(['prompt', 'image', 'video', 'lastFrame', 'referenceImages', 'other']);
    const parameters = record([
      'durationSeconds',
      'sampleCount',
      'seed',
      'aspectRatio',
      'resolution',
      'storageUri',
    ]);
    const body = fc.oneof(fc.jsonValue(), fc.record({ instances: fc.tuple(instance), parameters }));
    await fc.assert(
      fc.asyncProperty(body, async (payload) => {
        const { status, json } = await submitVertex(rig, payload);
        if (status === 200) paidBefore++;
        else expect(json.error.code).toBe(status);
        expect([200, 400]).toContain(status);
        expect(rig.models.paidCalls()).toHaveLength(paidBefore);
      }),
      { seed, numRuns: 200 },
    );
  });
});
