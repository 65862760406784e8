/** The provider adapters against the simulated models: requests, and the classification of every failure. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createGeminiProvider } from '../../../functions/adapters/gemini-provider.ts';
import { createOmniProvider } from '../../../functions/adapters/omni-provider.ts';
import { createVertexProvider } from '../../../functions/adapters/vertex-provider.ts';
import { classifySubmitFailure } from '../../../functions/core/job/errors.ts';
import type { VideoRequest } from '../../../functions/core/job/video-request.ts';
import { readImage } from '../../../functions/core/media/image.ts';
import { mp4DurationSeconds } from '../../../functions/core/media/mp4.ts';
import type { PaidCall, PollAnswer, SubmitAnswer, VideoProvider } from '../../../functions/ports.ts';
import { accessToken, isAccessToken, startTokenServer } from '../../../infra/identity/token-server.ts';
import { type RunningModels, startModels } from '../../../infra/models/server.ts';
import { parseMp4 } from '../../../infra/mp4/mp4-parser.ts';
import { loadIdentity } from '../../../infra/shared/identity.ts';
import { type StorageServer, startStorage } from '../../../infra/storage/server.ts';
import { credentialsFor } from '../../support/credentials.ts';
import { PNG } from '../../support/images.ts';
import { rangesOf } from '../../support/read-range.ts';
import { firstStage, makeRequest } from '../../support/requests.ts';
import { temporaryDir } from '../../support/temporary-dir.ts';

const BUCKET = 'provider-out';
/** Ends a test that hangs, on a machine however busy. */
const TIMEOUT_MS = 90_000;
/** For answers that never come. Long enough for a busy machine to receive the request. */
const HANG_TIMEOUT_MS = 2000;

const dir = temporaryDir();
const identity = loadIdentity(dir);
let now = Date.now();
let models: RunningModels;
let storage: StorageServer;
interface Providers {
  readonly vertex: VideoProvider;
  readonly gemini: VideoProvider;
  readonly omni: VideoProvider;
}
let providers: Providers;
let impatient: Providers;
let vertex: VideoProvider;
let gemini: VideoProvider;
let omni: VideoProvider;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const tokens = await startTokenServer(identity);
  // As in the cloud. Without it the auth library asks Google for the project id.
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
    imagen: 'alive',
    // The clock advances at every read, so that waiting for a fast image ends.
    now: () => now++,
  });
  providers = providersWith(TIMEOUT_MS);
  impatient = providersWith(HANG_TIMEOUT_MS);
  ({ vertex, gemini, omni } = providers);
  closing.push(models.stop, storage.stop, tokens.stop);
});
afterAll(async () => {
  for (const close of closing) await close();
});
beforeEach(() => models.clearFaults());

const providersWith = (pollTimeoutMs: number): Providers => ({
  vertex: createVertexProvider({
    project: 'p',
    getAccessToken: async () => accessToken(identity, Date.now()),
    baseUrl: models.url,
    pollTimeoutMs,
  }),
  gemini: createGeminiProvider({
    apiKey: 'the-key',
    baseUrl: models.url,
    pollTimeoutMs,
    readImage: async () => Buffer.from(''),
    fetch,
  }),
  omni: createOmniProvider({
    backend: { kind: 'developer', apiKey: 'the-key', baseUrl: models.url },
    pollTimeoutMs,
    readInput: async () => Buffer.from(''),
    fetch,
  }),
});

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
  ...{ jobId: 'job_j', attemptId: 'att_a' },
  stage: firstStage(body),
  location: body.provider === 'vertex' ? 'us-central1' : 'global',
  outputUri: `gs://${BUCKET}/jobs/j/att_${++calls}/`,
  timeoutMs: TIMEOUT_MS,
});

const submit = async (provider: VideoProvider, call: PaidCall): Promise<SubmitAnswer> =>
  (await provider.prepare(call))();

/** Advances the clock until the operation has ended. */
async function pollToEnd(provider: VideoProvider, call: PaidCall): Promise<PollAnswer> {
  const answer = await submit(provider, call);
  if (answer.kind !== 'accepted') throw new Error(`The call was not accepted: ${JSON.stringify(answer)}`);
  expect(await provider.poll(answer.operation)).toEqual({ kind: 'running' });
  now += 7 * 60_000;
  await models.settled();
  return provider.poll(answer.operation);
}

