/** Every fault of the Interactions API: the error in the client, whether the call is paid, and the retries of the client. */
import { describe, expect, it } from 'vitest';
import { DIRECTIVES } from '../../../infra/models/fault/prompt-directives.ts';
import type { FaultRule } from '../../../infra/models/server.ts';
import { parseMp4 } from '../../../infra/mp4/mp4-parser.ts';
import { submitVertex, textBody } from './harness.ts';
import {
  create,
  credentials,
  delivery,
  HOSTS,
  OMNI,
  omniBody,
  omniClient,
  read,
  videoOf,
} from './omni-harness.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();

type Fault = FaultRule['fault'];

const paid = (): number => rig.models.paidCalls().length;
const params = (host: (typeof HOSTS)[number], input: string) => ({
  model: OMNI,
  input,
  background: true,
  response_format: { type: 'video' as const, duration: '3s', ...delivery(host) },
});

/** The id of the only interaction. A client that received an error does not know it. */
const onlyId = (): string =>
  /interactions\/(.+)$/.exec(rig.models.paidCalls()[0]?.operationName ?? '')?.[1] ?? '';

describe.each(HOSTS)('a create call on %s, without retries', (host) => {
  const faults: readonly (readonly [fault: Fault, name: string, status: number | undefined, paid: number])[] =
    [
      [{ kind: 'http', status: 409 }, 'ConflictError', 409, 0],
      [{ kind: 'http', status: 429, retryAfterSeconds: 7 }, 'RateLimitError', 429, 0],
      [{ kind: 'http', status: 500 }, 'InternalServerError', 500, 0],
      [{ kind: 'http', status: 503 }, 'InternalServerError', 503, 0],
      [{ kind: 'http', status: 500, when: 'after-accept' }, 'InternalServerError', 500, 1],
      [{ kind: 'http', status: 503, when: 'after-accept' }, 'InternalServerError', 503, 1],
      [{ kind: 'reset' }, 'APIConnectionError', undefined, 0],
      [{ kind: 'reset', when: 'after-accept' }, 'APIConnectionError', undefined, 1],
      [{ kind: 'hang' }, 'APIConnectionTimeoutError', undefined, 0],
      [{ kind: 'hang', when: 'after-accept' }, 'APIConnectionTimeoutError', undefined, 1],
      [{ kind: 'not-json' }, 'APIError', 200, 1],
      [{ kind: 'not-json', when: 'before-accept' }, 'APIError', 200, 0],
    ];

  it.each(faults)('%j: %s, status %s, paid %i', async (fault, name, status, paidCalls) => {
    rig.models.script({ fault, match: { surface: 'omni', call: 'submit' }, times: 'always' });
    const accepted = paidCalls === 1 ? rig.nextPaidCall() : undefined;
    const error = await omniClient(host, rig.models.url)
      .interactions.create(params(host, 'x'), {
        maxRetries: 0,
        // Only for replies that never arrive: a busy machine may be slow with the others.
        ...(fault.kind === 'hang' && { timeout: 300 }),
      })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name, status });
    await accepted;
    expect(paid()).toBe(paidCalls);
    rig.models.clearFaults();
    await rig.finish();
    if (paidCalls === 1) expect((await read(rig, host, onlyId())).json.status).toBe('completed');
  });

  it('is paid when its reply has no id', async () => {
    rig.models.script({ fault: { kind: 'no-name' }, match: { surface: 'omni' } });
    const answer = await omniClient(host, rig.models.url).interactions.create(params(host, 'x'), {
      maxRetries: 0,
    });
    expect([answer.id, answer.status, paid()]).toEqual([undefined, undefined, 1]);
  });
});

describe('the retries of the client', () => {
  const afterAccept = { kind: 'http', status: 503, when: 'after-accept' } as const;

  it.each(HOSTS)('pay three times by default, and once with maxRetries 0, on %s', async (host) => {
    const { interactions } = omniClient(host, rig.models.url);
    rig.models.script({ fault: afterAccept, times: 2 });
    const created = await interactions.create(params(host, 'retried'));
    expect([created.status, paid()]).toEqual(['in_progress', 3]);
    rig.models.script({ fault: afterAccept, times: 2 });
    const error = await interactions
      .create(params(host, 'once'), { maxRetries: 0 })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'InternalServerError', status: 503 });
    expect(paid()).toBe(4);
  });

  it('pay again after a reset and after a timeout', async () => {
    const { interactions } = omniClient('developer', rig.models.url);
    rig.models.script({ fault: { kind: 'reset', when: 'after-accept' } });
    await interactions.create(params('developer', 'reset'));
    expect(paid()).toBe(2);
    rig.models.script({ fault: { kind: 'hang', when: 'after-accept' } });
    await interactions.create(params('developer', 'hang'), { timeout: 1_000 });
    expect(paid()).toBe(4);
  });
});

