/**
 * `:predict` and `:generateContent` of image models, passed on with our credentials: the first frame that a sample makes
 * before its video. Not a job: the answer is the picture itself, once.
 */
import type { ImageModelSpec } from '../../core/catalogue/catalogue.ts';
import { type CompatMethod, imageModelFor } from '../../core/compat/models.ts';
import { folderOf } from '../../core/compat/names.ts';
import { classifySubmitFailure, type ProviderSignal } from '../../core/job/errors.ts';
import { type FieldError, invalidRequest, notFound, type Problem, ProblemError } from '../../core/problem.ts';
import type { ImageCall, ImagePassThrough, Services } from '../../ports.ts';
import { parseJson, readBytes } from '../http/json-body.ts';
import { passRateLimiter, tellRateLimiter } from '../job/fair-dispatch.ts';
import { mayDeliver, mayRead } from '../job/inputs.ts';
import { compatRules } from './accept.ts';

/** The function has to be given more. */
export const IMAGE_CALL_TIMEOUT_MS = 180_000;
/** Four pictures of the largest size, in base64, and room. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export interface AskedImage {
  readonly caller: string;
  readonly model: string;
  readonly method: CompatMethod | 'fetchPredictOperation';
  readonly surface: 'developer' | 'vertex';
}

/** @throws ProblemError 400, 404, or 429 when the model's quota is used up for now */
export async function passImageCall(
  services: Services,
  request: Request,
  { caller, model, method, surface }: AskedImage,
): Promise<Response> {
  const { images, clock, settings, log } = services;
  if (!images) throw notFound('This deployment passes no image calls on.');
  if (method === 'fetchPredictOperation' || method === 'predictLongRunning')
    throw notFound(`There is no method ${method} here.`);
  const { spec } = imageModelFor(model, method, {
    ...compatRules(services),
    providers: providersOf(images, surface),
  });
  const body = parseJson(await readBytes(request));
  const errors: FieldError[] = [];
  checkNames(services, caller, body, '', errors);
  if (errors.length > 0) throw invalidRequest(errors);
  const provider = spec.provider === 'gemini' ? 'gemini' : 'vertex';
  const line = { provider, model: spec.model, lane: 'interactive' } as const;
  // It stands in no queue that could hold it up, and is to stop all the same where paid calls have been stopped.
  if (await services.submissions?.isPaused(line)) throw paused(spec.model);
  await passRateLimiter(services, line, caller);
  const startedAt = clock.now();
  const call: ImageCall = {
    ...{ provider, method, model: spec.model, location: settings.locations[provider] },
    body: JSON.stringify(provider === 'vertex' ? withRoles(body) : body),
    ...{ timeoutMs: IMAGE_CALL_TIMEOUT_MS, answerBytesMax: ANSWER_BYTES_MAX },
  };
  const answer = await images.send(call);
  const priceUsd = estimateUsd(spec, body);
  const failure = answer.kind === 'failed' ? classifySubmitFailure(answer.signal) : undefined;
  const isPaid = failure?.outcome !== 'rejected';
  log(answer.kind === 'body' ? 'INFO' : 'WARNING', `image call of ${caller}: ${model} ran on ${spec.model}`, {
    ...{ caller, requestedModel: model, model: spec.model, provider, priceUsd },
    ...{ outcome: answer.kind, elapsedMs: clock.now() - startedAt },
    // Or may have been: what the alert on spending is made of.
    ...(isPaid ? { spentUsd: priceUsd } : {}),
  });
  // The picture is paid for, and nobody but this answer has it: a store that is away must not cost the caller that.
  await tellRateLimiter(services, line, failure).catch((error: unknown) =>
    log('WARNING', `image call of ${caller}: its rateLimiter could not be told`, { error: String(error) }),
  );
  if (answer.kind === 'failed') throw new ProblemError(problemOf(answer.signal, spec.model));
  return new Response(answer.body, {
    headers: { 'content-type': answer.contentType, 'x-clapper-model': spec.model },
  });
}

const paused = (model: string): ProblemError =>
  new ProblemError({
    status: 503,
    code: 'paused',
    title: 'Paid calls are paused',
    detail: `Whoever runs this deployment has paused the calls of ${model}, or its budget has. Nothing was made.`,
  });

/** The Developer API for its own callers, where there is a key; Vertex for all others. */
const providersOf = (
  images: ImagePassThrough,
  surface: AskedImage['surface'],
): readonly ('vertex' | 'gemini')[] =>
  (surface === 'developer' ? (['gemini', 'vertex'] as const) : (['vertex', 'gemini'] as const)).filter(
    (provider) => images.serves(provider),
  );

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a call names in buckets is read and written with our identity: only what this caller may. */
function checkNames(
  services: Services,
  caller: string,
  value: unknown,
  path: string,
  errors: FieldError[],
): void {
  if (typeof value === 'string') {
    if (!value.startsWith('gs://')) return;
    const isTarget = /(?:^|\.)storage_?uri$/i.test(path);
    if (isTarget ? mayDeliver(services, caller, folderOf(value)) : mayRead(services, caller, value)) return;
    const detail = isTarget
      ? `is '${value}', where this service puts nothing for this caller (CLAPPER_DELIVERY_PREFIXES).`
      : `is '${value}', which this caller may not read.`;
    errors.push({ field: path, detail });
  } else if (Array.isArray(value)) {
    for (const [n, inner] of value.entries()) checkNames(services, caller, inner, `${path}[${n}]`, errors);
  } else if (isObject(value)) {
    for (const [key, inner] of Object.entries(value))
      checkNames(services, caller, inner, path === '' ? key : `${path}.${key}`, errors);
  }
}

/** Vertex wants to know who speaks; the Developer API took it to be the user. */
function withRoles(body: unknown): unknown {
  if (!isObject(body) || !('contents' in body)) return body;
  const { contents } = body;
  const withRole = (content: unknown): unknown =>
    isObject(content) && content['role'] === undefined ? { role: 'user', ...content } : content;
  return { ...body, contents: Array.isArray(contents) ? contents.map(withRole) : [withRole(contents)] };
}

function estimateUsd({ pricePerImageUsd }: ImageModelSpec, body: unknown): number {
  const parameters = isObject(body) ? body['parameters'] : undefined;
  const asked = isObject(parameters) ? Number(parameters['sampleCount'] ?? 1) : 1;
  return pricePerImageUsd * (Number.isFinite(asked) ? asked : 1);
}

function problemOf(signal: ProviderSignal, model: string): Problem {
  const title = 'The model has refused the call';
  if (signal.kind === 'http') {
    const seconds = signal.retryAfterMs === undefined ? undefined : Math.ceil(signal.retryAfterMs / 1000);
    return {
      ...{ status: signal.status, code: 'model-refused', title, detail: signal.message },
      ...(seconds === undefined ? {} : { retryAfterSeconds: seconds }),
    };
  }
  const detail = `${model}: ${signal.message}`;
  // Not UNAVAILABLE, which would say that nothing was done: the picture may have been made, and paid.
  if (signal.kind === 'unreadable')
    return { status: 500, code: 'unreadable-answer', title: 'The answer cannot be read', detail };
  const status = signal.kind === 'timeout' ? 504 : 502;
  return { status, code: 'no-answer', title: 'The model did not answer', detail };
}
