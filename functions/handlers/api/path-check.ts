/** Refuses undecodable paths before routing, in the error format of the API that the path belongs to. */
import type { MiddlewareHandler } from 'hono';
import { invalidRequest } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { answerError } from '../compat/errors.ts';
import { isGooglesPath } from '../compat/routes.ts';

/** Whether every percent sign starts a valid escape, and the escapes are UTF-8. */
export function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

export const checkPath =
  (services: Services): MiddlewareHandler =>
  async (c, next) => {
    const { pathname } = new URL(c.req.url);
    if (isDecodable(pathname)) return next();
    const detail = `'${pathname}' is not valid percent-encoded UTF-8; write %25 for a literal percent sign.`;
    const error = invalidRequest([{ field: 'path', detail }]);
    if (isGooglesPath(pathname)) return answerError(services, error);
    throw error;
  };
