/** Formats the errors of the Google-compatible routes like Google's. */
import { type GoogleErrorBody, googleErrorOf } from '../../core/compat/google-error.ts';
import { defined } from '../../core/defined.ts';
import { type Problem, ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';

export function googleErrorResponse(problem: Problem): Response {
  const { status, retryAfterSeconds = status === 429 ? 1 : undefined } = problem;
  const body = googleErrorOf({
    ...problem,
    ...defined({ retryAfterSeconds }),
  });
  return errorResponse(
    body,
    retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) },
  );
}

const errorResponse = (body: GoogleErrorBody, headers: Record<string, string>): Response =>
  new Response(JSON.stringify(body), {
    status: body.error.code,
    headers: { 'content-type': 'application/json; charset=UTF-8', ...headers },
  });

export function answerError({ log }: Services, error: unknown): Response {
  if (error instanceof ProblemError) return googleErrorResponse(error.problem);
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  log('ERROR', `api: ${message}`, { stack_trace: stack });
  return googleErrorResponse({
    status: 500,
    code: 'internal',
    title: 'Internal error',
    detail: 'Internal error encountered. Repeat the request with the same Idempotency-Key.',
  });
}

/** What to use instead of an API of Google's that Clapper does not serve. */
const INSTEAD: readonly (readonly [RegExp, string])[] = [
  // Omni's models belong to the Interactions API.
  [/\/interactions(?:\/|$)/, ' To use Omni: POST /v1/jobs with {"model": "gemini-omni-1.2-flash"}.'],
  [
    /^\/upload\/|\/files:register$/,
    ' This service stores no uploads of the Files API. Send images as bytes in the request; for a large input, POST ' +
      '/v1/uploads returns a link to PUT it, and its gs:// name.',
  ],
  [
    /^\/(?:models|publishers|projects)\//,
    ' The path has no API version: end the base URL of the client with /v1beta for the Gemini API, or with ' +
      '/v1beta1/publishers/google for Vertex AI.',
  ],
  [
    /\/operations(?:\/|$)/,
    ' On Vertex AI, POST {model}:fetchPredictOperation returns an operation. GET /v1/jobs lists jobs.',
  ],
];

/** 405 for a GET of `{name}:{method}`, which the routes of `{name}` receive. Google's front end answers 404 without a hint. */
export function acceptsOnlyPost(request: Request): Response {
  const { pathname } = new URL(request.url);
  const response = googleErrorResponse({
    status: 405,
    code: 'method-not-allowed',
    title: 'Method not allowed',
    detail: `${pathname} does not accept ${request.method}; it accepts POST.`,
  });
  response.headers.set('allow', 'POST, OPTIONS');
  return response;
}

/** 404 for a path under Google's prefixes that Clapper does not serve. */
export function routeNotFound(request: Request): Response {
  const { pathname } = new URL(request.url);
  const [, instead = ''] = INSTEAD.find(([pattern]) => pattern.test(pathname)) ?? [];
  return googleErrorResponse({
    status: 404,
    code: 'not-found',
    title: 'Not found',
    detail: `The requested URL ${pathname} was not found on this server.${instead}`,
  });
}
