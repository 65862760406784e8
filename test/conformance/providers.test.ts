/** The provider adapters against the simulated models: what goes out, and what every failure is taken for. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createGeminiProvider } from '../../functions/adapters/gemini-provider.ts';
import { createOmniProvider } from '../../functions/adapters/omni-provider.ts';
import { createVertexProvider } from '../../functions/adapters/vertex-provider.ts';
import { classifySubmitFailure } from '../../functions/core/errors.ts';
import type { VideoRequest } from '../../functions/core/job.ts';
import type { PaidCall, PollAnswer, SubmitAnswer, VideoProvider } from '../../functions/ports.ts';
import { accessToken, isAccessToken, startTokenServer } from '../../infra/identity/token-server.ts';
import { type RunningModels, startModels } from '../../infra/models/server.ts';
import { loadIdentity } from '../../infra/shared/identity.ts';
import { type StorageServer, startStorage } from '../../infra/storage/server.ts';
import { credentialsFor } from '../support/credentials.ts';
import { firstStage, makeRequest } from '../support/requests.ts';
import { temporaryDir } from '../support/temporary-dir.ts';

const BUCKET = 'provider-out';
const TIMEOUT_MS = 800;

const dir = temporaryDir();
const identity = loadIdentity(dir);
let now = Date.now();
let models: RunningModels;
let storage: StorageServer;
let vertex: VideoProvider;
let gemini: VideoProvider;
let omni: VideoProvider;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const tokens = await startTokenServer(identity);
  // As in the cloud; without it the auth library asks Google which project this is.
  process.env['GOOGLE_CLOUD_PROJECT'] = 'p';
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = credentialsFor(
    dir,
    `http://127.0.0.1:${tokens.port}/token`,
  );
  storage = await startStorage({ buckets: [{ name: BUCKET }] });
  models = await startModels({
    storageUrl: storage.url,
    isAccessToken: (token) => isAccessToken(identity, token, Date.now()),
    isApiKey: (key) => key === 'the-key',
    speedUp: 1,
    now: () => now,
  });
  vertex = createVertexProvider({
    project: 'p',
    getAccessToken: async () => accessToken(identity, Date.now()),
    baseUrl: models.url,
    pollTimeoutMs: TIMEOUT_MS,
  });
  gemini = createGeminiProvider({
    apiKey: 'the-key',
    baseUrl: models.url,
    pollTimeoutMs: TIMEOUT_MS,
    readImage: async () => Buffer.from(''),
    fetch,
  });
  omni = createOmniProvider({
    backend: { kind: 'developer', apiKey: 'the-key', baseUrl: models.url },
    pollTimeoutMs: TIMEOUT_MS,
    readInput: async () => Buffer.from(''),
    fetch,
  });
  closing.push(models.stop, storage.stop, tokens.stop);
});
afterAll(async () => {
  for (const close of closing) await close();
});
beforeEach(() => models.clearFaults());

const MODELS_OF = {
  vertex: 'veo-3.1-fast-generate-001',
  gemini: 'veo-3.1-fast-generate-preview',
  omni: 'gemini-omni-1.2-flash',
} as const;

const request = (
  provider: keyof typeof MODELS_OF,
  prompt: string,
  over: Partial<VideoRequest> = {},
): VideoRequest =>
  makeRequest({
    provider,
    model: MODELS_OF[provider],
    prompt,
    durationSeconds: 4,
    ...over,
  });

let calls = 0;
const paidCall = (body: VideoRequest): PaidCall => ({
  stage: firstStage(body),
  location: body.provider === 'vertex' ? 'us-central1' : 'global',
  outputUri: `gs://${BUCKET}/jobs/j/att_${++calls}/`,
  timeoutMs: TIMEOUT_MS,
});

const submit = async (provider: VideoProvider, call: PaidCall): Promise<SubmitAnswer> =>
  (await provider.prepare(call))();

/** Time passes until the operation is over. */
async function pollToEnd(provider: VideoProvider, call: PaidCall): Promise<PollAnswer> {
  const answer = await submit(provider, call);
  if (answer.kind !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(answer)}`);
  expect(await provider.poll(answer.operation)).toEqual({ kind: 'running' });
  now += 7 * 60_000;
  await models.settled();
  return provider.poll(answer.operation);
}

describe.each(['vertex', 'gemini', 'omni'] as const)('provider %s', (name) => {
  const provider = (): VideoProvider => ({ vertex, gemini, omni })[name];
  const surface = ({ vertex: 'vertex', gemini: 'developer', omni: 'omni' } as const)[name];
  const paid = (prompt: string): number => models.paidCalls().filter((call) => call.prompt === prompt).length;

  it('submits once, sees it running, then done with a video', async () => {
    const answer = await pollToEnd(provider(), paidCall(request(name, `${name} good`)));
    expect(answer).toMatchObject({
      kind: 'done',
      result: { sources: [{}], filteredCount: 0, filteredReasons: [] },
    });
    expect(paid(`${name} good`)).toBe(1);
  });

  // What the caller sees, what it is taken for, and whether an operation exists all the same.
  const failures = [
    [{ kind: 'http', status: 429, retryAfterSeconds: 7 }, 'rejected', 0],
    [{ kind: 'http', status: 400 }, 'rejected', 0],
    [{ kind: 'http', status: 403 }, 'rejected', 0],
    [{ kind: 'http', status: 500, when: 'before-accept' }, 'unknown', 0],
    [{ kind: 'http', status: 500, when: 'after-accept' }, 'unknown', 1],
    [{ kind: 'http', status: 503, when: 'before-accept' }, 'unknown', 0],
    [{ kind: 'http', status: 503, when: 'after-accept' }, 'unknown', 1],
    [{ kind: 'reset', when: 'before-accept' }, 'unknown', 0],
    [{ kind: 'reset', when: 'after-accept' }, 'unknown', 1],
    [{ kind: 'hang', when: 'before-accept' }, 'unknown', 0],
    [{ kind: 'hang', when: 'after-accept' }, 'unknown', 1],
    [{ kind: 'not-json' }, 'unknown', 1],
    [{ kind: 'no-name' }, 'unknown', 1],
  ] as const;
  it.each(failures)('takes %j for %s, after one request and no more', async (fault, outcome, operations) => {
    const prompt = `${name} ${JSON.stringify(fault)}`;
    models.script({ match: { surface, promptIncludes: prompt }, fault });
    const answer = await submit(provider(), paidCall(request(name, prompt)));
    if (answer.kind !== 'failed') throw new Error('it was accepted');
    expect(classifySubmitFailure(answer.signal).outcome).toBe(outcome);
    // A second request would have met no fault and been paid.
    expect(paid(prompt)).toBe(operations);
  });

  it('takes an unreachable server for a rejection that cost nothing', async () => {
    const gone = await startTokenServer(identity);
    const nobodyThere = `http://127.0.0.1:${gone.port}`;
    await gone.stop();
    const common = { baseUrl: nobodyThere, pollTimeoutMs: 1000 };
    const nothing = async (): Promise<Uint8Array> => Buffer.of();
    const elsewhere = {
      vertex: () => createVertexProvider({ project: 'p', getAccessToken: async () => 't', ...common }),
      gemini: () => createGeminiProvider({ apiKey: 'k', readImage: nothing, fetch, ...common }),
      omni: () =>
        createOmniProvider({
          backend: { kind: 'developer', apiKey: 'k', baseUrl: nobodyThere },
          pollTimeoutMs: 1000,
          readInput: nothing,
          fetch,
        }),
    }[name]();
    const answer = await submit(elsewhere, paidCall(request(name, 'unreachable')));
    expect(answer).toMatchObject({ kind: 'failed', signal: { kind: 'network', sent: false } });
  });

  it('passes on operation errors, filtered videos and silence as they are', async () => {
    const outcome = async (
      fault: Parameters<RunningModels['script']>[0]['fault'],
      over: Partial<VideoRequest> = {},
    ): Promise<PollAnswer> => {
      const prompt = `${name} ${JSON.stringify(fault)}`;
      models.script({ match: { surface, promptIncludes: prompt }, fault });
      return pollToEnd(provider(), paidCall(request(name, prompt, over)));
    };
    expect(await outcome({ kind: 'operation-error', code: 13, message: 'internal' })).toEqual({
      kind: 'error',
      code: 13,
      message: 'internal',
    });
    expect(await outcome({ kind: 'safety-filter', category: 'celebrity' })).toMatchObject({
      kind: 'done',
      result: { sources: [], filteredCount: 1, filteredReasons: [expect.any(String)] },
    });
    expect(await outcome({ kind: 'empty' })).toMatchObject({
      kind: 'done',
      result: { sources: [], filteredCount: 0 },
    });
  });

  it('reports a poll that is refused, reset or never answered', async () => {
    const prompt = `${name} poll faults`;
    const answer = await submit(provider(), paidCall(request(name, prompt)));
    if (answer.kind !== 'accepted') throw new Error('not accepted');
    const poll = async (fault: Parameters<RunningModels['script']>[0]['fault']): Promise<PollAnswer> => {
      models.script({ match: { surface, call: 'poll' }, fault });
      return provider().poll(answer.operation);
    };
    expect(await poll({ kind: 'http', status: 503 })).toMatchObject({
      signal: { kind: 'http', status: 503 },
    });
    expect(await poll({ kind: 'http', status: 404 })).toMatchObject({
      signal: { kind: 'http', status: 404 },
    });
    expect(await poll({ kind: 'reset' })).toMatchObject({ signal: { kind: 'network', sent: true } });
    expect(await poll({ kind: 'hang' })).toMatchObject({ signal: { kind: 'timeout' } });
    expect(await provider().poll(answer.operation)).toEqual({ kind: 'running' });
  });
});

