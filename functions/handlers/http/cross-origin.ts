/** Browsers and other origins: CORS for allowed origins, and no state-changing requests from the pages of others. */
import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { isAllowedOrigin } from '../../core/access/cors-origins.ts';

/** Response headers that a page may read, besides those that every page may read, such as Content-Type. */
const EXPOSED = [
  'accept-ranges',
  'allow',
  'content-disposition',
  'content-length',
  'content-range',
  'etag',
  'location',
  'preference-applied',
  'retry-after',
  'x-clapper-model',
];

/** Browsers keep the answer to a preflight for two hours at most. */
const PREFLIGHT_SECONDS = 3600;

/**
 * Answers preflights without credentials, because browsers send none with them. Every request header is allowed: a list
 * would have to follow the headers of each client library, and no header grants anything that a page cannot have.
 * Cookies are not used, so the answers do not allow credentials of the browser.
 */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler {
  const answer = cors({
    origin: (origin) => (isAllowedOrigin(origins, origin) ? origin : null),
    allowMethods: ['GET', 'HEAD', 'POST', 'DELETE'],
    exposeHeaders: EXPOSED,
    maxAge: PREFLIGHT_SECONDS,
  });
  return async (c, next) => {
    if (origins.length === 0) return next();
    if (c.req.header('origin') === undefined) {
      await next();
      c.header('vary', 'Origin', { append: true });
      return;
    }
    // Without this header OPTIONS is no preflight; it asks for the methods of the path.
    const isPreflight = c.req.header('access-control-request-method') !== undefined;
    return c.req.method === 'OPTIONS' && !isPreflight ? next() : answer(c, next);
  };
}

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Refuses what a page of an origin that is not allowed sends without a preflight: a form, or `fetch` with `no-cors`. The
 * page could not read the answer, but on a local stack, which needs no credentials, it would make jobs. Browsers name such
 * requests in `Sec-Fetch-Site`; other clients do not send this header.
 */
export function refuseOtherPages(
  origins: readonly string[],
  refuse: (path: string, origin: string) => Response,
): MiddlewareHandler {
  return async (c, next) => {
    const site = c.req.header('sec-fetch-site');
    const origin = c.req.header('origin') ?? 'unknown';
    const isForeign = site === 'cross-site' || site === 'same-site';
    if (!isForeign || SAFE_METHODS.includes(c.req.method) || isAllowedOrigin(origins, origin)) return next();
    return refuse(c.req.path, origin);
  };
}
