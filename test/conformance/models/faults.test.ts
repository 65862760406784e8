/** Every fault, scripted by rule and asked for in the prompt: what the client sees, and whether it was paid. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DIRECTIVES } from '../../../infra/models/fault/prompt-directives.ts';
import type { FaultRule } from '../../../infra/models/server.ts';
import {
  get,
  KEY,
  PNG,
  pollDeveloper,
  pollVertex,
  type Rig,
  sdkClient,
  startRig,
  submitDeveloper,
  submitVertex,
  textBody,
  VERTEX_MODEL,
} from './harness.ts';

let rig: Rig;

beforeEach(async () => {
  rig = await startRig({ seed: 3 });
});

afterEach(async () => {
  await rig.stop();
  expect(rig.bugs).toEqual([]);
});

const paid = (): number => rig.models.paidCalls().length;

/** The operation of the only call so far: what a client that saw an error cannot know. */
const onlyOperation = (): string => rig.models.paidCalls()[0]?.operationName ?? '';

const control = (method: string, body?: unknown): Promise<Response> =>
  fetch(`${rig.models.url}/_control/faults`, {
    method,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });

describe('a submission', () => {
  const errors: [fault: FaultRule['fault'], status: number, name: string, paid: number][] = [
    [{ kind: 'http', status: 429, retryAfterSeconds: 7 }, 429, 'RESOURCE_EXHAUSTED', 0],
    [{ kind: 'http', status: 500 }, 500, 'INTERNAL', 0],
    [{ kind: 'http', status: 503 }, 503, 'UNAVAILABLE', 0],
    [{ kind: 'http', status: 504 }, 504, 'DEADLINE_EXCEEDED', 0],
    [{ kind: 'http', status: 500, when: 'after-accept' }, 500, 'INTERNAL', 1],
    [{ kind: 'http', status: 503, when: 'after-accept' }, 503, 'UNAVAILABLE', 1],
  ];

  it.each(errors)('is answered %j, and the next one is not', async (fault, status, name, paidCalls) => {
    rig.models.script({ fault });
    const answer = await submitVertex(rig, textBody('x'));
    expect(answer.json.error).toMatchObject({ code: status, status: name });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('retry-after')).toBe(status === 429 ? '7' : null);
    expect(paid()).toBe(paidCalls);
    expect((await submitVertex(rig, textBody('x'))).status).toBe(200);
  });

  it('that was accepted behind an error still puts its videos into the bucket', async () => {
    rig.models.script({ fault: { kind: 'http', status: 503, when: 'after-accept' } });
    await submitVertex(rig, textBody('x', { storageUri: 'gs://out/jobs/1/attempt' }));
    await rig.finish();
    expect([...rig.bucket.objects.keys()]).toEqual([
      expect.stringMatching(/^out\/jobs\/1\/attempt\/\d+\/sample_0\.mp4$/),
    ]);
    expect((await pollVertex(rig, onlyOperation())).json.done).toBe(true);
  });

  it.each([
    ['before-accept', 0],
    ['after-accept', 1],
  ] as const)('is reset %s', async (when, paidCalls) => {
    rig.models.script({ fault: { kind: 'reset', when } });
    const error = await submitVertex(rig, textBody('x')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: 'fetch failed', cause: { code: 'ECONNRESET' } });
    expect(paid()).toBe(paidCalls);
  });

  it('never hears a reply, though the operation exists', async () => {
    rig.models.script({ fault: { kind: 'hang', when: 'after-accept' } });
    const accepted = rig.nextPaidCall();
    const reply = submitVertex(rig, textBody('x')).catch((thrown: unknown) => thrown);
    await accepted;
    expect(paid()).toBe(1);
    await rig.models.stop();
    expect(await reply).toMatchObject({ message: 'fetch failed' });
    rig = await startRig();
  });

  it('never hears a reply, and no operation exists', async () => {
    rig.models.script({ fault: { kind: 'hang' } });
    const abort = new AbortController();
    const hanging = fetch(
      `${rig.models.url}/v1beta/models/veo-3.1-generate-preview:predictLongRunning?key=${KEY}`,
      {
        method: 'POST',
        body: JSON.stringify({ instances: [{ prompt: 'x' }] }),
        signal: abort.signal,
      },
    ).catch((thrown: unknown) => thrown);
    // The rule is used up once the first request has met it; a later request then gets through.
    while ((await get(`${rig.models.url}/_control/faults`)).json.rules.length > 0);
    expect((await submitDeveloper(rig, { instances: [{ prompt: 'y' }] })).status).toBe(200);
    abort.abort();
    await hanging;
    expect(rig.models.paidCalls()).toMatchObject([{ prompt: 'y' }]);
  });

  it('is answered 200 with something that is not JSON, or without a name: the SDK cannot tell, and it is paid', async () => {
    const client = sdkClient(rig.models.url);
    const submit = () => client.models.generateVideos({ model: VERTEX_MODEL, source: { prompt: 'x' } });
    rig.models.script({ fault: { kind: 'not-json' } });
    await expect(submit()).rejects.toThrow(SyntaxError);
    rig.models.script({ fault: { kind: 'no-name' } });
    expect((await submit()).name).toBeUndefined();
    expect(paid()).toBe(2);
  });

  it('that would have been refused uses up no fault', async () => {
    rig.models.script({ fault: { kind: 'http', status: 503 } });
    expect((await submitVertex(rig, textBody('x', { durationSeconds: 9 }))).status).toBe(400);
    expect((await submitVertex(rig, textBody('x'))).status).toBe(503);
  });
});

