/** Reads bearer tokens and creates 401 errors, for all ways of authentication. */
import { ProblemError } from '../core/problem.ts';

export const bearerOf = (headers: Headers, name = 'authorization'): string | undefined =>
  /^Bearer\s+(\S+)$/i.exec(headers.get(name) ?? '')?.[1];

export const unauthenticated = (detail: string): ProblemError =>
  new ProblemError({ status: 401, code: 'unauthenticated', title: 'Not authenticated', detail });