describe.each(['vertex', 'gemini', 'omni'] as const)('provider %s', (name) => {
  const provider = (): VideoProvider => providers[name];
  const surface = ({ vertex: 'vertex', gemini: 'developer', omni: 'omni' } as const)[name];
  const paid = (prompt: string): number => models.paidCalls().filter((call) => call.prompt === prompt).length;

  it('submits once and polls until the operation is done with a video', async () => {
    const answer = await pollToEnd(provider(), paidCall(request(name, `${name} good`)));
    expect(answer).toMatchObject({
      kind: 'done',
      result: { sources: [{}], filteredCount: 0, filteredReasons: [] },
    });
    expect(paid(`${name} good`)).toBe(1);
  });

  // The fault, the outcome that it is classified as, and the number of operations that exist.
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
  it.each(failures)('classifies %j as %s after exactly one request', async (fault, outcome, operations) => {
    const prompt = `${name} ${JSON.stringify(fault)}`;
    models.script({ match: { surface, promptIncludes: prompt }, fault });
    const timeoutMs = fault.kind === 'hang' ? HANG_TIMEOUT_MS : TIMEOUT_MS;
    const answer = await submit(provider(), { ...paidCall(request(name, prompt)), timeoutMs });
    if (answer.kind !== 'failed') throw new Error('The call was accepted.');
    expect(classifySubmitFailure(answer.signal).outcome).toBe(outcome);
    // A second request would not have met the fault and would have been paid.
    expect(paid(prompt)).toBe(operations);
  });

  it('classifies an unreachable server as a free rejection', async () => {
    const gone = await startTokenServer(identity);
    const nobodyThere = `http://127.0.0.1:${gone.port}`;
    await gone.stop();
    const common = { baseUrl: nobodyThere, pollTimeoutMs: TIMEOUT_MS };
    const nothing = async (): Promise<Uint8Array> => Buffer.of();
    const elsewhere = {
      vertex: () => createVertexProvider({ project: 'p', getAccessToken: async () => 't', ...common }),
      gemini: () => createGeminiProvider({ apiKey: 'k', readImage: nothing, fetch, ...common }),
      omni: () =>
        createOmniProvider({
          backend: { kind: 'developer', apiKey: 'k', baseUrl: nobodyThere },
          pollTimeoutMs: TIMEOUT_MS,
          readInput: nothing,
          fetch,
        }),
    }[name]();
    const answer = await submit(elsewhere, paidCall(request(name, 'unreachable')));
    expect(answer).toMatchObject({ kind: 'failed', signal: { kind: 'network', sent: false } });
  });

  it('returns operation errors, filtered videos and empty results unchanged', async () => {
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

  it('reports a poll that is refused, reset or gets no response', async () => {
    const prompt = `${name} poll faults`;
    const answer = await submit(provider(), paidCall(request(name, prompt)));
    if (answer.kind !== 'accepted') throw new Error('The call was not accepted.');
    const poll = async (fault: Parameters<RunningModels['script']>[0]['fault']): Promise<PollAnswer> => {
      models.script({ match: { surface, call: 'poll' }, fault });
      return (fault.kind === 'hang' ? impatient : providers)[name].poll(answer.operation);
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
  it('accepts images as bytes if it may not read the bucket, and a Pub/Sub topic', async () => {
    const read: string[] = [];
    const inline = createVertexProvider({
      project: 'p',
      getAccessToken: async () => 't',
      baseUrl: models.url,
      pollTimeoutMs: TIMEOUT_MS,
      readImage: async (gcsUri) => {
        read.push(gcsUri);
        return PNG;
      },
    });
    const picture = (gcsUri: string) => ({ gcsUri, mimeType: 'image/png' }) as const;
    const call = paidCall(
      request('vertex', 'bytes', {
        image: picture('gs://unreadable/first.png'),
        lastFrame: picture('gs://unreadable/last.png'),
        pubsubTopic: 'projects/p/topics/t',
      }),
    );
    expect(await pollToEnd(inline, call)).toMatchObject({ kind: 'done', result: { sources: [{}] } });
    expect(read.sort()).toEqual(['gs://unreadable/first.png', 'gs://unreadable/last.png']);
    const byName = await submit(vertex, call);
    expect(byName).toMatchObject({ kind: 'failed', signal: { kind: 'http', status: 400 } });
  });

  it('writes the videos under the output URI it was given', async () => {
    const call = paidCall(request('vertex', 'two samples', { sampleCount: 2 }));
    const answer = await pollToEnd(vertex, call);
    if (answer.kind !== 'done') throw new Error('The operation is not done.');
    expect(answer.result.sources.map(({ uri }) => uri.startsWith(call.outputUri))).toEqual([true, true]);
  });

  it('returns no sources for a legacy response, and the videos are under the prefix', async () => {
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

  it('does not prepare a call without credentials', async () => {
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

describe.each(['developer', 'vertex'] as const)('Omni on the %s backend, after a first video', (kind) => {
  const bytesOf = async (uri: string): Promise<Buffer> => {
    if (!uri.startsWith('gs://')) {
      const answer = await omni.download(uri);
      if (answer.kind !== 'body') throw new Error(`no body: ${JSON.stringify(answer)}`);
      return Buffer.concat(await answer.body.toArray());
    }
    const name = encodeURIComponent(uri.slice(`gs://${BUCKET}/`.length));
    const response = await fetch(`${storage.url}/storage/v1/b/${BUCKET}/o/${name}?alt=media`);
    return Buffer.from(await response.arrayBuffer());
  };
  const provider = (): VideoProvider =>
    createOmniProvider({
      backend:
        kind === 'developer'
          ? { kind, apiKey: 'the-key', baseUrl: models.url }
          : { kind, project: 'p', baseUrl: models.url, getAccessToken: async () => 't', idOf: (id) => id },
      ...{ pollTimeoutMs: TIMEOUT_MS, readInput: bytesOf, fetch },
    });
  const made = async (over: Partial<VideoRequest>): Promise<{ uri: string; name: string; bytes: Buffer }> => {
    const call = paidCall(request('omni', `${kind} turn ${++calls}`, over));
    const answer = await submit(provider(), call);
    if (answer.kind !== 'accepted') throw new Error(JSON.stringify(answer));
    now += 7 * 60_000;
    await models.settled();
    const done = await provider().poll(answer.operation);
    const [source] = done.kind === 'done' ? done.result.sources : [];
    if (!source) throw new Error(JSON.stringify(done));
    return { uri: source.uri, name: answer.operation.name, bytes: await bytesOf(source.uri) };
  };
  const secondsOf = (bytes: Buffer): Promise<number | undefined> =>
    mp4DurationSeconds(bytes.length, async (start, end) => bytes.subarray(start, end + 1));
  const tall = { aspectRatio: '9:16', durationSeconds: 5 } as const;
  const input = (uri: string) => ({ gcsUri: uri, mimeType: 'video/mp4', durationSeconds: 5 }) as const;

  it('edits it and keeps its length', async () => {
    const first = await made(tall);
    const edited = await made({ ...tall, task: 'edit', video: input(first.uri) });
    expect(await secondsOf(edited.bytes)).toBe(5);
    expect(edited.bytes.equals(first.bytes)).toBe(false);
  });

  it('upscales it without a prompt', async () => {
    const first = await made(tall);
    const large = await made({
      ...{ ...tall, task: 'upscale', video: input(first.uri) },
      ...{ resolution: '1080p', prompt: undefined },
    });
    const [before, after] = [first, large].map(({ bytes }) => parseMp4(bytes));
    expect(after?.durationSeconds).toBe(5);
    expect(after?.height).toBeGreaterThan(before?.height ?? 0);
  });

  it('continues from its operation: edits the result, then extends the edit', async () => {
    const first = await made(tall);
    const previous = { jobId: 'job_p', durationSeconds: 5 } as const;
    const second = await made({
      ...{ ...tall, task: 'edit' },
      previousTurn: { ...previous, operationName: first.name },
    });
    expect(await secondsOf(second.bytes)).toBe(5);
    const third = await made({
      ...{ ...tall, task: 'extend', durationSeconds: 4 },
      previousTurn: { ...previous, operationName: second.name },
    });
    expect(await secondsOf(third.bytes)).toBe(9);
  });

  it('is refused free of charge for an unknown operation', async () => {
    const previousTurn = { jobId: 'job_p', durationSeconds: 5, operationName: 'v1_gone' };
    const answer = await submit(
      provider(),
      paidCall(request('omni', 'after nothing', { task: 'edit', previousTurn })),
    );
    if (answer.kind !== 'failed') throw new Error('The call was accepted.');
    expect(classifySubmitFailure(answer.signal).outcome).toBe('rejected');
  });
});

describe('Omni on Vertex', () => {
  it('writes the video under the given output URI, and can be cancelled', async () => {
    const onVertex = createOmniProvider({
      backend: {
        kind: 'vertex',
        project: 'p',
        baseUrl: models.url,
        getAccessToken: async () => accessToken(identity, Date.now()),
        idOf: (id) => (id === 'gemini-omni-1.1-flash' ? `${id}-preview` : id),
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
    if (second.kind !== 'accepted') throw new Error('The call was not accepted.');
    await onVertex.cancel?.(second.operation);
    expect(await onVertex.poll(second.operation)).toMatchObject({ kind: 'error', code: 1 });
    // The older model has another name there.
    const older = { ...request('omni', 'by the older model'), model: 'gemini-omni-1.1-flash' };
    expect(await submit(onVertex, paidCall(older))).toMatchObject({ kind: 'accepted' });
  });
});

describe('the Developer API', () => {
  it('generates a first frame with Imagen, withholds a filtered one, and refuses an unsupported size', async () => {
    const image = (prompt: string, imageSize: '1K' | '2K' | '4K') => {
      const firstFrame = { prompt, provider: 'gemini', model: 'imagen-4.0-generate-001', imageSize } as const;
      // Drawing and compressing four million pixels takes time.
      return submit(gemini, {
        ...paidCall({ ...request('gemini', 'a'), firstFrame }),
        timeoutMs: TIMEOUT_MS,
      });
    };
    // The real model takes seconds, while the caller waits.
    const match = { call: 'image', promptIncludes: 'imagen' } as const;
    models.script({ match, fault: { kind: 'latency', seconds: 0.001 }, times: 2 });
    models.script({ match: { ...match, promptIncludes: 'withheld' }, fault: { kind: 'safety-filter' } });
    const made = await image('imagen', '2K');
    const withheld = await image('imagen withheld', '1K');
    const refused = await image('imagen', '4K');
    expect(made).toMatchObject({ kind: 'image', mimeType: 'image/png' });
    const png = made.kind === 'image' ? made.bytes : new Uint8Array();
    const given = { sizeBytes: png.length, read: rangesOf(png), declared: undefined, model: 'a model' };
    expect(await readImage({ ...given, accepts: ['image/png'] })).toEqual({
      mimeType: 'image/png',
      sizeBytes: png.length,
    });
    expect(withheld).toMatchObject({ kind: 'withheld', reasons: [expect.any(String)] });
    expect(refused).toMatchObject({ kind: 'failed', signal: { kind: 'http', status: 400 } });
  });

  it('accepts a webhook URL for Omni and for Veo', async () => {
    const webhook = { uri: 'https://hook.test/x' };
    const common = { baseUrl: models.url, pollTimeoutMs: TIMEOUT_MS, fetch, webhook };
    const readImage = async (): Promise<Uint8Array> => Buffer.of();
    const veo = createGeminiProvider({ apiKey: 'the-key', readImage, ...common });
    expect(await submit(veo, paidCall(request('gemini', 'called back')))).toMatchObject({ kind: 'accepted' });
    const called = createOmniProvider({
      backend: { kind: 'developer', apiKey: 'the-key', baseUrl: models.url },
      ...{ ...common, readInput: readImage },
    });
    const answer = await submit(called, paidCall(request('omni', 'called back')));
    if (answer.kind !== 'accepted') throw new Error('The call was not accepted.');
    const stored = await fetch(`${models.url}/v1/interactions/${answer.operation.name}`, {
      headers: { 'x-goog-api-key': 'the-key' },
    });
    expect(await stored.json()).toMatchObject({
      webhook_config: {
        uris: ['https://hook.test/x'],
        user_metadata: { job_id: 'job_j', attempt_id: 'att_a' },
      },
    });
  });

  it('streams a whole file, reports a missing one, and never sends its key to another host', async () => {
    const done = await pollToEnd(gemini, paidCall(request('gemini', 'to be downloaded')));
    if (done.kind !== 'done') throw new Error('The operation is not done.');
    const uri = done.result.sources[0]?.uri ?? '';
    const answer = await gemini.download(uri);
    if (answer.kind !== 'body') throw new Error('There is no body.');
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

describe('text instead of an image or a video', () => {
  it('is reported: for an image as a free refusal, for a video with the result', async () => {
    // The real model takes seconds, while the caller waits.
    models.script({ match: { call: 'image' }, fault: { kind: 'latency', seconds: 0.001 }, times: 1 });
    models.script({ match: { call: 'image' }, fault: { kind: 'text-only' } });
    const firstFrame = { prompt: 'a cat', provider: 'vertex', model: 'gemini-3.1-flash-image' } as const;
    const call = paidCall({ ...request('vertex', 'a'), firstFrame });
    const answer = await submit(vertex, { ...call, timeoutMs: TIMEOUT_MS });
    expect(answer).toMatchObject({ kind: 'failed', signal: { kind: 'declined' } });
    if (answer.kind !== 'failed') return;
    expect(answer.signal.message).toMatch(/^The model made no image and answered: \w/);
    expect(classifySubmitFailure(answer.signal)).toMatchObject({
      outcome: 'rejected',
      retry: 'never',
      error: { code: 'DECLINED', charged: 'no' },
    });
    expect(await pollToEnd(omni, paidCall(request('omni', '[simulate: refusal] a cat')))).toMatchObject({
      kind: 'done',
      result: { sources: [], filteredCount: 0, words: expect.stringMatching(/\w/) },
    });
  });

  it('does not cause a reroll when a filter rejected the prompt', async () => {
    expect(await pollToEnd(omni, paidCall(request('omni', '[simulate: safety-filter] a cat')))).toMatchObject(
      {
        kind: 'done',
        result: { sources: [], filteredCount: 1, filteredSide: 'input' },
      },
    );
  });
});