describe('an operation', () => {
  async function outcomeOf(fault: FaultRule['fault'], parameters: Record<string, unknown> = {}) {
    rig.models.script({ fault });
    const { json } = await submitVertex(rig, textBody('x', parameters));
    await rig.finish();
    return pollVertex(rig, json.name);
  }

  it.each([
    [3, /Support codes: \d+/],
    [8, /Resource/],
    [13, /internal server issue/],
    [14, /unavailable/],
  ])('ends with code %i', async (code, message) => {
    const { json } = await outcomeOf({ kind: 'operation-error', code });
    expect(json).toMatchObject({ done: true, error: { code, message: expect.stringMatching(message) } });
    expect(json.response).toBeUndefined();
    expect(rig.bucket.objects.size).toBe(0);
    expect(rig.models.paidCalls()).toMatchObject([{ state: 'failed' }]);
  });

  it('is held back by the safety filter as a whole, with a reason and a support code', async () => {
    const { json } = await outcomeOf({ kind: 'safety-filter', category: 'celebrity' }, { sampleCount: 2 });
    expect(json.response).toEqual({
      '@type': 'type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse',
      raiMediaFilteredCount: 2,
      raiMediaFilteredReasons: [
        expect.stringMatching(/^Veo could not generate 2 videos .* Support codes: 15236754$/),
      ],
    });
    expect(rig.models.paidCalls()).toMatchObject([{ state: 'filtered' }]);
  });

  it('is held back in part: the remaining videos keep their numbers', async () => {
    const { json } = await outcomeOf(
      { kind: 'safety-filter', filtered: 1 },
      { sampleCount: 3, durationSeconds: 4 },
    );
    expect(json.response.raiMediaFilteredCount).toBe(1);
    expect(json.response.raiMediaFilteredReasons).toEqual([
      expect.stringMatching(/^1 videos were filtered out/),
    ]);
    const uris: string[] = json.response.videos.map((video: { gcsUri: string }) => video.gcsUri);
    expect(uris.map((uri) => uri.split('/').at(-1))).toEqual(['sample_1.mp4', 'sample_2.mp4']);
    expect(rig.models.paidCalls()).toMatchObject([{ state: 'succeeded' }]);
  });

  it('is done without videos and without a reason', async () => {
    const { json } = await outcomeOf({ kind: 'empty' });
    expect(json).toMatchObject({ done: true });
    expect(Object.keys(json.response)).toEqual(['@type']);
  });

  it.each([
    [false, 0],
    [true, 1],
  ])('is lost: every poll is 404; its videos land: %s', async (lands, objects) => {
    const { status, json } = await outcomeOf({ kind: 'lost', lands });
    expect(status).toBe(404);
    expect(json.error.status).toBe('NOT_FOUND');
    expect(rig.bucket.objects.size).toBe(objects);
    expect(rig.models.paidCalls()).toMatchObject([{ state: 'lost' }]);
  });

  it('answers in the legacy shape', async () => {
    const { json } = await outcomeOf({ kind: 'legacy-shape' });
    expect(json.response).toEqual({
      '@type': 'type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse',
      generatedSamples: [
        {
          video: {
            uri: expect.stringMatching(/^gs:\/\/out\/jobs\/\d+\/sample_0\.mp4$/),
            encoding: 'video/mp4',
          },
        },
      ],
    });
  });

  it('takes as long as it is told', async () => {
    rig.models.script({ fault: { kind: 'latency', seconds: 2_000 } });
    const { json } = await submitVertex(rig, textBody('x', { durationSeconds: 4 }));
    rig.clock.nowMs += 2_000_000 / 20 - 1;
    await rig.models.settled();
    expect((await pollVertex(rig, json.name)).json.done).toBeUndefined();
    rig.clock.nowMs += 1;
    expect((await pollVertex(rig, json.name)).json.done).toBe(true);
  });

  it('of the Developer API can be filtered, fail and be empty too', async () => {
    const run = async (prompt: string) => {
      const { json } = await submitDeveloper(rig, { instances: [{ prompt }] });
      await rig.finish();
      return (await pollDeveloper(rig, json.name)).json;
    };
    expect((await run('[simulate: safety-filter] x')).response.generateVideoResponse).toEqual({
      raiMediaFilteredCount: 1,
      raiMediaFilteredReasons: [expect.stringMatching(/^We encountered an issue with the audio/)],
    });
    expect((await run('[simulate: error=3] x')).error.code).toBe(3);
    expect((await run('[simulate: empty] x')).response.generateVideoResponse).toEqual({});
  });
});

