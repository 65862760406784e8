/** Every error of Google's surfaces in Google's shape. */
import { type GoogleErrorBody, googleErrorOf } from '../../core/compat/google-error.ts';
import { type Problem, ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';

function googleErrorResponse(problem: Problem): Response {
  const { status, retryAfterSeconds = status === 429 ? 1 : undefined } = problem;
  const body = googleErrorOf({
    ...problem,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
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
    detail: 'Internal error encountered. Nothing is lost: repeat the request, with its Idempotency-Key.',
  });
}

/** Nothing of ours under Google's paths. */
export function nothingHere(request: Request): Response {
  const { pathname } = new URL(request.url);
  // The one surface of Google's videos that is not spoken here: its models are there all the same.
  const instead = /\/interactions(?:\/|$)/.test(pathname)
    ? ' Omni is asked by POST /v1/jobs here, with {"model": "gemini-omni-1.2-flash"}.'
    : '';
  return googleErrorResponse({
    status: 404,
    code: 'not-found',
    title: 'Not found',
    detail: `The requested URL ${pathname} was not found on this server.${instead}`,
  });
}
