/** The simulated image models through the unmodified SDK: generation, editing, buckets, latency and the ledger. */
import { createHash } from 'node:crypto';
import { type GenerateContentResponse, PersonGeneration } from '@google/genai';
import { describe, expect, it, vi } from 'vitest';
import { drawImageLatencyMs } from '../../../infra/models/image/image-call.ts';
import { findGeminiImageModel, findImagenModel } from '../../../infra/models/image/image-catalogue.ts';
import { seededRandom } from '../../../infra/models/random.ts';
import {
  developerClient,
  get,
  objectAt,
  type Rig,
  sdkClient,
  startRig,
  submitVertex,
  textBody,
  VERTEX_MODEL,
} from './harness.ts';
import {
  contentBody,
  type DecodedPng,
  decodePng,
  developerContent,
  developerPredict,
  GEMINI_MODEL,
  IMAGEN_MODEL,
  imageOf,
  predictBody,
  startFastRig,
  vertexContent,
  vertexPredict,
} from './image-harness.ts';
import { newStateDir } from './persistence-harness.ts';
import { useRig } from './use-rig.ts';

const rig = useRig(startFastRig);

const bytesOf = (response: GenerateContentResponse): Buffer =>
  Buffer.from(response.candidates?.[0]?.content?.parts?.at(-1)?.inlineData?.data ?? '', 'base64');

const PROMPT = 'a calico kitten sleeping in the sunshine';

describe('Gemini through the unmodified SDK', () => {
  const config = {
    responseModalities: ['IMAGE'],
    imageConfig: { aspectRatio: '16:9', imageSize: '2K' },
  };

  it('generates the same PNG on Vertex and on the Developer API', async () => {
    const request = { model: GEMINI_MODEL, contents: PROMPT, config };
    const vertex = await sdkClient(rig.models.url).models.generateContent(request);
    expect(vertex).toMatchObject({
      candidates: [
        {
          content: { role: 'model', parts: [{ inlineData: { mimeType: 'image/png' } }] },
          finishReason: 'STOP',
        },
      ],
      modelVersion: GEMINI_MODEL,
      usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 1680, totalTokenCount: 1690 },
      responseId: expect.stringMatching(/./),
    });
    expect(vertex.data).toBe(bytesOf(vertex).toString('base64'));
    expect(decodePng(bytesOf(vertex))).toMatchObject({
      width: 960,
      height: 540,
      texts: { Source: GEMINI_MODEL },
    });
    const developer = await developerClient(rig.models.url).models.generateContent(request);
    expect(bytesOf(developer).equals(bytesOf(vertex))).toBe(true);
  });

  it('is also served at location global', async () => {
    const client = sdkClient(rig.models.url, 'global');
    const response = await client.models.generateContent({ model: GEMINI_MODEL, contents: PROMPT, config });
    expect(decodePng(bytesOf(response)).width).toBe(960);
  });

  it('returns text before the image unless the request lists IMAGE only', async () => {
    const response = await developerClient(rig.models.url).models.generateContent({
      model: 'gemini-nano-banana-2.1',
      contents: PROMPT,
    });
    expect(response.candidates?.[0]?.content?.parts?.[0]?.text).toContain(PROMPT);
    expect(decodePng(bytesOf(response))).toMatchObject({ width: 640, height: 640 });
  });

  it('uses the images of earlier turns in a chat', async () => {
    const chat = sdkClient(rig.models.url).chats.create({ model: GEMINI_MODEL, config });
    const first = bytesOf(await chat.sendMessage({ message: PROMPT }));
    const second = bytesOf(await chat.sendMessage({ message: 'now at night' }));
    expect(showsIdenticonOf(decodePng(second), first)).toBe(true);
    expect(showsIdenticonOf(decodePng(first), first)).toBe(false);
    expect(rig.models.paidCalls().map((call) => call.prompt)).toEqual([PROMPT, 'now at night']);
  });
});

/** Whether more than 200 pixels have the identicon colour of these bytes. */
function showsIdenticonOf(picture: DecodedPng, input: Buffer): boolean {
  const hue = ((createHash('sha256').update(input).digest()[0] ?? 0) / 256) * 360;
  const level = (shift: number): number => {
    const k = (shift + hue / 30) % 12;
    return 255 * (0.6 - 0.28 * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  const wanted = [level(0), level(8), level(4)];
  let found = 0;
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++) {
      if (picture.pixel(x, y).every((value, i) => Math.abs(value - (wanted[i] ?? 0)) <= 3)) found++;
    }
  }
  return found > 200;
}

