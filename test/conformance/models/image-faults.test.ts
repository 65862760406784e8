/** What goes wrong with calls for images, by rule and in the prompt: what the client sees, and whether it was paid. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultRule } from '../../../infra/models/server.ts';
import { post, type Rig, sdkClient, submitVertex, textBody } from './harness.ts';
import {
  contentBody,
  decodePng,
  developerContent,
  GEMINI_MODEL,
  IMAGEN_MODEL,
  pictureOf,
  predictBody,
  startFastRig,
  vertexContent,
  vertexPredict,
} from './image-harness.ts';

let rig: Rig;

beforeEach(async () => {
  rig = await startFastRig();
});

afterEach(async () => {
  await rig.stop();
  expect(rig.bugs).toEqual([]);
});

const states = (): string[] => rig.models.paidCalls().map((call) => call.state);

const scriptImage = (fault: FaultRule['fault']): void =>
  rig.models.script({ match: { call: 'image' }, fault });

describe('a call for an image', () => {
  const errors: [fault: FaultRule['fault'], status: number, name: string, states: string[]][] = [
    [{ kind: 'http', status: 429, retryAfterSeconds: 7 }, 429, 'RESOURCE_EXHAUSTED', []],
    [{ kind: 'http', status: 403, message: 'no' }, 403, 'PERMISSION_DENIED', []],
    [{ kind: 'http', status: 503 }, 503, 'UNAVAILABLE', []],
    [{ kind: 'http', status: 500, when: 'after-accept' }, 500, 'INTERNAL', ['succeeded']],
  ];

  it.each(errors)('is answered %j, and the next one is not', async (fault, status, name, paid) => {
    for (const call of [
      () => vertexContent(rig, contentBody('x')),
      () => vertexPredict(rig, predictBody('x')),
    ]) {
      const before = states().length;
      scriptImage(fault);
      const answer = await call();
      expect(answer.json.error).toMatchObject({ code: status, status: name });
      expect(answer.status).toBe(status);
      expect(answer.headers.get('retry-after')).toBe(status === 429 ? '7' : null);
      expect(states().slice(before)).toEqual(paid);
      expect((await call()).status).toBe(200);
    }
  });

  it('names its own metric when the quota is used up', async () => {
    scriptImage({ kind: 'http', status: 429 });
    expect((await vertexContent(rig, contentBody('x'))).json.error.message).toContain(
      'generate_content_requests_per_minute_per_project_per_base_model with base model: gemini-3.1-flash-image',
    );
    scriptImage({ kind: 'http', status: 429 });
    expect((await vertexPredict(rig, predictBody('x'))).json.error.message).toContain(
      '/online_prediction_requests_per_base_model with base model: imagen-4.0-generate-001',
    );
  });

  it.each([
    ['before-accept', []],
    ['after-accept', ['succeeded']],
  ] as const)('is reset %s', async (when, paid) => {
    scriptImage({ kind: 'reset', when });
    const error = await developerContent(rig, contentBody('x')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: 'fetch failed', cause: { code: 'ECONNRESET' } });
    expect(states()).toEqual(paid);
  });

  it('breaks off in the middle of the picture, which was made', async () => {
    scriptImage({ kind: 'torn' });
    const error = await vertexContent(rig, contentBody('x')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: 'terminated' });
    expect(states()).toEqual(['succeeded']);
  });

  it('is answered with something that is not JSON, or with an empty object', async () => {
    const client = sdkClient(rig.models.url);
    const ask = () => client.models.generateContent({ model: GEMINI_MODEL, contents: 'x' });
    scriptImage({ kind: 'not-json' });
    await expect(ask()).rejects.toThrow(SyntaxError);
    scriptImage({ kind: 'no-name' });
    expect((await ask()).candidates).toBeUndefined();
    expect(states()).toEqual(['succeeded', 'succeeded']);
  });

  it('never hears a reply, though the picture was made', async () => {
    scriptImage({ kind: 'hang', when: 'after-accept' });
    const accepted = rig.nextPaidCall();
    const reply = vertexContent(rig, contentBody('x')).catch((thrown: unknown) => thrown);
    expect(await accepted).toMatchObject({ kind: 'image', prompt: 'x' });
    await rig.models.stop();
    expect(await reply).toMatchObject({ message: 'fetch failed' });
    rig = await startFastRig();
  });

  it('meets no fault meant for videos, and leaves its own to itself', async () => {
    rig.models.script({ fault: { kind: 'http', status: 500 } });
    expect((await vertexContent(rig, contentBody('x'))).status).toBe(200);
    scriptImage({ kind: 'http', status: 503 });
    expect((await submitVertex(rig, textBody('x'))).status).toBe(500);
    expect((await submitVertex(rig, textBody('x'))).status).toBe(200);
    expect((await vertexContent(rig, contentBody('x'))).status).toBe(503);
  });

  it('that would have been refused uses up no fault', async () => {
    scriptImage({ kind: 'http', status: 503 });
    expect((await vertexContent(rig, contentBody('x', { imageSize: '8K' }))).status).toBe(400);
    expect((await vertexContent(rig, contentBody('x'))).status).toBe(503);
  });

  it('counts against a limit of its own per minute, project and model', async () => {
    const limited = await startFastRig({ requestsPerMinute: 1 });
    const calls = [
      await vertexContent(limited, contentBody('x')),
      await vertexContent(limited, contentBody('x')),
      await vertexContent(limited, contentBody('x'), 'gemini-3-pro-image'),
      await vertexPredict(limited, predictBody('x')),
    ];
    await limited.stop();
    expect(calls.map((call) => call.status)).toEqual([200, 429, 200, 200]);
    expect(calls[1]?.json.error).toMatchObject({ code: 429, status: 'RESOURCE_EXHAUSTED' });
  });
});

describe('the safety filter', () => {
  it('of Gemini ends without parts and says why', async () => {
    scriptImage({ kind: 'safety-filter', category: 'violence' });
    const { json, status } = await vertexContent(rig, contentBody('x'));
    expect(status).toBe(200);
    expect(json.candidates).toEqual([
      {
        content: { role: 'model' },
        finishReason: 'IMAGE_SAFETY',
        finishMessage: expect.stringMatching(/Support code: 61493863\.$/),
        index: 0,
      },
    ]);
    expect(json.usageMetadata.candidatesTokenCount).toBeUndefined();
    expect(states()).toEqual(['filtered']);
  });

  it('of Gemini refuses a prompt without a candidate', async () => {
    rig.models.script({ fault: { kind: 'prompt-blocked' } });
    const response = await sdkClient(rig.models.url).models.generateContent({
      model: GEMINI_MODEL,
      contents: 'x',
    });
    expect(response.candidates).toBeUndefined();
    expect(response.promptFeedback).toMatchObject({
      blockReason: 'PROHIBITED_CONTENT',
      blockReasonMessage: expect.stringMatching(/Support codes: 89371032$/),
    });
    expect(states()).toEqual(['filtered']);
  });

  it('of Imagen holds some pictures back, with reasons if they are asked for', async () => {
    const parameters = { sampleCount: 3, includeRaiReason: true };
    scriptImage({ kind: 'safety-filter', filtered: 1 });
    const { json } = await vertexPredict(rig, predictBody('x', parameters));
    expect(json.predictions).toEqual([
      {
        raiFilteredReason: expect.stringMatching(/filtered out 1 generated images.*Support codes: 42237218$/),
      },
      expect.objectContaining({ bytesBase64Encoded: expect.any(String) }),
      expect.objectContaining({ bytesBase64Encoded: expect.any(String) }),
    ]);
    scriptImage({ kind: 'safety-filter', filtered: 1 });
    const silent = await vertexPredict(rig, predictBody('x', { sampleCount: 3 }));
    expect(silent.json.predictions).toEqual(json.predictions.slice(1));
    expect(states()).toEqual(['succeeded', 'succeeded']);
  });

  it('of Imagen holds all back: reasons, or an empty answer', async () => {
    scriptImage({ kind: 'safety-filter' });
    const told = await vertexPredict(rig, predictBody('x', { sampleCount: 2, includeRaiReason: true }));
    expect(told.json.predictions).toHaveLength(2);
    expect(told.json.predictions[0].raiFilteredReason).toMatch(/^Unable to show generated images/);
    scriptImage({ kind: 'safety-filter' });
    expect((await vertexPredict(rig, predictBody('x', { sampleCount: 2 }))).json).toEqual({});
    expect(states()).toEqual(['filtered', 'filtered']);
  });

  it('of Imagen refuses a prompt with 400, and nothing is paid', async () => {
    scriptImage({ kind: 'prompt-blocked', category: 'child' });
    const { json, status } = await vertexPredict(rig, predictBody('x'));
    expect(status).toBe(400);
    expect(json.error.message).toMatch(/^Image generation failed .* Support codes: 58061214$/);
    expect(states()).toEqual([]);
  });
});

describe('an answer without a picture', () => {
  it('of Gemini may be words only', async () => {
    rig.models.script({ fault: { kind: 'text-only' } });
    const { json } = await vertexContent(rig, contentBody('x'));
    expect(json.candidates).toEqual([
      {
        content: { role: 'model', parts: [{ text: expect.stringContaining('no picture') }] },
        finishReason: 'STOP',
        index: 0,
      },
    ]);
    expect(states()).toEqual(['empty']);
  });

  it('may be empty', async () => {
    scriptImage({ kind: 'empty' });
    expect((await vertexContent(rig, contentBody('x'))).json.candidates).toEqual([
      { content: { role: 'model' }, finishReason: 'NO_IMAGE', index: 0 },
    ]);
    scriptImage({ kind: 'empty' });
    expect((await vertexPredict(rig, predictBody('x'))).json).toEqual({});
    expect(states()).toEqual(['empty', 'empty']);
  });
});

describe('the bucket', () => {
  const predict = (bucket: string) =>
    vertexPredict(rig, predictBody('x', { storageUri: `gs://${bucket}/img` }));

  it('that does not exist, refuses or is away makes the call fail', async () => {
    expect((await predict('missing-bucket')).json.error).toMatchObject({ code: 404, status: 'NOT_FOUND' });
    rig.bucket.failWith = 403;
    expect((await predict('out')).json.error).toMatchObject({ code: 403, status: 'PERMISSION_DENIED' });
    rig.bucket.failWith = 503;
    expect((await predict('out')).json.error).toMatchObject({ code: 503, status: 'UNAVAILABLE' });
    rig.bucket.failWith = undefined;
    expect((await predict('out')).status).toBe(200);
    expect(states()).toEqual(['failed', 'failed', 'failed', 'succeeded']);
  });
});

describe('directives in the prompt', () => {
  it.each([
    ['429', 429, []],
    ['500', 500, []],
    ['503-after-accept', 503, ['succeeded']],
    ['error=14', 503, ['failed']],
    ['safety-filter', 200, ['filtered']],
    ['prompt-blocked', 200, ['filtered']],
    ['text-only', 200, ['empty']],
    ['empty', 200, ['empty']],
    ['slow=10', 200, ['succeeded']],
    ['poll-404', 200, ['succeeded']],
    ['lost', 200, ['succeeded']],
  ])('%s: %i', async (name, status, paid) => {
    expect((await vertexContent(rig, contentBody(`[simulate: ${name}] x`))).status).toBe(status);
    expect(states()).toEqual(paid);
  });

  it('are not drawn, and not used up by the video of the same prompt', async () => {
    const directed = '[simulate: 429] a cat';
    expect((await submitVertex(rig, textBody(directed))).status).toBe(429);
    expect((await vertexContent(rig, contentBody(directed))).status).toBe(429);
    const [a, b] = [
      await vertexContent(rig, contentBody(directed)),
      await vertexContent(rig, contentBody('a cat')),
    ];
    expect(pictureOf(a).equals(pictureOf(b))).toBe(true);
    expect(decodePng(pictureOf(a)).width).toBe(640);
  });

  it('of images do nothing to a video', async () => {
    expect((await submitVertex(rig, textBody('[simulate: text-only] x'))).status).toBe(200);
  });
});

describe('rules over HTTP', () => {
  const script = (rule: unknown) => post(`${rig.models.url}/_control/faults`, rule);

  it('may name images', async () => {
    const rule = { match: { call: 'image', model: IMAGEN_MODEL }, fault: { kind: 'empty' } };
    expect((await script(rule)).status).toBe(200);
    expect((await vertexContent(rig, contentBody('x'))).json.candidates[0].finishReason).toBe('STOP');
    expect((await vertexPredict(rig, predictBody('x'))).json).toEqual({});
  });

  it.each([
    { match: { call: 'image' }, fault: { kind: 'lost' } },
    { match: { call: 'image' }, fault: { kind: 'legacy-shape' } },
    { match: { call: 'image' }, fault: { kind: 'operation-error', code: 13 } },
    { match: { call: 'submit' }, fault: { kind: 'text-only' } },
    { match: { call: 'poll' }, fault: { kind: 'prompt-blocked' } },
  ])('are refused when they cannot happen: %j', async (rule) => {
    const answer = await script(rule);
    expect(answer.status).toBe(400);
    expect(answer.json.error.message).toContain('cannot happen');
  });
});
