/** Authenticates callers of the Google-compatible routes: an API key or a bearer token, in a header or in the URL. */

import { API_KEY, SERVERLESS_AUTHORIZATION } from '../../core/access/credential-headers.ts';
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
  const key = credentialIn(request, 'key');
  if (key && !headers.get(API_KEY)) headers.set(API_KEY, key);
  // Google's parameter for a bearer token. The header wins: a platform in front of this service has checked that one.
  const token = credentialIn(request, 'access_token');
  if (token && !headers.get('authorization')) headers.set('authorization', `Bearer ${token}`);
  if (!CREDENTIALS.some((name) => headers.get(name)?.trim())) throw new ProblemError(MISSING[surface]);
  return callers.verify(headers);
}

/** @throws ProblemError 401 for a value that no header can hold. The message does not repeat it: errors are logged. */
function credentialIn(request: Request, parameter: 'key' | 'access_token'): string | undefined {
  const value = new URL(request.url).searchParams.get(parameter)?.trim();
  if (value === undefined || /^[\x21-\x7e]*$/.test(value)) return value;
  throw new ProblemError({
    status: 401,
    code: 'unauthenticated',
    title: 'Not authenticated',
    detail: `The parameter ${parameter} contains characters that are not printable ASCII.`,
  });
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