describe('editing', () => {
  const inlineData = (bytes: Buffer, mimeType = 'image/png') => ({
    inlineData: { mimeType, data: bytes.toString('base64') },
  });
  const edit = (part: unknown): unknown => ({
    contents: [{ role: 'user', parts: [{ text: 'make it night' }, part] }],
    generationConfig: { responseModalities: ['IMAGE'] },
  });

  it('shows the identicon of the input image, and keeps its aspect ratio', async () => {
    const input = imageOf(await vertexContent(rig, contentBody(PROMPT, { aspectRatio: '9:16' })));
    const response = await sdkClient(rig.models.url).models.generateContent({
      model: GEMINI_MODEL,
      contents: [{ text: 'make it night' }, inlineData(input)],
    });
    const edited = decodePng(bytesOf(response));
    expect(edited).toMatchObject({ width: 360, height: 640 });
    expect(showsIdenticonOf(edited, input)).toBe(true);
    expect(response.usageMetadata?.promptTokensDetails).toContainEqual({
      modality: 'IMAGE',
      tokenCount: 560,
    });
  });

  it('gives an equal image when the input comes from a bucket', async () => {
    const input = imageOf(await vertexContent(rig, contentBody(PROMPT)));
    rig.bucket.objects.set('inputs/a.png', input);
    const fileData = { fileUri: 'gs://inputs/a.png', mimeType: 'image/png' };
    const [inline, stored] = [
      await vertexContent(rig, edit(inlineData(input))),
      await vertexContent(rig, edit({ fileData })),
    ];
    expect(imageOf(stored).equals(imageOf(inline))).toBe(true);
  });

  it('gives different images for different inputs and for no input', async () => {
    const answers = [
      await vertexContent(rig, edit(inlineData(Buffer.from('ffd8ffe000', 'hex'), 'image/jpeg'))),
      await vertexContent(rig, edit(inlineData(Buffer.from('ffd8ffe001', 'hex'), 'image/jpeg'))),
      await vertexContent(rig, contentBody('make it night')),
    ];
    expect(new Set(answers.map((answer) => imageOf(answer).toString('hex'))).size).toBe(3);
  });

  it('Veo accepts a generated image as first frame', async () => {
    const answer = await vertexContent(rig, contentBody(PROMPT, { aspectRatio: '16:9' }));
    const operation = await sdkClient(rig.models.url).models.generateVideos({
      model: VERTEX_MODEL,
      source: {
        prompt: PROMPT,
        image: { imageBytes: imageOf(answer).toString('base64'), mimeType: 'image/png' },
      },
      config: { durationSeconds: 4 },
    });
    expect(operation.name).toContain('/operations/');
    expect(rig.models.paidCalls().map((call) => call.kind)).toEqual(['image', 'video']);
  });

  it('accepts field names in snake case, as all of Google’s JSON APIs do', async () => {
    const body = {
      contents: [{ parts: [{ text: 'x' }, { inline_data: { mime_type: 'image/jpeg', data: '/9j/4AA=' } }] }],
      generation_config: { response_modalities: ['Image'], image_config: { aspect_ratio: '3:2' } },
    };
    expect(decodePng(imageOf(await developerContent(rig, body)))).toMatchObject({
      width: 640,
      height: 427,
    });
  });
});