describe('Vertex', () => {
  it('writes the videos under the output URI it was given', async () => {
    const call = paidCall(request('vertex', 'two samples', { sampleCount: 2 }));
    const answer = await pollToEnd(vertex, call);
    if (answer.kind !== 'done') throw new Error('not done');
    expect(answer.result.sources.map(({ uri }) => uri.startsWith(call.outputUri))).toEqual([true, true]);
  });

  it('answers in the legacy shape are done without sources, and the videos are under the prefix', async () => {
    models.script({ match: { promptIncludes: 'legacy' }, fault: { kind: 'legacy-shape' } });
    const call = paidCall(request('vertex', 'legacy'));
    expect(await pollToEnd(vertex, call)).toMatchObject({
      kind: 'done',
      result: { sources: [], filteredCount: 0 },
    });
    const prefix = encodeURIComponent(call.outputUri.slice(`gs://${BUCKET}/`.length));
    const listed = await fetch(`${storage.url}/storage/v1/b/${BUCKET}/o?prefix=${prefix}`);
    expect(await listed.json()).toMatchObject({ items: [{ contentType: 'video/mp4' }] });
  });

  it('makes no call ready without credentials', async () => {
    const broken = createVertexProvider({
      project: 'p',
      getAccessToken: () => Promise.reject(new Error('no key file')),
      baseUrl: models.url,
      pollTimeoutMs: TIMEOUT_MS,
    });
    await expect(broken.prepare(paidCall(request('vertex', 'no credentials')))).rejects.toThrow(
      'no key file',
    );
  });
});

