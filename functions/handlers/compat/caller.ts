/** Authenticates callers of the Google-compatible routes: an API key in a header or in the URL, or a bearer token. */

import { API_KEY, SERVERLESS_AUTHORIZATION } from '../../core/credential-headers.ts';
import type { Job } from '../../core/job/job.ts';
import { ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';

const CREDENTIALS = [API_KEY, 'authorization', SERVERLESS_AUTHORIZATION];

const MISSING = {
  developer: {
    status: 403,
    code: 'no-credentials',
    title: 'Permission denied',
    detail:
      "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or " +
      'other form of API consumer identity to call this API.',
  },
  vertex: {
    status: 401,
    code: 'no-credentials',
    title: 'Not authenticated',
    detail:
      'Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other ' +
      'valid authentication credential.',
  },
} as const;

/** @throws ProblemError 401 or 403, like the Google API of this surface */
export async function callerOf(
  { callers }: Services,
  request: Request,
  surface: keyof typeof MISSING,
): Promise<string> {
  const headers = new Headers(request.headers);
  const key = new URL(request.url).searchParams.get('key')?.trim();
  if (key && !headers.get(API_KEY)) headers.set(API_KEY, key);
  if (!CREDENTIALS.some((name) => headers.get(name)?.trim())) throw new ProblemError(MISSING[surface]);
  return callers.verify(headers);
}

export const maySee = ({ settings }: Services, caller: string, job: Job): boolean =>
  job.caller === caller || settings.operators.includes(caller);

/** The scheme and host that the caller used. Behind a proxy that terminates TLS the request itself has http. */
export function originOf(request: Request): string {
  const url = new URL(request.url);
  const [forwarded] = (request.headers.get('x-forwarded-proto') ?? '').split(',');
  const scheme = forwarded?.trim().toLowerCase();
  return scheme === 'https' || scheme === 'http' ? `${scheme}://${url.host}` : url.origin;
}
