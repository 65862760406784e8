/** Faults of image calls, from a rule or a prompt directive: the reply, and whether the call is paid. */
import { describe, expect, it } from 'vitest';
import type { FaultRule } from '../../../infra/models/server.ts';
import { post, sdkClient, submitVertex, textBody } from './harness.ts';
import {
  contentBody,
  decodePng,
  developerContent,
  GEMINI_MODEL,
  IMAGEN_MODEL,
  imageOf,
  predictBody,
  startFastRig,
  vertexContent,
  vertexPredict,
} from './image-harness.ts';
import { useRig } from './use-rig.ts';

const rig = useRig(startFastRig);

const states = (): string[] => rig.models.paidCalls().map((call) => call.state);

const scriptImage = (fault: FaultRule['fault']): void =>
  rig.models.script({ match: { call: 'image' }, fault });

describe('an image call', () => {
  const errors: [fault: FaultRule['fault'], status: number, name: string, states: string[]][] = [
    [{ kind: 'http', status: 429, retryAfterSeconds: 7 }, 429, 'RESOURCE_EXHAUSTED', []],
    [{ kind: 'http', status: 403, message: 'no' }, 403, 'PERMISSION_DENIED', []],
    [{ kind: 'http', status: 503 }, 503, 'UNAVAILABLE', []],
    [{ kind: 'http', status: 500, when: 'after-accept' }, 500, 'INTERNAL', ['succeeded']],
  ];

  it.each(errors)('receives the error %j once', async (fault, status, name, paid) => {
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

  it('over quota receives a 429 that names the metric of its method', async () => {
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
  ] as const)('can be reset %s', async (when, paid) => {
    scriptImage({ kind: 'reset', when });
    const error = await developerContent(rig, contentBody('x')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: 'fetch failed', cause: { code: 'ECONNRESET' } });
    expect(states()).toEqual(paid);
  });

  it('is paid when its reply is truncated', async () => {
    scriptImage({ kind: 'torn' });
    const error = await vertexContent(rig, contentBody('x')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: 'terminated' });
    expect(states()).toEqual(['succeeded']);
  });

  it('is paid when its reply is not JSON or is an empty object', async () => {
    const client = sdkClient(rig.models.url);
    const generate = () => client.models.generateContent({ model: GEMINI_MODEL, contents: 'x' });
    scriptImage({ kind: 'not-json' });
    await expect(generate()).rejects.toThrow(SyntaxError);
    scriptImage({ kind: 'no-name' });
    expect((await generate()).candidates).toBeUndefined();
    expect(states()).toEqual(['succeeded', 'succeeded']);
  });

  it('can hang after acceptance: no reply, but the call is paid', async () => {
    const stopped = await startFastRig();
    stopped.models.script({ match: { call: 'image' }, fault: { kind: 'hang', when: 'after-accept' } });
    const accepted = stopped.nextPaidCall();
    const reply = vertexContent(stopped, contentBody('x')).catch((thrown: unknown) => thrown);
    expect(await accepted).toMatchObject({ kind: 'image', prompt: 'x' });
    await stopped.stop();
    expect(await reply).toMatchObject({ message: 'fetch failed' });
  });

  it('is not affected by video faults, and image faults do not affect videos', async () => {
    rig.models.script({ fault: { kind: 'http', status: 500 } });
    expect((await vertexContent(rig, contentBody('x'))).status).toBe(200);
    scriptImage({ kind: 'http', status: 503 });
    expect((await submitVertex(rig, textBody('x'))).status).toBe(500);
    expect((await submitVertex(rig, textBody('x'))).status).toBe(200);
    expect((await vertexContent(rig, contentBody('x'))).status).toBe(503);
  });

  it('that is invalid uses up no fault', async () => {
    scriptImage({ kind: 'http', status: 503 });
    expect((await vertexContent(rig, contentBody('x', { imageSize: '8K' }))).status).toBe(400);
    expect((await vertexContent(rig, contentBody('x'))).status).toBe(503);
  });

  it('counts against a quota per minute, project and model', async () => {
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
  it('of Gemini returns a candidate without parts, with the reason', async () => {
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

  it('of Gemini blocks a prompt: no candidate, and a block reason', async () => {
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

  it('of Imagen removes some images, and includes reasons on request', async () => {
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
    const withoutReasons = await vertexPredict(rig, predictBody('x', { sampleCount: 3 }));
    expect(withoutReasons.json.predictions).toEqual(json.predictions.slice(1));
    expect(states()).toEqual(['succeeded', 'succeeded']);
  });

  it('of Imagen removes all images: the reply has reasons on request, otherwise it is empty', async () => {
    scriptImage({ kind: 'safety-filter' });
    const withReasons = await vertexPredict(
      rig,
      predictBody('x', { sampleCount: 2, includeRaiReason: true }),
    );
    expect(withReasons.json.predictions).toHaveLength(2);
    expect(withReasons.json.predictions[0].raiFilteredReason).toMatch(/^Unable to show generated images/);
    scriptImage({ kind: 'safety-filter' });
    expect((await vertexPredict(rig, predictBody('x', { sampleCount: 2 }))).json).toEqual({});
    expect(states()).toEqual(['filtered', 'filtered']);
  });

  it('of Imagen rejects a blocked prompt with 400, and the call is not paid', async () => {
    scriptImage({ kind: 'prompt-blocked', category: 'child' });
    const { json, status } = await vertexPredict(rig, predictBody('x'));
    expect(status).toBe(400);
    expect(json.error.message).toMatch(/^Image generation failed .* Support codes: 58061214$/);
    expect(states()).toEqual([]);
  });
});

describe('a reply without an image', () => {
  it('of Gemini can be text only', async () => {
    rig.models.script({ fault: { kind: 'text-only' } });
    const { json } = await vertexContent(rig, contentBody('x'));
    expect(json.candidates).toEqual([
      {
        content: { role: 'model', parts: [{ text: expect.stringContaining('without an image') }] },
        finishReason: 'STOP',
        index: 0,
      },
    ]);
    expect(states()).toEqual(['empty']);
  });

  it('can be empty', async () => {
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

  it('makes the call fail when it does not exist, denies access or is unavailable', async () => {
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

  it('do not change the image, and a video with the same prompt does not use them up', async () => {
    const prompt = '[simulate: 429] a cat';
    expect((await submitVertex(rig, textBody(prompt))).status).toBe(429);
    expect((await vertexContent(rig, contentBody(prompt))).status).toBe(429);
    const [a, b] = [
      await vertexContent(rig, contentBody(prompt)),
      await vertexContent(rig, contentBody('a cat')),
    ];
    expect(imageOf(a).equals(imageOf(b))).toBe(true);
    expect(decodePng(imageOf(a)).width).toBe(640);
  });

  it('for images have no effect on a video', async () => {
    expect((await submitVertex(rig, textBody('[simulate: text-only] x'))).status).toBe(200);
  });
});

describe('rules over HTTP', () => {
  const script = (rule: unknown) => post(`${rig.models.url}/_control/faults`, rule);

  it('can match image calls', async () => {
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
  ])('are rejected when the fault cannot happen to the call: %j', async (rule) => {
    const answer = await script(rule);
    expect(answer.status).toBe(400);
    expect(answer.json.error.message).toContain('cannot happen');
  });
});