describe('Imagen through the unmodified SDK', () => {
  const silenceWarnings = () => vi.spyOn(console, 'warn').mockImplementation(() => undefined);

  it('generates several different images', async () => {
    const warn = silenceWarnings();
    const response = await sdkClient(rig.models.url).models.generateImages({
      model: IMAGEN_MODEL,
      prompt: PROMPT,
      config: { numberOfImages: 2, aspectRatio: '4:3', personGeneration: PersonGeneration.ALLOW_ADULT },
    });
    warn.mockRestore();
    const images = (response.generatedImages ?? []).map(({ image }) =>
      Buffer.from(image?.imageBytes ?? '', 'base64'),
    );
    expect(images.map((image) => decodePng(image))).toMatchObject([
      { width: 640, height: 480 },
      { width: 640, height: 480 },
    ]);
    expect(images[0]?.equals(images[1] ?? Buffer.alloc(0))).toBe(false);
    expect(response.generatedImages?.[0]).toMatchObject({
      image: { mimeType: 'image/png' },
      enhancedPrompt: PROMPT,
    });
  });

  it('accepts every parameter the SDK can send, and writes to the bucket', async () => {
    const warn = silenceWarnings();
    const response = await sdkClient(rig.models.url).models.generateImages({
      model: 'imagen-4.0-ultra-generate-001',
      prompt: PROMPT,
      config: {
        numberOfImages: 2,
        outputGcsUri: 'gs://out/img/',
        aspectRatio: '9:16',
        imageSize: '2K',
        seed: 7,
        addWatermark: false,
        guidanceScale: 3,
        includeRaiReason: true,
        includeSafetyAttributes: true,
        enhancePrompt: false,
        outputMimeType: 'image/png',
        labels: { team: 'x' },
        // biome-ignore lint/suspicious/noExplicitAny: the SDK's enums, as it sends them
        ...({ safetyFilterLevel: 'BLOCK_ONLY_HIGH', language: 'en' } as any),
      },
    });
    warn.mockRestore();
    const uris = (response.generatedImages ?? []).map(({ image }) => image?.gcsUri ?? '');
    expect(uris).toEqual([
      expect.stringMatching(/^gs:\/\/out\/img\/\d+\/sample_0\.png$/),
      expect.stringMatching(/^gs:\/\/out\/img\/\d+\/sample_1\.png$/),
    ]);
    for (const uri of uris) {
      expect(decodePng(objectAt(rig.bucket, uri))).toMatchObject({ width: 540, height: 960 });
    }
    expect(response.positivePromptSafetyAttributes?.categories).toContain('Violence');
    expect(response.generatedImages?.[0]?.enhancedPrompt).toBeUndefined();
  });

  it('generates four images by default', async () => {
    const { json } = await vertexPredict(rig, { instances: [{ prompt: 'x' }] });
    expect(json.predictions).toHaveLength(4);
  });

  it('is served by the Developer API with the option imagen alive', async () => {
    const alive = await startFastRig({ imagen: 'alive' });
    const answer = await developerPredict(alive, predictBody('x'));
    await alive.stop();
    expect(decodePng(Buffer.from(answer.json.predictions[0].bytesBase64Encoded, 'base64')).width).toBe(640);
  });
});

describe('an image', () => {
  const flash = findGeminiImageModel(GEMINI_MODEL);
  const { aspectRatios, sizes } = flash.kind === 'live' ? flash.model : { aspectRatios: [], sizes: [] };
  const shapes = [
    ...aspectRatios.map((ratio) => [ratio, '1K'] as const),
    ...sizes.map((size) => ['16:9', size] as const),
  ];

  it.each(shapes)(
    'of %s and %s has that aspect ratio, and at least 640 pixels on its longer side',
    async (ratio, size) => {
      const answer = await vertexContent(rig, contentBody('x', { aspectRatio: ratio, imageSize: size }));
      const { width, height } = decodePng(imageOf(answer));
      const [across = 0, down = 0] = ratio.split(':').map(Number);
      expect(Math.abs(width / height / (across / down) - 1)).toBeLessThan(0.01);
      expect(Math.max(width, height)).toBe({ '512': 640, '1K': 640, '2K': 960, '4K': 1280 }[size]);
    },
  );

  it('is equal for an equal request on another server, and differs for another seed', async () => {
    const other = await startFastRig({ seed: 5 });
    const generate = (to: Rig, seed: number) =>
      vertexContent(to, {
        contents: [{ role: 'user', parts: [{ text: PROMPT }] }],
        generationConfig: { responseModalities: ['IMAGE'], seed },
      });
    const [a, b, c] = [await generate(rig, 0), await generate(other, 0), await generate(rig, 1)];
    await other.stop();
    expect(imageOf(a).equals(imageOf(b))).toBe(true);
    expect(imageOf(a).equals(imageOf(c))).toBe(false);
  });

  it('accepts long prompts, and any Unicode text', async () => {
    for (const prompt of ['漢字 🎬 ﷽', 'x'.repeat(5_000), 'word '.repeat(3_000), ']]> \u0000']) {
      expect(
        decodePng(imageOf(await vertexContent(rig, contentBody(prompt, { aspectRatio: '1:8' })))).width,
      ).toBe(80);
    }
  });
});

