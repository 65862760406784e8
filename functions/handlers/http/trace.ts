/** The trace id of a request. Google's front end rewrites `traceparent` between services, so records keep the id. */

const TRACEPARENT = /^[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}$/;

/** The 32 hex digits of a W3C trace id. */
export function traceOf(headers: Headers): string | undefined {
  return TRACEPARENT.exec(headers.get('traceparent') ?? '')?.[1];
}
