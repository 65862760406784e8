/** Answers OPTIONS, and 405 for a method that a path does not have, in the error format of the API it belongs to. */
import type { Hono, MiddlewareHandler } from 'hono';
import { methodNotAllowed } from 'hono/method-not-allowed';
import type { Problem } from '../../core/problem.ts';

/** @param refuse formats the problem for this path */
export function namesMethods(
  app: Hono,
  refuse: (path: string, problem: Problem) => Response,
): MiddlewareHandler {
  return methodNotAllowed({
    app,
    onMethodNotAllowed: (c, found) => {
      const methods = [...found].sort();
      const { method, path } = c.req;
      const allow = [...methods, 'OPTIONS'].join(', ');
      if (method === 'OPTIONS') return new Response(null, { status: 204, headers: { allow } });
      const response = refuse(path, {
        status: 405,
        code: 'method-not-allowed',
        title: 'Method not allowed',
        detail: `${path} does not accept ${method}; it accepts ${methods.join(', ')}.`,
      });
      response.headers.set('allow', allow);
      return response;
    },
  });
}