describe('Omni on Vertex', () => {
  it('writes the video under the output URI it was given, and stops when asked to', async () => {
    const onVertex = createOmniProvider({
      backend: {
        kind: 'vertex',
        project: 'p',
        baseUrl: models.url,
        getAccessToken: async () => accessToken(identity, Date.now()),
      },
      pollTimeoutMs: TIMEOUT_MS,
      readInput: async () => Buffer.from(''),
      fetch,
    });
    const call = paidCall(request('omni', 'on Vertex'));
    const done = await pollToEnd(onVertex, call);
    expect(done).toMatchObject({
      kind: 'done',
      result: { sources: [{ uri: expect.stringContaining(call.outputUri) }] },
    });
    const second = await submit(onVertex, paidCall(request('omni', 'to be stopped')));
    if (second.kind !== 'accepted') throw new Error('not accepted');
    await onVertex.cancel?.(second.operation);
    expect(await onVertex.poll(second.operation)).toMatchObject({ kind: 'error', code: 1 });
  });
});

describe('the Developer API', () => {
  it('streams a file to its end, says when one is not there, and never sends its key elsewhere', async () => {
    const done = await pollToEnd(gemini, paidCall(request('gemini', 'to be downloaded')));
    if (done.kind !== 'done') throw new Error('not done');
    const uri = done.result.sources[0]?.uri ?? '';
    const answer = await gemini.download(uri);
    if (answer.kind !== 'body') throw new Error('no body');
    let bytes = 0;
    for await (const chunk of answer.body) bytes += Buffer.from(chunk).length;
    expect(bytes).toBeGreaterThan(10_000);
    expect(await gemini.download(uri.replace(/files\/[^:]+/, 'files/nothing'))).toMatchObject({
      kind: 'failed',
    });

    const seen: (string | null)[] = [];
    const wary = createGeminiProvider({
      apiKey: 'the-key',
      baseUrl: models.url,
      pollTimeoutMs: TIMEOUT_MS,
      readImage: async () => Buffer.of(),
      fetch: async (url, init) => {
        seen.push(new Headers(init?.headers).get('x-goog-api-key'));
        const first = seen.length === 1;
        return first
          ? new Response(null, { status: 302, headers: { location: 'https://content.test/x' } })
          : new Response(`${url}`);
      },
    });
    await wary.download(uri);
    expect(seen).toEqual(['the-key', null]);
  });
});