describe('polls and downloads', () => {
  it('a poll meets what it is told to meet, and the next one the truth', async () => {
    const { json } = await submitVertex(rig, textBody('x'));
    rig.models.script({ match: { call: 'poll' }, fault: { kind: 'http', status: 503 }, times: 2 });
    rig.models.script({ match: { call: 'poll' }, fault: { kind: 'http', status: 404 } });
    rig.models.script({ match: { call: 'poll' }, fault: { kind: 'not-json' } });
    const codes: unknown[] = [];
    for (let i = 0; i < 3; i++) codes.push((await pollVertex(rig, json.name)).status);
    codes.push(await pollVertex(rig, json.name).catch((error: unknown) => error));
    codes.push((await pollVertex(rig, json.name)).json);
    expect(codes).toEqual([503, 503, 404, expect.any(SyntaxError), { name: json.name }]);
  });

  it('a download breaks off halfway, once', async () => {
    const { json } = await submitDeveloper(rig, { instances: [{ prompt: '[simulate: torn-download] x' }] });
    await rig.finish();
    const done = await pollDeveloper(rig, json.name);
    const { uri } = done.json.response.generateVideoResponse.generatedSamples[0].video;
    const torn = await fetch(uri, { headers: { 'x-goog-api-key': KEY } });
    expect(torn.status).toBe(200);
    await expect(torn.arrayBuffer()).rejects.toThrow('terminated');
    const whole = await fetch(uri, { headers: { 'x-goog-api-key': KEY } });
    expect((await whole.arrayBuffer()).byteLength).toBe(Number(torn.headers.get('content-length')));
  });
});

