/** Paths that cannot be decoded are nobody's: refused before any route looks at them, in the shape of their surface. */
import type { MiddlewareHandler } from 'hono';
import { invalidRequest } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { answerError } from '../compat/errors.ts';
import { isGooglesPath } from '../compat/routes.ts';

/** Whether every percent sign begins an escape, and all of them together are UTF-8. */
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
    const detail = `'${pathname}' cannot be decoded: a percent sign begins an escape of UTF-8; write %25 for the sign itself.`;
    const error = invalidRequest([{ field: 'path', detail }]);
    if (isGooglesPath(pathname)) return answerError(services, error);
    throw error;
  };
