/** What callers show of who they are, and how they are told that it does not do. */
import { ProblemError } from '../core/problem.ts';

export const API_KEY = 'x-goog-api-key';

export const bearerOf = (headers: Headers): string | undefined =>
  /^Bearer\s+(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1];

export const unauthenticated = (detail: string): ProblemError =>
  new ProblemError({ status: 401, code: 'unauthenticated', title: 'Not authenticated', detail });