describe('rules', () => {
  it('match on surface, model and prompt', async () => {
    rig.models.script({
      match: { surface: 'vertex', model: VERTEX_MODEL, promptIncludes: 'dog' },
      fault: { kind: 'http', status: 503 },
      times: 'always',
    });
    expect((await submitVertex(rig, textBody('a cat'))).status).toBe(200);
    expect((await submitVertex(rig, textBody('a dog'), 'veo-3.1-fast-generate-001')).status).toBe(200);
    expect((await submitDeveloper(rig, { instances: [{ prompt: 'a dog' }] })).status).toBe(200);
    expect((await submitVertex(rig, textBody('a dog'))).status).toBe(503);
    rig.models.clearFaults();
    expect((await submitVertex(rig, textBody('a dog'))).status).toBe(200);
  });

  it('meet a share of the requests, the same ones for the same seed', async () => {
    const run = async (seed: number): Promise<string> => {
      const seeded = await startRig({ seed });
      seeded.models.script({ fault: { kind: 'http', status: 429 }, rate: 0.3 });
      let pattern = '';
      for (let i = 0; i < 60; i++) {
        pattern += (await submitVertex(seeded, textBody('[simulate: empty] x'))).status === 429 ? 'x' : '.';
      }
      await seeded.stop();
      return pattern;
    };
    const pattern = await run(11);
    expect(pattern.split('x').length - 1).toBeGreaterThan(8);
    expect(pattern.split('x').length - 1).toBeLessThan(32);
    expect(await run(11)).toBe(pattern);
    expect(await run(12)).not.toBe(pattern);
  });

  it('are set, listed and cleared over HTTP; what cannot be is refused', async () => {
    const rules = [{ fault: { kind: 'lost' } }, { fault: { kind: 'latency', seconds: 5 }, times: 3 }];
    expect(await (await control('POST', rules)).json()).toEqual({ rules });
    expect(await (await control('GET')).json()).toEqual({ rules });
    expect(await (await control('DELETE')).json()).toEqual({ rules: [] });
    for (const bad of [
      '{',
      { fault: { kind: 'nonsense' } },
      { fault: { kind: 'torn' }, match: { call: 'submit' } },
      { fault: { kind: 'safety-filter' }, match: { call: 'poll' } },
      { fault: { kind: 'reset' }, times: 0 },
      { fault: { kind: 'reset' }, tims: 1 },
    ]) {
      expect((await control('POST', bad)).status).toBe(400);
    }
    expect(await (await control('GET')).json()).toEqual({ rules: [] });
    expect(() => rig.models.script({ fault: { kind: 'torn' }, match: { call: 'poll' } })).toThrow();
  });
});

describe('directives in the prompt', () => {
  it('are counted: [simulate: 429=3 x2]', async () => {
    const body = textBody('[simulate: 429=3 x2] a cat');
    const first = await submitVertex(rig, body);
    expect([first.status, first.headers.get('retry-after')]).toEqual([429, '3']);
    expect((await submitVertex(rig, body)).status).toBe(429);
    expect((await submitVertex(rig, body)).status).toBe(200);
    expect((await submitVertex(rig, textBody('[simulate: 429] another cat'))).status).toBe(429);
  });

  it('go together: one for the reply, one for the outcome, one for the latency', async () => {
    const body = textBody('[simulate: 503-after-accept, safety-filter=1] a cat [simulate: slow=20]', {
      sampleCount: 2,
    });
    expect((await submitVertex(rig, body)).status).toBe(503);
    rig.clock.nowMs += 1_000;
    await rig.models.settled();
    expect((await pollVertex(rig, onlyOperation())).json.response.videos).toHaveLength(1);
  });

  const submits = Object.entries(DIRECTIVES).filter(
    ([name, { call }]) => call === 'submit' && !name.startsWith('hang'),
  );

  it.each(submits.map(([name, { about }]) => [name, about]))('%s: %s', async (name, about) => {
    const reply = await submitVertex(rig, textBody(`[simulate: ${name}] x`)).catch(() => undefined);
    expect(paid()).toBe(about.includes('nothing accepted') || name === '429' ? 0 : 1);
    expect(reply?.json.name === undefined).toBe(DIRECTIVES[name]?.times === 1);
  });

  const polls = Object.entries(DIRECTIVES).filter(
    ([name, { call }]) => call === 'poll' && !name.endsWith('hang'),
  );

  it.each(polls.map(([name, { about }]) => [name, about]))('%s: %s, once', async (name) => {
    const { json } = await submitVertex(rig, textBody(`[simulate: ${name}] x`));
    const first = await pollVertex(rig, json.name).catch(() => undefined);
    expect(first?.status ?? 'broken').toBe(/\d+$/.test(name) ? Number(name.slice(5)) : 'broken');
    expect((await pollVertex(rig, json.name)).json).toEqual({ name: json.name });
  });

  it('are not drawn into the picture', async () => {
    const image = { bytesBase64Encoded: PNG.toString('base64'), mimeType: 'image/png' };
    const parameters = { seed: 1, durationSeconds: 4 };
    const names: string[] = [];
    for (const prompt of ['a cat', '[simulate: slow=11] a cat']) {
      names.push((await submitVertex(rig, { instances: [{ prompt, image }], parameters })).json.name);
    }
    await rig.finish();
    const [plain, directed] = await Promise.all(names.map((name) => pollVertex(rig, name)));
    expect(directed?.json.response.videos).toEqual(plain?.json.response.videos);
  });
});
