/** The simulated image models refuse what the real ones refuse, in Google's error model, and then nothing is paid. */
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, KEY, modelPath, PNG, post, type Rig, TOKEN } from './harness.ts';
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

let rig: Rig;

beforeAll(async () => {
  rig = await startFastRig();
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
  expect(rig.models.paidCalls()).toEqual([]);
}

describe('who calls for an image', () => {
  it.each([
    ['generateContent', GEMINI_MODEL],
    ['predict', IMAGEN_MODEL],
  ])('%s on Vertex wants a token', async (method, model) => {
    const url = `${rig.models.url}/v1/${modelPath(model)}:${method}`;
    expectRefusal(await post(url, {}), 401, 'UNAUTHENTICATED', /missing required authentication/);
    expectRefusal(await post(`${url}?key=${KEY}`, {}), 401, 'UNAUTHENTICATED', /API keys are not supported/);
    const wrong = await post(url, {}, { authorization: 'Bearer wrong' });
    expectRefusal(wrong, 401, 'UNAUTHENTICATED', /invalid authentication/);
  });

  it('the Developer API wants a key', async () => {
    const url = `${rig.models.url}/v1beta/models/${GEMINI_MODEL}:generateContent`;
    const bearer = { authorization: `Bearer ${TOKEN}` };
    expectRefusal(await post(url, {}, bearer), 403, 'PERMISSION_DENIED', /unregistered callers/);
    const wrong = await post(url, {}, { 'x-goog-api-key': 'wrong' });
    expectRefusal(wrong, 400, 'INVALID_ARGUMENT', /API key not valid/);
  });
});

describe('which image model, where', () => {
  it.each([
    ['gemini-2.5-flash-image', /is no longer available/],
    ['gemini-3-pro-image-preview', /is no longer available/],
    ['gemini-9-image', /was not found or your project does not have access/],
    [IMAGEN_MODEL, /was not found/],
    ['veo-3.1-generate-001', /was not found/],
  ])('generateContent on Vertex does not know %s', async (model, message) => {
    expectRefusal(await vertexContent(rig, contentBody('x'), model), 404, 'NOT_FOUND', message);
  });

  it.each([
    ['imagen-3.0-generate-002', /is no longer available/],
    ['imagen-4.0-generate-preview-06-06', /is no longer available/],
    ['imagen-9', /was not found/],
    [GEMINI_MODEL, /was not found/],
  ])('predict on Vertex does not know %s', async (model, message) => {
    expectRefusal(await vertexPredict(rig, predictBody('x'), model), 404, 'NOT_FOUND', message);
  });

  it('the Developer API has no Imagen any more', async () => {
    for (const model of [IMAGEN_MODEL, 'imagen-3.0-generate-002']) {
      const answer = await developerPredict(rig, predictBody('x'), model);
      expectRefusal(answer, 404, 'NOT_FOUND', /^This model models\/imagen-\S+ is no longer available\.$/);
    }
  });

  it('the Developer API does not know other models', async () => {
    const gone = await developerContent(rig, contentBody('x'), 'gemini-2.5-flash-image');
    expectRefusal(
      gone,
      404,
      'NOT_FOUND',
      /^This model models\/gemini-2\.5-flash-image is no longer available\.$/,
    );
    const unknown = await developerContent(rig, contentBody('x'), 'gemini-9');
    expectRefusal(unknown, 404, 'NOT_FOUND', /not found for API version v1, .*supported for generateContent/);
  });

  it('Imagen is not at global, and nothing is elsewhere', async () => {
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
const picture = (bytes: Buffer, mimeType = 'image/png') => ({
  inlineData: { mimeType, data: bytes.toString('base64') },
});
const ask = (...parts: unknown[]) => ({ contents: [turn([{ text: 'x' }, ...parts])] });
const configured = (generationConfig: unknown) => ({ ...ask(), generationConfig });
const shaped = (imageConfig: unknown) => configured({ imageConfig });

describe('what generateContent is asked', () => {
  const both: [title: string, body: unknown, message: RegExp][] = [
    ['malformed JSON', '{', /Invalid JSON payload/],
    ['an unknown field', { ...ask(), prompt: 'x' }, /Unknown name "prompt": Cannot find field/],
    ['an unknown setting', configured({ foo: 1 }), /Unknown name "foo" at 'generation_config'/],
    ['an unknown image setting', shaped({ foo: 1 }), /"foo" at 'generation_config\.image_config'/],
    [
      'an unknown role',
      { contents: [turn([{ text: 'x' }], 'system')] },
      /Please use a valid role: user, model/,
    ],
    ['the model as last speaker', { contents: [turn([{ text: 'x' }], 'model')] }, /end with a user role/],
    ['text that is a number', { contents: [turn([{ text: 1 }])] }, /TYPE_STRING/],
    ['two kinds in one part', ask({ text: 'x', ...picture(PNG) }), /oneof field 'data' is already set/],
    [
      'an unknown modality',
      configured({ responseModalities: ['SMELL'] }),
      /response_modalities\[0\]'.*"SMELL"/,
    ],
    ['sound', configured({ responseModalities: ['AUDIO'] }), /combination of response modalities \(AUDIO\)/],
    ['words only', configured({ responseModalities: ['TEXT'] }), /\* IMAGE\n\* TEXT, IMAGE/],
    ['two candidates', configured({ candidateCount: 2 }), /Multiple candidates/],
    ['a seed below 0', configured({ seed: -1 }), /seed/],
    ['another shape', shaped({ aspectRatio: '5:3' }), /Unsupported aspect ratio "5:3"/],
    ['another size', shaped({ imageSize: '8K' }), /Unsupported image size "8K".*\[1K,512,2K,4K\]/],
    ['unknown people', shaped({ personGeneration: 'SOME' }), /person_generation/],
    ['a picture that is none', ask(picture(Buffer.from('GIF89a'))), /Unable to process input image/],
    ['a picture of another type', ask(picture(PNG, 'image/jpeg')), /is image\/png, but .* image\/jpeg/],
    ['a film', ask(picture(PNG, 'video/mp4')), /Unsupported MIME type: video\/mp4/],
    ['a picture without a type', ask({ inlineData: { data: 'AAAA' } }), /must have a mimeType/],
    ['a picture without bytes', ask({ inlineData: { mimeType: 'image/png' } }), /Base64 decoding failed/],
    ['fifteen pictures', ask(...Array.from({ length: 15 }, () => picture(PNG))), /up to 14 input images/],
    [
      'a directive that does not exist',
      { contents: [turn([{ text: '[simulate: rain] x' }])] },
      /Unknown simulation directive "rain"/,
    ],
  ];

  it.each(both)('is refused on both surfaces: %s', async (_, body, message) => {
    expectRefusal(await vertexContent(rig, body), 400, 'INVALID_ARGUMENT', message);
    expectRefusal(await developerContent(rig, body), 400, 'INVALID_ARGUMENT', message);
  });

  it('the surfaces word it differently when nothing is asked', async () => {
    const bodies = [{}, { contents: [turn([])] }, { contents: [turn([{ text: '' }])] }];
    const messages = [
      [/at least one contents field is required/, /contents is not specified/],
      [/at least one parts field/, /contents\.parts must not be empty/],
      [/has an empty text parameter/, /required oneof field 'data'/],
    ] as const;
    for (const [i, body] of bodies.entries()) {
      const [vertex = /$^/, developer = /$^/] = messages[i] ?? [];
      expectRefusal(await vertexContent(rig, body), 400, 'INVALID_ARGUMENT', vertex);
      expectRefusal(await developerContent(rig, body), 400, 'INVALID_ARGUMENT', developer);
    }
  });

  it('only Vertex wants a role, labels, its output options, and reads buckets', async () => {
    const roleless = { contents: [{ parts: [{ text: 'x' }] }] };
    expectRefusal(await vertexContent(rig, roleless), 400, 'INVALID_ARGUMENT', /valid role/);
    const stored = ask({ fileData: { fileUri: 'gs://inputs/a.png', mimeType: 'image/png' } });
    for (const [body, message] of [
      [{ ...ask(), labels: {} }, /Unknown name "labels"/],
      [shaped({ imageOutputOptions: {} }), /"imageOutputOptions"/],
      [stored, /unsupported file uri: gs:\/\/inputs\/a\.png/],
    ] as const) {
      expectRefusal(await developerContent(rig, body), 400, 'INVALID_ARGUMENT', message);
    }
    expectRefusal(await vertexContent(rig, stored), 400, 'INVALID_ARGUMENT', /was not found: gs:\/\/inputs/);
  });

  it('Vertex makes no JPEG here, takes 7 MB inline, and reads no web address', async () => {
    const jpeg = shaped({ imageOutputOptions: { mimeType: 'image/jpeg' } });
    expectRefusal(await vertexContent(rig, jpeg), 400, 'INVALID_ARGUMENT', /makes image\/png only/);
    const large = ask(picture(Buffer.concat([PNG, Buffer.alloc(7 * 1024 * 1024)])));
    expectRefusal(await vertexContent(rig, large), 400, 'INVALID_ARGUMENT', /larger than 7 MB/);
    const web = ask({ fileData: { fileUri: 'https://example.com/a.png', mimeType: 'image/png' } });
    expectRefusal(await vertexContent(rig, web), 400, 'INVALID_ARGUMENT', /unsupported file uri/);
  });

  it.each([
    ['gemini-3-pro-image', { imageSize: '512' }],
    ['gemini-3-pro-image', { aspectRatio: '1:8' }],
    ['gemini-3.1-flash-lite-image', { imageSize: '2K' }],
    ['gemini-nano-banana-2.1', { imageSize: '512' }],
  ])('%s has no %j', async (model, imageConfig) => {
    expectRefusal(
      await vertexContent(rig, shaped(imageConfig), model),
      400,
      'INVALID_ARGUMENT',
      /Unsupported/,
    );
  });
});

describe('what Imagen is asked', () => {
  const cases: [title: string, body: unknown, message: RegExp][] = [
    ['nothing', {}, /instances is required/],
    ['two things', { instances: [{ prompt: 'x' }, { prompt: 'y' }] }, /Only one instance/],
    ['no prompt', { instances: [{}] }, /Text prompt is required/],
    ['a blank prompt', predictBody(' '), /Text prompt is required/],
    ['an image to edit', { instances: [{ prompt: 'x', image: {} }] }, /Unknown name "image"/],
    ['an unknown parameter', predictBody('x', { foo: 1 }), /Unknown name "foo" at 'parameters'/],
    ['no pictures', predictBody('x', { sampleCount: 0 }), /0 is an invalid sampleCount/],
    ['five pictures', predictBody('x', { sampleCount: 5 }), /5 is an invalid sampleCount/],
    ['a shape of Gemini', predictBody('x', { aspectRatio: '21:9' }), /Unsupported aspect ratio "21:9"/],
    ['4K', predictBody('x', { sampleImageSize: '4K' }), /Unsupported sampleImageSize "4K"/],
    ['unknown people', predictBody('x', { personGeneration: 'disallow' }), /Unsupported personGeneration/],
    ['a seed under a watermark', predictBody('x', { seed: 1 }), /Seed is not supported when watermark/],
    ['what not to show', predictBody('x', { negativePrompt: 'rain' }), /negativePrompt is not supported/],
    ['a flag that is a word', predictBody('x', { includeRaiReason: 'yes' }), /TYPE_BOOL/],
    ['JPEG', predictBody('x', { outputOptions: { mimeType: 'image/jpeg' } }), /makes image\/png only/],
    ['no bucket', predictBody('x', { storageUri: '/tmp' }), /storageUri must be gs:/],
    ['wrong labels', { ...Object(predictBody('x')), labels: { Team: 'x' } }, /Invalid label "Team"/],
  ];

  it.each(cases)('is refused: %s', async (_, body, message) => {
    expectRefusal(await vertexPredict(rig, body), 400, 'INVALID_ARGUMENT', message);
  });

  it('the fast model has no 2K', async () => {
    const answer = await vertexPredict(
      rig,
      predictBody('x', { sampleImageSize: '2K' }),
      'imagen-4.0-fast-generate-001',
    );
    expectRefusal(answer, 400, 'INVALID_ARGUMENT', /Unsupported sampleImageSize/);
  });

  it('the Developer API writes to no bucket', async () => {
    const alive = await startFastRig({ developerApiImagen: 'alive' });
    const answer = await developerPredict(alive, predictBody('x', { storageUri: 'gs://out' }));
    await alive.stop();
    expectRefusal(answer, 400, 'INVALID_ARGUMENT', /`storageUri` isn't supported by this model/);
  });
});

describe('any body', () => {
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

  it(`is answered 200 and paid, or 4xx and not paid (SEED=${seed})`, async () => {
    const own = await startFastRig();
    const check = async (ask: () => Promise<Answer>): Promise<void> => {
      const before = own.models.paidCalls().length;
      const { status } = await ask();
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
