/**
 * `:predict` and `:generateContent` of image models, forwarded with this deployment's credentials. Google's samples use
 * them to create the first frame of a video. Such a call is not a job: the answer is the image itself, and is not
 * stored.
 */
import type { ImageModelSpec } from '../../core/catalogue/catalogue.ts';
import type { ImageProviderName } from '../../core/catalogue/vocabulary.ts';
import { type CompatMethod, imageModelFor } from '../../core/compat/models.ts';
import { folderOf } from '../../core/compat/names.ts';
import { defined } from '../../core/defined.ts';
import { classifySubmitFailure, type ProviderSignal } from '../../core/job/errors.ts';
import type { CompatOrigin } from '../../core/job/video-request.ts';
import { decodeBase64 } from '../../core/media/base64.ts';
import { type FieldError, invalidRequest, notFound, type Problem, ProblemError } from '../../core/problem.ts';
import type { ImageCall, ImagePassThrough, Services } from '../../ports.ts';
import { parseJson, readBytes } from '../http/json-body.ts';
import { acquireCallSlot, reportToRateLimiter } from '../job/fair-dispatch.ts';
import { mayDeliver, mayRead } from '../job/inputs.ts';
import { compatRules } from './accept.ts';

/** The request timeout of the `api` function has to be longer. */
export const IMAGE_CALL_TIMEOUT_MS = 180_000;
/** Four images of the largest size in base64, with a margin. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export interface ImageRequest {
  readonly caller: string;
  readonly model: string;
  readonly method: CompatMethod | 'fetchPredictOperation';
  readonly surface: CompatOrigin['surface'];
}

/** @throws ProblemError 400, 404, 503 while paid calls are paused, or 429 if the model is over its quota */
export async function passImageCall(
  services: Services,
  request: Request,
  { caller, model, method, surface }: ImageRequest,
): Promise<Response> {
  const { images, clock, settings, log } = services;
  if (!images) throw notFound('This deployment does not forward calls of image models.');
  if (method === 'fetchPredictOperation' || method === 'predictLongRunning')
    throw notFound(`Image models have no method ${method}; use predict or generateContent.`);
  const { spec } = imageModelFor(model, method, {
    ...compatRules(services),
    providers: providersOf(images, surface),
    hasRetiredMethods: settings.allowRetiredModels,
  });
  const body = parseJson(await readBytes(request));
  const errors: FieldError[] = [];
  checkInputs(services, caller, body, '', errors);
  if (errors.length > 0) throw invalidRequest(errors);
  const provider = spec.provider === 'gemini' ? 'gemini' : 'vertex';
  const queue = { provider, model: spec.model, lane: 'interactive' } as const;
  // The call uses no submit queue, so the pause of the queue has to be checked here.
  if (await services.submissions?.isPaused(queue)) throw paused(spec.model);
  await acquireCallSlot(services, queue, caller);
  const startedAt = clock.now();
  const call: ImageCall = {
    provider,
    method,
    model: spec.model,
    // Waits in no queue, so the other locations are not tried.
    location: spec.locations[0] ?? settings.locations[provider],
    body: JSON.stringify(provider === 'vertex' ? withRoles(body) : body),
    timeoutMs: IMAGE_CALL_TIMEOUT_MS,
    answerBytesMax: ANSWER_BYTES_MAX,
  };
  const answer = await images.send(call);
  const priceUsd = estimateUsd(spec, body);
  const failure = answer.kind === 'failed' ? classifySubmitFailure(answer.signal) : undefined;
  const isPaid = failure?.outcome !== 'rejected';
  log(answer.kind === 'body' ? 'INFO' : 'WARNING', `image call of ${caller}: ${model} ran on ${spec.model}`, {
    caller,
    requestedModel: model,
    model: spec.model,
    provider,
    priceUsd,
    outcome: answer.kind,
    elapsedMs: clock.now() - startedAt,
    // Also if the charge is unknown. The alert on spending uses this field.
    ...(isPaid ? { spentUsd: priceUsd } : {}),
  });
  // The image is paid for and only this answer contains it, so a failed report must not fail the request.
  await reportToRateLimiter(services, queue, failure).catch((error: unknown) =>
    log('WARNING', `image call of ${caller}: its result could not be reported to the rate limiter`, {
      error: String(error),
    }),
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
    detail: `An operator or the budget has paused the calls of ${model}. No call was sent and nothing was charged.`,
  });

/** Prefers the provider of the caller's API. Uses the other one if there are no credentials for it. */
export const providersOf = (
  images: ImagePassThrough,
  surface: ImageRequest['surface'],
): readonly ImageProviderName[] =>
  (surface === 'developer' ? (['gemini', 'vertex'] as const) : (['vertex', 'gemini'] as const)).filter(
    (provider) => images.serves(provider),
  );

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const INLINE_BYTES = /(?:^|\.)(?:inline_?data\.data|bytes_?base64_?encoded)$/i;

/**
 * Google accesses the `gs://` URIs with this deployment's identity, so a call may name only what its caller may use.
 * Inline bytes are held to the same rules as in every other request.
 */
function checkInputs(
  services: Services,
  caller: string,
  value: unknown,
  path: string,
  errors: FieldError[],
): void {
  if (typeof value === 'string') {
    if (INLINE_BYTES.test(path)) {
      const decoded = decodeBase64(value);
      if ('fault' in decoded) errors.push({ field: path, detail: decoded.fault });
      return;
    }
    if (!value.startsWith('gs://')) return;
    const isTarget = /(?:^|\.)storage_?uri$/i.test(path);
    if (isTarget ? mayDeliver(services, caller, folderOf(value)) : mayRead(services, caller, value)) return;
    const detail = isTarget
      ? `is '${value}'; this caller may not have images stored there (CLAPPER_DELIVERY_PREFIXES).`
      : `is '${value}', which this caller may not read.`;
    errors.push({ field: path, detail });
  } else if (Array.isArray(value)) {
    for (const [n, inner] of value.entries()) checkInputs(services, caller, inner, `${path}[${n}]`, errors);
  } else if (isObject(value)) {
    for (const [key, inner] of Object.entries(value))
      checkInputs(services, caller, inner, path === '' ? key : `${path}.${key}`, errors);
  }
}

/** Vertex requires `role` in every content; the Developer API defaults to `user`. */
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
  const title = 'The model refused the call';
  if (signal.kind === 'http') {
    const seconds = signal.retryAfterMs === undefined ? undefined : Math.ceil(signal.retryAfterMs / 1000);
    return {
      status: signal.status,
      code: 'model-refused',
      title,
      detail: signal.message,
      ...defined({ retryAfterSeconds: seconds }),
    };
  }
  const detail = `${model}: ${signal.message}`;
  // Not UNAVAILABLE, which would mean that nothing was done: the image may have been generated and charged.
  if (signal.kind === 'unreadable')
    return { status: 500, code: 'unreadable-answer', title: "The model's answer cannot be read", detail };
  const status = signal.kind === 'timeout' ? 504 : 502;
  return { status, code: 'no-answer', title: 'The model did not answer', detail };
}