describe('rules', () => {
  it('for surface omni apply to Omni on both hosts and not to Veo; rules for a host apply to its Veo only', async () => {
    rig.models.script({ fault: { kind: 'http', status: 503 }, match: { surface: 'omni' }, times: 2 });
    expect((await submitVertex(rig, textBody('x'))).status).toBe(200);
    for (const host of HOSTS) expect((await create(rig, host, omniBody(host, 'x'))).status).toBe(503);
    rig.models.script({ fault: { kind: 'http', status: 503 }, match: { surface: 'vertex' }, times: 1 });
    expect((await create(rig, 'vertex', omniBody('vertex', 'x'))).status).toBe(200);
    expect((await submitVertex(rig, textBody('x'))).status).toBe(503);
  });

  it('apply to valid calls only', async () => {
    rig.models.script({ fault: { kind: 'http', status: 503 } });
    expect((await create(rig, 'vertex', omniBody('vertex', ''))).status).toBe(400);
    expect((await create(rig, 'vertex', omniBody('vertex', 'x'))).status).toBe(503);
  });
});

describe.each(HOSTS)('an interaction on %s', (host) => {
  const endWith = async (fault: Fault): Promise<{ json: Record<string, unknown>; state: unknown }> => {
    rig.models.script({ fault, match: { surface: 'omni' } });
    const { json } = await create(rig, host, omniBody(host, 'x'));
    expect((await read(rig, host, json.id)).json.status ?? 'lost').toBe(
      fault.kind === 'lost' ? 'lost' : 'in_progress',
    );
    await rig.finish();
    const answer = await read(rig, host, json.id);
    return { json: { httpStatus: answer.status, ...answer.json }, state: rig.models.paidCalls()[0]?.state };
  };

  it('is failed, with code and message, after an error', async () => {
    const { json, state } = await endWith({ kind: 'operation-error', code: 13 });
    expect(json).toMatchObject({
      status: 'failed',
      errors: [{ code: 'internal', message: expect.stringMatching(/internal server issue/) }],
    });
    expect([json['steps'], json['usage'], state]).toEqual([undefined, undefined, 'failed']);
  });

  it('is budget_exceeded after RESOURCE_EXHAUSTED', async () => {
    const { json } = await endWith({ kind: 'operation-error', code: 8, message: 'no money left' });
    expect(json).toMatchObject({
      status: 'budget_exceeded',
      errors: [{ code: 'resource_exhausted', message: 'no money left' }],
    });
  });

  it('is failed after the safety filter, by default', async () => {
    const { json, state } = await endWith({ kind: 'safety-filter' });
    expect(json).toMatchObject({
      status: 'failed',
      errors: [
        {
          code: 'safety',
          message:
            'Request blocked due to safety violations (harmful content). Please modify your input and retry.',
        },
      ],
    });
    expect([json['steps'], state, rig.bucket.objects.size]).toEqual([undefined, 'filtered', 0]);
  });

  it('is completed with text in place of the video, after a refusal', async () => {
    const { json, state } = await endWith({
      kind: 'safety-filter',
      category: 'celebrity',
      answer: 'refusal',
    });
    expect(json).toMatchObject({
      status: 'completed',
      steps: [
        { type: 'model_output', content: [{ type: 'text', text: expect.stringMatching(/celebrity/) }] },
      ],
    });
    expect([json['errors'], state]).toEqual([undefined, 'filtered']);
  });

  it('can be completed without steps', async () => {
    const { json, state } = await endWith({ kind: 'empty' });
    expect(json).toMatchObject({ status: 'completed' });
    expect([json['steps'], json['errors'], state]).toEqual([undefined, undefined, 'empty']);
  });

  it('can be lost: every poll returns 404, although the video lands', async () => {
    const { json, state } = await endWith({ kind: 'lost', lands: true });
    expect([json['httpStatus'], state]).toEqual([404, 'lost']);
    expect(rig.bucket.objects.size).toBe(host === 'vertex' ? 1 : 0);
  });

  it('takes the latency that a fault sets, divided by the speed-up', async () => {
    rig.models.script({ fault: { kind: 'latency', seconds: 200 } });
    const { json } = await create(rig, host, omniBody(host, 'x'));
    rig.clock.nowMs += 9_999;
    await rig.models.settled();
    expect((await read(rig, host, json.id)).json.status).toBe('in_progress');
    rig.clock.nowMs += 1;
    await rig.models.settled();
    expect((await read(rig, host, json.id)).json.status).toBe('completed');
  });
});

