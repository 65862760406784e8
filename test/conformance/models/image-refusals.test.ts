/** The simulated image models reject what the real ones reject, in Google's error model. Rejected calls are not paid. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Answer, BEARER, KEY, modelPath, PNG, post } from './harness.ts';
import {
  contentBody,
  developerContent,
  developerPredict,
  GEMINI_MODEL,
  IMAGEN_MODEL,
  predictBody,
  startFastRig,
  vertexContent,
  vertexPredict,
} from './image-harness.ts';
import { useRig } from './use-rig.ts';

const rig = useRig(startFastRig, 'file');

function expectRefusal(answer: Answer, code: number, status: string, message: RegExp): void {
  expect(answer.json).toMatchObject({ error: { code, status, message: expect.stringMatching(message) } });
  expect(answer.status).toBe(code);
  expect(rig.models.paidCalls()).toEqual([]);
}

describe('authentication', () => {
  it.each([
    ['generateContent', GEMINI_MODEL],
    ['predict', IMAGEN_MODEL],
  ])('%s on Vertex requires a token', async (method, model) => {
    const url = `${rig.models.url}/v1/${modelPath(model)}:${method}`;
    expectRefusal(await post(url, {}), 401, 'UNAUTHENTICATED', /missing required authentication/);
    expectRefusal(await post(`${url}?key=${KEY}`, {}), 401, 'UNAUTHENTICATED', /API keys are not supported/);
    const wrong = await post(url, {}, { authorization: 'Bearer wrong' });
    expectRefusal(wrong, 401, 'UNAUTHENTICATED', /invalid authentication/);
  });

  it('the Developer API requires a key', async () => {
    const url = `${rig.models.url}/v1beta/models/${GEMINI_MODEL}:generateContent`;
    expectRefusal(await post(url, {}, BEARER), 403, 'PERMISSION_DENIED', /unregistered callers/);
    const wrong = await post(url, {}, { 'x-goog-api-key': 'wrong' });
    expectRefusal(wrong, 400, 'INVALID_ARGUMENT', /API key not valid/);
  });
});

describe('the model and location', () => {
  it.each([
    ['gemini-2.5-flash-image-preview', /is no longer available/],
    ['gemini-3-pro-image-preview', /is no longer available/],
    ['gemini-9-image', /was not found or your project does not have access/],
    [IMAGEN_MODEL, /was not found/],
    ['veo-3.1-generate-001', /was not found/],
  ])('generateContent on Vertex does not serve %s', async (model, message) => {
    expectRefusal(await vertexContent(rig, contentBody('x'), model), 404, 'NOT_FOUND', message);
  });

  it.each([
    ['imagen-3.0-generate-002', /is no longer available/],
    ['imagen-4.0-generate-preview-06-06', /is no longer available/],
    ['imagen-9', /was not found/],
    [GEMINI_MODEL, /was not found/],
  ])('predict on Vertex does not serve %s', async (model, message) => {
    expectRefusal(await vertexPredict(rig, predictBody('x'), model), 404, 'NOT_FOUND', message);
  });

  it('Google has retired Imagen, unless the option imagen is alive', async () => {
    const today = await startFastRig({ imagen: 'retired' });
    const answers: Answer[] = [];
    for (const model of [IMAGEN_MODEL, 'imagen-3.0-generate-002']) {
      answers.push(await developerPredict(today, predictBody('x'), model));
      answers.push(await vertexPredict(today, predictBody('x'), model));
    }
    await today.stop();
    for (const answer of answers)
      expectRefusal(answer, 404, 'NOT_FOUND', /imagen-\S+ is no longer available/);
  });

  it('the Developer API distinguishes retired models from unknown ones', async () => {
    const retired = await developerContent(rig, contentBody('x'), 'gemini-2.5-flash-image');
    expectRefusal(
      retired,
      404,
      'NOT_FOUND',
      /^This model models\/gemini-2\.5-flash-image is no longer available\.$/,
    );
    const unknown = await developerContent(rig, contentBody('x'), 'gemini-9');
    expectRefusal(unknown, 404, 'NOT_FOUND', /not found for API version v1, .*supported for generateContent/);
  });

  it('global does not serve Imagen, and other regions serve no image models', async () => {
    const body = contentBody('x');
    expectRefusal(
      await vertexPredict(rig, predictBody('x'), IMAGEN_MODEL, 'global'),
      404,
      'NOT_FOUND',
      /was not found/,
    );
    expectRefusal(
      await vertexContent(rig, body, GEMINI_MODEL, 'europe-west4'),
      404,
      'NOT_FOUND',
      /was not found/,
    );
    expectRefusal(
      await vertexContent(rig, body, GEMINI_MODEL, 'mars'),
      400,
      'INVALID_ARGUMENT',
      /Invalid location/,
    );
  });
});

const turn = (parts: unknown, role = 'user') => ({ role, parts });
const inlineImage = (bytes: Buffer, mimeType = 'image/png') => ({
  inlineData: { mimeType, data: bytes.toString('base64') },
});
const body = (...parts: unknown[]) => ({ contents: [turn([{ text: 'x' }, ...parts])] });
const withConfig = (generationConfig: unknown) => ({ ...body(), generationConfig });
const withImageConfig = (imageConfig: unknown) => withConfig({ imageConfig });

describe('a generateContent request', () => {
  const both: [title: string, request: unknown, message: RegExp][] = [
    ['malformed JSON', '{', /Invalid JSON payload/],
    ['an unknown field', { ...body(), prompt: 'x' }, /Unknown name "prompt": Cannot find field/],
    ['an unknown setting', withConfig({ foo: 1 }), /Unknown name "foo" at 'generation_config'/],
    ['an unknown image setting', withImageConfig({ foo: 1 }), /"foo" at 'generation_config\.image_config'/],
    [
      'an unknown role',
      { contents: [turn([{ text: 'x' }], 'system')] },
      /Please use a valid role: user, model/,
    ],
    ['a last turn with role model', { contents: [turn([{ text: 'x' }], 'model')] }, /end with a user role/],
    ['a number as text', { contents: [turn([{ text: 1 }])] }, /TYPE_STRING/],
    [
      'text and an image in one part',
      body({ text: 'x', ...inlineImage(PNG) }),
      /oneof field 'data' is already set/,
    ],
    [
      'an unknown modality',
      withConfig({ responseModalities: ['SMELL'] }),
      /response_modalities\[0\]'.*"SMELL"/,
    ],
    [
      'modality AUDIO',
      withConfig({ responseModalities: ['AUDIO'] }),
      /combination of response modalities \(AUDIO\)/,
    ],
    ['modality TEXT only', withConfig({ responseModalities: ['TEXT'] }), /\* IMAGE\n\* TEXT, IMAGE/],
    ['two candidates', withConfig({ candidateCount: 2 }), /Multiple candidates/],
    ['a seed below 0', withConfig({ seed: -1 }), /seed/],
    [
      'an unsupported aspect ratio',
      withImageConfig({ aspectRatio: '5:3' }),
      /Unsupported aspect ratio "5:3"/,
    ],
    [
      'an unsupported image size',
      withImageConfig({ imageSize: '8K' }),
      /Unsupported image size "8K".*\[1K,512,2K,4K\]/,
    ],
    ['an unknown personGeneration', withImageConfig({ personGeneration: 'SOME' }), /person_generation/],
    [
      'an image in an unsupported format',
      body(inlineImage(Buffer.from('GIF89a'))),
      /Unable to process input image/,
    ],
    ['a PNG declared as JPEG', body(inlineImage(PNG, 'image/jpeg')), /is image\/png, but .* image\/jpeg/],
    ['a video', body(inlineImage(PNG, 'video/mp4')), /Unsupported MIME type: video\/mp4/],
    ['an image without a MIME type', body({ inlineData: { data: 'AAAA' } }), /must have a mimeType/],
    ['an image without data', body({ inlineData: { mimeType: 'image/png' } }), /Base64 decoding failed/],
    ['fifteen images', body(...Array.from({ length: 15 }, () => inlineImage(PNG))), /up to 14 input images/],
    [
      'an unknown directive',
      { contents: [turn([{ text: '[simulate: rain] x' }])] },
      /Unknown simulation directive "rain"/,
    ],
  ];

  it.each(both)('is rejected on both surfaces: %s', async (_, request, message) => {
    expectRefusal(await vertexContent(rig, request), 400, 'INVALID_ARGUMENT', message);
    expectRefusal(await developerContent(rig, request), 400, 'INVALID_ARGUMENT', message);
  });

  it('without content is rejected with a different message on each surface', async () => {
    const bodies = [{}, { contents: [turn([])] }, { contents: [turn([{ text: '' }])] }];
    const messages = [
      [/at least one contents field is required/, /contents is not specified/],
      [/at least one parts field/, /contents\.parts must not be empty/],
      [/has an empty text parameter/, /required oneof field 'data'/],
    ] as const;
    for (const [i, empty] of bodies.entries()) {
      const [vertex = /$^/, developer = /$^/] = messages[i] ?? [];
      expectRefusal(await vertexContent(rig, empty), 400, 'INVALID_ARGUMENT', vertex);
      expectRefusal(await developerContent(rig, empty), 400, 'INVALID_ARGUMENT', developer);
    }
  });

  it('must have a role on Vertex, and may have labels, output options and objects in buckets there only', async () => {
    const withoutRole = { contents: [{ parts: [{ text: 'x' }] }] };
    expectRefusal(await vertexContent(rig, withoutRole), 400, 'INVALID_ARGUMENT', /valid role/);
    const stored = body({ fileData: { fileUri: 'gs://inputs/a.png', mimeType: 'image/png' } });
    for (const [request, message] of [
      [{ ...body(), labels: {} }, /Unknown name "labels"/],
      [withImageConfig({ imageOutputOptions: {} }), /"imageOutputOptions"/],
      [stored, /unsupported file uri: gs:\/\/inputs\/a\.png/],
    ] as const) {
      expectRefusal(await developerContent(rig, request), 400, 'INVALID_ARGUMENT', message);
    }
    expectRefusal(await vertexContent(rig, stored), 400, 'INVALID_ARGUMENT', /was not found: gs:\/\/inputs/);
  });

  it('on Vertex is rejected for JPEG output, more than 7 MB inline, or an https URI', async () => {
    const jpeg = withImageConfig({ imageOutputOptions: { mimeType: 'image/jpeg' } });
    expectRefusal(await vertexContent(rig, jpeg), 400, 'INVALID_ARGUMENT', /makes image\/png only/);
    const large = body(inlineImage(Buffer.concat([PNG, Buffer.alloc(7 * 1024 * 1024)])));
    expectRefusal(await vertexContent(rig, large), 400, 'INVALID_ARGUMENT', /larger than 7 MB/);
    const web = body({ fileData: { fileUri: 'https://example.com/a.png', mimeType: 'image/png' } });
    expectRefusal(await vertexContent(rig, web), 400, 'INVALID_ARGUMENT', /unsupported file uri/);
  });

  it.each([
    ['gemini-3-pro-image', { imageSize: '512' }],
    ['gemini-3-pro-image', { aspectRatio: '1:8' }],
    ['gemini-3.1-flash-lite-image', { imageSize: '2K' }],
    ['gemini-nano-banana-2.1', { imageSize: '512' }],
  ])('is rejected: %s with %j', async (model, imageConfig) => {
    expectRefusal(
      await vertexContent(rig, withImageConfig(imageConfig), model),
      400,
      'INVALID_ARGUMENT',
      /Unsupported/,
    );
  });
});

describe('an Imagen request', () => {
  const cases: [title: string, body: unknown, message: RegExp][] = [
    ['an empty body', {}, /instances is required/],
    ['two instances', { instances: [{ prompt: 'x' }, { prompt: 'y' }] }, /Only one instance/],
    ['no prompt', { instances: [{}] }, /Text prompt is required/],
    ['a blank prompt', predictBody(' '), /Text prompt is required/],
    ['an image to edit', { instances: [{ prompt: 'x', image: {} }] }, /Unknown name "image"/],
    ['an unknown parameter', predictBody('x', { foo: 1 }), /Unknown name "foo" at 'parameters'/],
    ['no images', predictBody('x', { sampleCount: 0 }), /0 is an invalid sampleCount/],
    ['five images', predictBody('x', { sampleCount: 5 }), /5 is an invalid sampleCount/],
    [
      'an aspect ratio that only Gemini supports',
      predictBody('x', { aspectRatio: '21:9' }),
      /Unsupported aspect ratio "21:9"/,
    ],
    ['4K', predictBody('x', { sampleImageSize: '4K' }), /Unsupported sampleImageSize "4K"/],
    [
      'an unknown personGeneration',
      predictBody('x', { personGeneration: 'disallow' }),
      /Unsupported personGeneration/,
    ],
    ['a seed with a watermark', predictBody('x', { seed: 1 }), /Seed is not supported when watermark/],
    ['a negative prompt', predictBody('x', { negativePrompt: 'rain' }), /negativePrompt is not supported/],
    ['a string for a boolean', predictBody('x', { includeRaiReason: 'yes' }), /TYPE_BOOL/],
    ['JPEG output', predictBody('x', { outputOptions: { mimeType: 'image/jpeg' } }), /makes image\/png only/],
    ['a storageUri that is not gs://', predictBody('x', { storageUri: '/tmp' }), /storageUri must be gs:/],
    ['an invalid label', { ...Object(predictBody('x')), labels: { Team: 'x' } }, /Invalid label "Team"/],
  ];

  it.each(cases)('is rejected: %s', async (_, body, message) => {
    expectRefusal(await vertexPredict(rig, body), 400, 'INVALID_ARGUMENT', message);
  });

  it('for 2K is rejected by the fast model', async () => {
    const answer = await vertexPredict(
      rig,
      predictBody('x', { sampleImageSize: '2K' }),
      'imagen-4.0-fast-generate-001',
    );
    expectRefusal(answer, 400, 'INVALID_ARGUMENT', /Unsupported sampleImageSize/);
  });

  it('with storageUri is rejected by the Developer API', async () => {
    const alive = await startFastRig({ imagen: 'alive' });
    const answer = await developerPredict(alive, predictBody('x', { storageUri: 'gs://out' }));
    await alive.stop();
    expectRefusal(answer, 400, 'INVALID_ARGUMENT', /`storageUri` isn't supported by this model/);
  });
});

describe('a random body', () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
  const value = fc.jsonValue({ maxDepth: 2 });
  const part = fc.oneof(
    fc.record({ text: fc.string() }),
    fc.record({
      inlineData: fc.record({ mimeType: fc.constantFrom('image/png', 'x'), data: fc.base64String() }),
    }),
    fc.record({
      fileData: fc.record({ fileUri: fc.constantFrom('gs://in/x', 'gs://', ''), mimeType: value }),
    }),
    value,
  );
  const content = fc.record(
    {
      contents: fc.oneof(
        fc.array(fc.record({ role: fc.constantFrom('user', 'model'), parts: fc.array(part) })),
        value,
      ),
      generationConfig: fc.oneof(
        fc.record({ imageConfig: value, seed: value, responseModalities: value }, { requiredKeys: [] }),
        value,
      ),
    },
    { requiredKeys: ['contents'] },
  );
  const predict = fc.record({
    instances: fc.oneof(fc.array(fc.record({ prompt: fc.oneof(fc.string(), value) })), value),
    parameters: fc.oneof(
      fc.record(
        { sampleCount: value, aspectRatio: value, storageUri: value, outputOptions: value, seed: value },
        { requiredKeys: [] },
      ),
      value,
    ),
  });

  it(`receives 200 and is paid, or receives 4xx and is not paid (SEED=${seed})`, async () => {
    const own = await startFastRig();
    const check = async (send: () => Promise<Answer>): Promise<void> => {
      const before = own.models.paidCalls().length;
      const { status } = await send();
      const paid = own.models.paidCalls().length - before;
      expect(status === 200 ? paid : status >= 400 && status < 500 ? paid + 1 : -1).toBe(1);
    };
    await fc.assert(
      fc.asyncProperty(content, predict, async (contentBodyOf, predictBodyOf) => {
        await check(() => vertexContent(own, contentBodyOf));
        await check(() => developerContent(own, contentBodyOf));
        await check(() => vertexPredict(own, predictBodyOf));
      }),
      { seed, numRuns: 60 },
    );
    await own.stop();
    expect(own.bugs).toEqual([]);
  });
});
