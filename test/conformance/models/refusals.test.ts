/** The simulated Veo models reject what the real ones reject, in Google's error model. Rejected calls are not paid. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Answer,
  BEARER,
  DEVELOPER_MODEL,
  get,
  JPEG,
  KEY,
  modelPath,
  PNG,
  PROJECT,
  pollVertex,
  post,
  startRig,
  submitDeveloper,
  submitVertex,
  textBody,
  VERTEX_MODEL,
  veoImage,
} from './harness.ts';
import { useRig } from './use-rig.ts';

const rig = useRig(startRig, 'file');
let paidBefore = 0;

function expectRefusal(answer: Answer, code: number, status: string, message: RegExp): void {
  expect(answer.json).toMatchObject({ error: { code, status, message: expect.stringMatching(message) } });
  expect(answer.status).toBe(code);
  expect(rig.models.paidCalls()).toHaveLength(paidBefore);
}

const asset = { image: veoImage(PNG, 'image/png'), referenceType: 'asset' };

describe('authentication', () => {
  const submitAs = (headers: Record<string, string>, query = ''): Promise<Answer> =>
    post(`${rig.models.url}/v1/${modelPath()}:predictLongRunning${query}`, textBody('x'), headers);

  it('Vertex requires a token', async () => {
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

  it('the Developer API requires a key', async () => {
    const url = `${rig.models.url}/v1beta/models/${DEVELOPER_MODEL}:predictLongRunning`;
    expectRefusal(await post(url, textBody('x')), 403, 'PERMISSION_DENIED', /unregistered callers/);
    expectRefusal(await post(url, textBody('x'), BEARER), 403, 'PERMISSION_DENIED', /unregistered callers/);
    const wrong = await post(url, textBody('x'), { 'x-goog-api-key': 'wrong' });
    expectRefusal(wrong, 400, 'INVALID_ARGUMENT', /API key not valid/);
    expectRefusal(await get(`${rig.models.url}/v1beta/files/abc`), 403, 'PERMISSION_DENIED', /unregistered/);
  });
});

describe('the model, location and method', () => {
  it.each([
    ['veo-2.0-generate-001', /is no longer available/],
    ['veo-3.0-fast-generate-001', /is no longer available/],
    ['veo-3.1-generate-preview', /is no longer available/],
    ['veo-9-generate', /was not found or your project does not have access/],
  ])('Vertex does not serve %s', async (model, message) => {
    expectRefusal(await submitVertex(rig, textBody('x'), model), 404, 'NOT_FOUND', message);
  });

  it.each([
    ['veo-3.0-generate-001', /^This model models\/veo-3\.0-generate-001 is no longer available\.$/],
    ['veo-9', /is not found for API version v1beta/],
    ['veo-3.1-generate-001', /is not found for API version v1beta/],
  ])('the Developer API does not serve %s', async (model, message) => {
    expectRefusal(await submitDeveloper(rig, textBody('x'), model), 404, 'NOT_FOUND', message);
  });

  it('the Developer API serves no Veo model with the option developerApiVeo retired', async () => {
    const retired = await startRig({ developerApiVeo: 'retired' });
    const answer = await submitDeveloper(retired, { instances: [{ prompt: 'x' }] });
    await retired.stop();
    expect(answer.status).toBe(404);
    expect(answer.json.error.message).toBe(`This model models/${DEVELOPER_MODEL} is no longer available.`);
  });

  it('other regions do not serve Veo', async () => {
    const at = (location: string): Promise<Answer> =>
      post(
        `${rig.models.url}/v1/${modelPath(VERTEX_MODEL, location)}:predictLongRunning`,
        textBody('x'),
        BEARER,
      );
    expectRefusal(await at('europe-west4'), 404, 'NOT_FOUND', /was not found/);
    expectRefusal(await at('mars'), 400, 'INVALID_ARGUMENT', /Invalid location: mars/);
  });

  it('an unknown method receives 404', async () => {
    expectRefusal(
      await post(`${rig.models.url}/v1/${modelPath()}:explain`, {}, BEARER),
      404,
      'NOT_FOUND',
      /Method/,
    );
    expectRefusal(await get(`${rig.models.url}/`), 404, 'NOT_FOUND', /Method not found/);
  });
});

describe('a request to Vertex', () => {
  const video = { gcsUri: 'gs://inputs/none.mp4', mimeType: 'video/mp4' };
  const cases: [title: string, body: unknown, message: RegExp, model?: string][] = [
    ['malformed JSON', '{"instances": [', /Invalid JSON payload/],
    ['JSON that is not an object', '[]', /Invalid JSON payload/],
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
    ['a number as prompt', { instances: [{ prompt: 5 }] }, /'instances\[0\]\.prompt'/],
    [
      'a duration of 9 s',
      textBody('x', { durationSeconds: 9 }),
      /^Unsupported output video duration 9 seconds, supported durations are \[8,4,6\] for feature text_to_video\.$/,
    ],
    [
      'a duration of 7 s without a video',
      textBody('x', { durationSeconds: 7 }),
      /Unsupported output video duration 7/,
    ],
    [
      'the duration "8"',
      textBody('x', { durationSeconds: '8' }),
      /'parameters\.durationSeconds' \(TYPE_INT32\), "8"/,
    ],
    ['a duration of 6.5 s', textBody('x', { durationSeconds: 6.5 }), /durationSeconds/],
    ['resolution 2k', textBody('x', { resolution: '2k' }), /Unsupported output resolution "2k"/],
    [
      '4k on the lite model',
      textBody('x', { resolution: '4k' }),
      /\[720p,1080p\]/,
      'veo-3.1-lite-generate-001',
    ],
    ['aspect ratio 1:1', textBody('x', { aspectRatio: '1:1' }), /Unsupported aspect ratio "1:1"/],
    ['sampleCount 0', textBody('x', { sampleCount: 0 }), /between 1 and 4/],
    ['sampleCount 5', textBody('x', { sampleCount: 5 }), /between 1 and 4/],
    ['sampleCount "2"', textBody('x', { sampleCount: '2' }), /between 1 and 4/],
    ['a negative seed', textBody('x', { seed: -1 }), /between 0 and 4294967295/],
    ['a seed of 2^32', textBody('x', { seed: 2 ** 32 }), /between 0 and 4294967295/],
    ['personGeneration allow_all', textBody('x', { personGeneration: 'allow_all' }), /allowlisted/],
    [
      'personGeneration disallow',
      textBody('x', { personGeneration: 'disallow' }),
      /Unsupported personGeneration "disallow"/,
    ],
    ['enhancePrompt "yes"', textBody('x', { enhancePrompt: 'yes' }), /enhancePrompt' \(TYPE_BOOL\)/],
    ['generateAudio "true"', textBody('x', { generateAudio: 'true' }), /generateAudio' \(TYPE_BOOL\)/],
    ['a number as negativePrompt', textBody('x', { negativePrompt: 1 }), /negativePrompt/],
    ['30 fps', textBody('x', { fps: 30 }), /Unsupported fps/],
    ['an unknown compressionQuality', textBody('x', { compressionQuality: 'best' }), /compressionQuality/],
    ['an invalid pubsubTopic', textBody('x', { pubsubTopic: 't' }), /pubsubTopic/],
    ['a storageUri that is not gs://', textBody('x', { storageUri: 's3://b/x' }), /storageUri must be gs:/],
    [
      'a label key in upper case',
      { instances: [{ prompt: 'x' }], labels: { Team: 'x' } },
      /Invalid label "Team"/,
    ],
    [
      'an image in an unsupported format',
      { instances: [{ image: veoImage(PNG, 'image/gif') }] },
      /Unsupported mime type 'image\/gif'/,
    ],
    [
      'a JPEG declared as PNG',
      { instances: [{ image: veoImage(JPEG, 'image/png') }] },
      /is image\/jpeg, but its mime type says image\/png/,
    ],
    [
      'data that is not an image',
      { instances: [{ image: veoImage(Buffer.from('hello'), 'image/png') }] },
      /not a JPEG or PNG/,
    ],
    [
      'an image over 20 MB',
      { instances: [{ image: veoImage(Buffer.concat([PNG, Buffer.alloc(20 * 1024 * 1024)]), 'image/png') }] },
      /larger than 20 MB/,
    ],
    [
      'an image without a MIME type',
      { instances: [{ image: { bytesBase64Encoded: 'iVBORw0KGgo=' } }] },
      /mimeType' is required/,
    ],
    ['an image without data', { instances: [{ image: { mimeType: 'image/png' } }] }, /exactly one of/],
    [
      'an image both inline and by URI',
      { instances: [{ image: { ...veoImage(PNG, 'image/png'), gcsUri: 'gs://inputs/a' } }] },
      /exactly one of/,
    ],
    [
      'an image that is not base64',
      { instances: [{ image: { bytesBase64Encoded: '%%%', mimeType: 'image/png' } }] },
      /Base64 decoding failed/,
    ],
    [
      'a missing object as image',
      { instances: [{ image: { gcsUri: 'gs://inputs/none.png', mimeType: 'image/png' } }] },
      /was not found: gs:\/\/inputs\/none\.png/,
    ],
    [
      'an image at an https URI',
      { instances: [{ image: { gcsUri: 'https://x/a.png', mimeType: 'image/png' } }] },
      /must be gs:/,
    ],
    [
      'a last frame without a first',
      { instances: [{ prompt: 'x', lastFrame: veoImage(PNG, 'image/png') }] },
      /lastFrame needs image/,
    ],
    [
      'four reference images',
      { instances: [{ prompt: 'x', referenceImages: [asset, asset, asset, asset] }] },
      /At most 3/,
    ],
    [
      'a style reference',
      { instances: [{ prompt: 'x', referenceImages: [{ ...asset, referenceType: 'STYLE' }] }] },
      /supported types are \[asset\]/,
    ],
    [
      'reference images on the lite model',
      { instances: [{ prompt: 'x', referenceImages: [asset] }] },
      /referenceImages is not supported/,
      'veo-3.1-lite-generate-001',
    ],
    [
      'reference images with 4 s',
      { instances: [{ prompt: 'x', referenceImages: [asset] }], parameters: { durationSeconds: 4 } },
      /supported durations are \[8\] for feature reference_to_video/,
    ],
    [
      'reference images and a first frame',
      { instances: [{ prompt: 'x', image: veoImage(PNG, 'image/png'), referenceImages: [asset] }] },
      /cannot be both set/,
    ],
    [
      'reference images without a prompt',
      { instances: [{ referenceImages: [asset], image: veoImage(PNG, 'image/png') }] },
      /A prompt is required/,
    ],
    [
      'a video and an image',
      { instances: [{ prompt: 'x', video, image: veoImage(PNG, 'image/png') }] },
      /cannot be both set/,
    ],
    [
      'an extension of 8 s',
      { instances: [{ prompt: 'x', video }], parameters: { durationSeconds: 8 } },
      /\[7\] for feature video_extension/,
    ],
    ['a missing object as video', { instances: [{ prompt: 'x', video }] }, /was not found/],
    [
      'a video in an unsupported format',
      { instances: [{ prompt: 'x', video: { ...video, mimeType: 'video/webm' } }] },
      /Unsupported mime type 'video\/webm'/,
    ],
    [
      'data that is not a video',
      { instances: [{ prompt: 'x', video: veoImage(PNG, 'video/mp4') }] },
      /Unable to process the video/,
    ],
    ['an unknown directive', textBody('[simulate: nonsense] x'), /Unknown simulation directive "nonsense"/],
  ];

  it.each(cases)('is rejected: %s', async (_, body, message, ...model) => {
    expectRefusal(await submitVertex(rig, body, ...model), 400, 'INVALID_ARGUMENT', message);
  });
});

describe('a poll', () => {
  it('of an unknown operation receives 404 on both surfaces', async () => {
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

  it('must use the model of the operation and its full name', async () => {
    const url = `${rig.models.url}/v1/${modelPath()}:fetchPredictOperation`;
    const foreign = { operationName: `${modelPath('veo-3.1-fast-generate-001')}/operations/x` };
    expectRefusal(await post(url, foreign, BEARER), 400, 'INVALID_ARGUMENT', /does not belong to/);
    expectRefusal(
      await post(url, { operationName: 'x' }, BEARER),
      400,
      'INVALID_ARGUMENT',
      /Invalid operation name/,
    );
    expectRefusal(await post(url, {}, BEARER), 400, 'INVALID_ARGUMENT', /Invalid operation name/);
  });
});

describe('the quota', () => {
  it('counts requests per minute, project and model; the 429 has the message of the real quota', async () => {
    const limited = await startRig({ requestsPerMinute: 2 });
    const at = async (project: string, model = VERTEX_MODEL): Promise<Answer> =>
      post(
        `${limited.models.url}/v1/${modelPath(model, 'us-central1', project)}:predictLongRunning`,
        textBody('x'),
        BEARER,
      );
    const codes = [(await at(PROJECT)).status, (await at(PROJECT)).status];
    const overQuota = await at(PROJECT);
    codes.push((await at('other')).status, (await at(PROJECT, 'veo-3.1-fast-generate-001')).status);
    limited.clock.nowMs += 60_000;
    codes.push((await at(PROJECT)).status);
    await limited.stop();
    expect(codes).toEqual([200, 200, 200, 200, 200]);
    expect(overQuota.json.error).toMatchObject({
      code: 429,
      status: 'RESOURCE_EXHAUSTED',
      message: expect.stringMatching(
        /^Quota exceeded for aiplatform\.googleapis\.com\/long_running_online_prediction_requests_per_base_model with base model: veo-3\.1-generate-001\./,
      ),
    });
  });
});

describe('a random body', () => {
  it('receives 200 and is paid, or receives 400 and is not paid', async () => {
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
