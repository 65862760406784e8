/** Every fault, from a rule or a prompt directive: the reply that the client receives, and whether the call is paid. */
import { describe, expect, it } from 'vitest';
import { DIRECTIVES } from '../../../infra/models/fault/prompt-directives.ts';
import type { FaultRule } from '../../../infra/models/server.ts';
import {
  API_KEY,
  get,
  KEY,
  PNG,
  pollDeveloper,
  pollVertex,
  sdkClient,
  startRig,
  submitDeveloper,
  submitVertex,
  textBody,
  VERTEX_MODEL,
  veoImage,
} from './harness.ts';
import { useRig } from './use-rig.ts';

const rig = useRig(() => startRig({ seed: 3 }));

const paid = (): number => rig.models.paidCalls().length;

/** The name of the only operation. A client that received an error does not know it. */
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

  it.each(errors)('receives the error %j once', async (fault, status, name, paidCalls) => {
    rig.models.script({ fault });
    const answer = await submitVertex(rig, textBody('x'));
    expect(answer.json.error).toMatchObject({ code: status, status: name });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('retry-after')).toBe(status === 429 ? '7' : null);
    expect(paid()).toBe(paidCalls);
    expect((await submitVertex(rig, textBody('x'))).status).toBe(200);
  });

  it('that was accepted in spite of an error reply still lands its videos', async () => {
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
  ] as const)('can be reset %s', async (when, paidCalls) => {
    rig.models.script({ fault: { kind: 'reset', when } });
    const error = await submitVertex(rig, textBody('x')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: 'fetch failed', cause: { code: 'ECONNRESET' } });
    expect(paid()).toBe(paidCalls);
  });

  it('can hang after acceptance: no reply, but the operation exists', async () => {
    const stopped = await startRig();
    stopped.models.script({ fault: { kind: 'hang', when: 'after-accept' } });
    const accepted = stopped.nextPaidCall();
    const reply = submitVertex(stopped, textBody('x')).catch((thrown: unknown) => thrown);
    await accepted;
    expect(stopped.models.paidCalls()).toHaveLength(1);
    await stopped.stop();
    expect(await reply).toMatchObject({ message: 'fetch failed' });
  });

  it('can hang before acceptance: no reply and no operation', async () => {
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
    // The rule is removed once the first request has used it up; the next request succeeds.
    while ((await get(`${rig.models.url}/_control/faults`)).json.rules.length > 0);
    expect((await submitDeveloper(rig, { instances: [{ prompt: 'y' }] })).status).toBe(200);
    abort.abort();
    await hanging;
    expect(rig.models.paidCalls()).toMatchObject([{ prompt: 'y' }]);
  });

  it('is paid when its reply is 200 without JSON or without a name, from which the SDK cannot learn the operation', async () => {
    const client = sdkClient(rig.models.url);
    const submit = () => client.models.generateVideos({ model: VERTEX_MODEL, source: { prompt: 'x' } });
    rig.models.script({ fault: { kind: 'not-json' } });
    await expect(submit()).rejects.toThrow(SyntaxError);
    rig.models.script({ fault: { kind: 'no-name' } });
    expect((await submit()).name).toBeUndefined();
    expect(paid()).toBe(2);
  });

  it('that is invalid uses up no fault', async () => {
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
  ])('can fail with code %i', async (code, message) => {
    const { json } = await outcomeOf({ kind: 'operation-error', code });
    expect(json).toMatchObject({ done: true, error: { code, message: expect.stringMatching(message) } });
    expect(json.response).toBeUndefined();
    expect(rig.bucket.objects.size).toBe(0);
    expect(rig.models.paidCalls()).toMatchObject([{ state: 'failed' }]);
  });

  it('can be filtered completely, with a reason and a support code', async () => {
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

  it('can be filtered in part: the remaining videos keep their sample numbers', async () => {
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

  it('can be done with neither videos nor a reason', async () => {
    const { json } = await outcomeOf({ kind: 'empty' });
    expect(json).toMatchObject({ done: true });
    expect(Object.keys(json.response)).toEqual(['@type']);
  });

  it.each([
    [false, 0],
    [true, 1],
  ])('can be lost: every poll returns 404; its videos land: %s', async (lands, objects) => {
    const { status, json } = await outcomeOf({ kind: 'lost', lands });
    expect(status).toBe(404);
    expect(json.error.status).toBe('NOT_FOUND');
    expect(rig.bucket.objects.size).toBe(objects);
    expect(rig.models.paidCalls()).toMatchObject([{ state: 'lost' }]);
  });

  it('can be returned in the legacy shape', async () => {
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

  it('takes the latency that a fault sets, divided by the speed-up', async () => {
    rig.models.script({ fault: { kind: 'latency', seconds: 2_000 } });
    const { json } = await submitVertex(rig, textBody('x', { durationSeconds: 4 }));
    rig.clock.nowMs += 2_000_000 / 20 - 1;
    await rig.models.settled();
    expect((await pollVertex(rig, json.name)).json.done).toBeUndefined();
    rig.clock.nowMs += 1;
    expect((await pollVertex(rig, json.name)).json.done).toBe(true);
  });

  it('on the Developer API can also be filtered, fail or be empty', async () => {
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
  it('a poll receives the faults of its rules in order, then the real state', async () => {
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

  it('a torn-download directive truncates the first download only', async () => {
    const { json } = await submitDeveloper(rig, { instances: [{ prompt: '[simulate: torn-download] x' }] });
    await rig.finish();
    const done = await pollDeveloper(rig, json.name);
    const { uri } = done.json.response.generateVideoResponse.generatedSamples[0].video;
    const torn = await fetch(uri, { headers: API_KEY });
    expect(torn.status).toBe(200);
    await expect(torn.arrayBuffer()).rejects.toThrow('terminated');
    const whole = await fetch(uri, { headers: API_KEY });
    expect((await whole.arrayBuffer()).byteLength).toBe(Number(torn.headers.get('content-length')));
  });
});

describe('rules', () => {
  it('match on surface, model and prompt, until they are cleared', async () => {
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

  it('with a rate apply to a share of the requests: equal seeds select equal requests', async () => {
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

  it('can be added, listed and cleared over HTTP; invalid rules are rejected', async () => {
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
  it('apply as often as xN states: [simulate: 429=3 x2]', async () => {
    const body = textBody('[simulate: 429=3 x2] a cat');
    const first = await submitVertex(rig, body);
    expect([first.status, first.headers.get('retry-after')]).toEqual([429, '3']);
    expect((await submitVertex(rig, body)).status).toBe(429);
    expect((await submitVertex(rig, body)).status).toBe(200);
    expect((await submitVertex(rig, textBody('[simulate: 429] another cat'))).status).toBe(429);
  });

  it('can be combined: one for the reply, one for the outcome, one for the latency', async () => {
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

  it('do not change the video', async () => {
    const image = veoImage(PNG, 'image/png');
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