describe('the latency of an image', () => {
  it('is between 3 s and 15 s, and longer for larger models', () => {
    const random = seededRandom(1);
    const mean = (id: string): number => {
      const gemini = findGeminiImageModel(id);
      const found = gemini.kind === 'live' ? gemini : findImagenModel(id, true);
      if (found.kind !== 'live') throw new Error(id);
      const drawn = Array.from({ length: 500 }, () => drawImageLatencyMs(found.model, random));
      expect(Math.min(...drawn)).toBeGreaterThanOrEqual(3_000);
      expect(Math.max(...drawn)).toBeLessThanOrEqual(15_000);
      return drawn.reduce((sum, ms) => sum + ms, 0) / drawn.length;
    };
    expect(mean('gemini-3-pro-image')).toBeGreaterThan(mean('gemini-3.1-flash-lite-image'));
    expect(mean('imagen-4.0-ultra-generate-001')).toBeGreaterThan(mean('imagen-4.0-fast-generate-001'));
  });

  it('elapses on the injected clock, divided by the speed-up', async () => {
    const slow = await startRig({ speedUp: 10 });
    const accepted = slow.nextPaidCall();
    const answer = vertexContent(slow, contentBody('x'));
    expect(await accepted).toMatchObject({ kind: 'image', state: 'running' });
    slow.clock.nowMs += 299;
    await slow.models.settled();
    expect(slow.models.paidCalls()).toMatchObject([{ state: 'running' }]);
    slow.clock.nowMs += 1_201;
    await slow.models.settled();
    expect(decodePng(imageOf(await answer)).width).toBe(640);
    expect(slow.models.paidCalls()).toMatchObject([{ state: 'succeeded' }]);
    await slow.stop();
  });

  it('does not delay the stop of the server', async () => {
    const slow = await startRig();
    const accepted = slow.nextPaidCall();
    const answer = vertexContent(slow, contentBody('x')).catch((error: unknown) => error);
    await accepted;
    await slow.stop();
    expect(await answer).toBeInstanceOf(Error);
    expect(slow.bugs).toEqual([]);
  });
});

describe('the ledger of images', () => {
  it('lists each call once, with the videos, in order of time', async () => {
    let nowMs = Date.parse('2026-11-21T08:00:00Z');
    const ticking = await startRig({ imagen: 'alive', speedUp: 1e9, now: () => nowMs++ });
    await submitVertex(ticking, textBody('one'));
    await vertexPredict(ticking, predictBody('two', { sampleCount: 3, storageUri: 'gs://out/img' }));
    await developerContent(ticking, contentBody('three'));
    await vertexContent(ticking, contentBody('rejected', { imageSize: '9K' }));
    const calls = ticking.models.paidCalls();
    expect(calls).toMatchObject([
      { kind: 'video', prompt: 'one' },
      {
        kind: 'image',
        surface: 'vertex',
        model: IMAGEN_MODEL,
        project: 'my-proj',
        prompt: 'two',
        storageUri: 'gs://out/img',
        operationName: expect.stringMatching(/./),
        sampleCount: 3,
        durationSeconds: 0,
        resolution: '1K',
        state: 'succeeded',
      },
      {
        kind: 'image',
        surface: 'developer',
        model: GEMINI_MODEL,
        project: expect.stringMatching(/^key-/),
        prompt: 'three',
        storageUri: null,
        sampleCount: 1,
        state: 'succeeded',
      },
    ]);
    const { json } = await get(`${ticking.models.url}/_control/paid-calls`);
    expect(json.paidCalls.slice(1)).toEqual(calls.slice(1));
    await ticking.stop();
    expect(ticking.bugs).toEqual([]);
  });

  it('survives a crash; a call that was in progress is lost', async () => {
    const stateDir = newStateDir();
    const first = await startRig({ stateDir });
    const done = vertexContent(first, contentBody('done'));
    await first.nextPaidCall();
    await first.finish();
    await done;
    const interrupted = vertexContent(first, contentBody('in progress')).catch((error: unknown) => error);
    await first.nextPaidCall();
    const second = await startRig({ stateDir });
    expect(second.models.paidCalls()).toMatchObject([
      { prompt: 'done', state: 'succeeded' },
      { prompt: 'in progress', state: 'lost' },
    ]);
    await first.stop();
    await interrupted;
    await second.stop();
  });
});