describe('a poll', () => {
  const faults: readonly Fault[] = [
    { kind: 'http', status: 404 },
    { kind: 'http', status: 429 },
    { kind: 'http', status: 500 },
    { kind: 'http', status: 503 },
    { kind: 'reset' },
    { kind: 'not-json' },
  ];

  it.each(faults)('receives %j once, and then the real state', async (fault) => {
    const { json } = await create(rig, 'developer', omniBody('developer', 'x'));
    const { interactions } = omniClient('developer', rig.models.url);
    rig.models.script({ fault, match: { surface: 'omni', call: 'poll' } });
    const error = await interactions.get(json.id, null, { maxRetries: 0 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect((await interactions.get(json.id)).status).toBe('in_progress');
  });
});

describe('a download', () => {
  it('matches rules for surface omni: rejected, whole, and then truncated', async () => {
    const { json } = await create(rig, 'developer', omniBody('developer', 'x'));
    await rig.finish();
    const { uri } = (await read(rig, 'developer', json.id)).json.steps[0].content[0];
    rig.models.script({ fault: { kind: 'http', status: 503 }, match: { surface: 'omni', call: 'download' } });
    rig.models.script({ fault: { kind: 'torn' }, match: { surface: 'developer' } });
    const headers = credentials('developer');
    expect((await fetch(uri, { headers })).status).toBe(503);
    expect(parseMp4(await videoOf(rig, 'developer', json.id)).durationSeconds).toBe(3);
    rig.models.script({ fault: { kind: 'torn' }, match: { surface: 'omni' } });
    await expect(videoOf(rig, 'developer', json.id)).rejects.toThrow('terminated');
    expect((await fetch(uri)).status).toBe(403);
  });
});

describe('directives in the prompt', () => {
  const submits = Object.entries(DIRECTIVES).filter(
    ([name, { call }]) => call === 'submit' && !name.startsWith('hang'),
  );

  it.each(submits.map(([name, { about }]) => [name, about]))('%s: %s', async (name, about) => {
    const body = omniBody('vertex', `[simulate: ${name}] x`);
    const reply = await create(rig, 'vertex', body).catch(() => undefined);
    expect(paid()).toBe(about.includes('nothing accepted') || name === '429' ? 0 : 1);
    if (DIRECTIVES[name]?.times !== 1) expect([reply?.status, paid()]).toEqual([200, 1]);
    else expect((await create(rig, 'vertex', body)).status).toBe(200);
  });

  const polls = Object.entries(DIRECTIVES).filter(
    ([name, { call }]) => call === 'poll' && !name.endsWith('hang'),
  );

  it.each(polls.map(([name, { about }]) => [name, about]))('%s: %s, once', async (name) => {
    const { json } = await create(rig, 'developer', omniBody('developer', `[simulate: ${name}] x`));
    const first = await read(rig, 'developer', json.id).catch(() => undefined);
    expect(first?.status ?? 'broken').toBe(/\d+$/.test(name) ? Number(name.slice(5)) : 'broken');
    expect((await read(rig, 'developer', json.id)).json.status).toBe('in_progress');
  });

  it('refusal: Omni completes with text and no video', async () => {
    const { json } = await create(rig, 'developer', omniBody('developer', '[simulate: refusal] x'));
    await rig.finish();
    const done = await omniClient('developer', rig.models.url).interactions.get(json.id);
    expect([done.status, done.output_video]).toEqual(['completed', undefined]);
    expect(done.output_text).toMatch(/safety violations/);
  });
});
