/**
 * Lets requests to the `api` through the functions framework as they came.
 *
 * The framework parses a body before the function sees it: malformed JSON is answered with a page of HTML, and up to
 * 1 GiB is kept in memory. Without a Content-Type its parsers leave the stream alone; the raw headers, which the
 * `api` reads, still have it. And Express decodes the path for the framework's one route, and answers with a page what
 * it cannot decode. Where a request has an `originalUrl` Express keeps it, so the path can be hidden from it there.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { isDecodable } from './handlers/api/path-check.ts';

export function leaveUntouched(request: IncomingMessage): void {
  delete request.headers['content-type'];
  const { url = '/' } = request;
  if (isDecodable(url)) return;
  Object.assign(request, { originalUrl: url });
  request.url = '/';
}

const startSchema = z.object({
  request: z.custom<IncomingMessage>((value) => typeof value === 'object' && value !== null),
});

/** For a process that serves the `api` function alone: every request that any of its servers receives. */
export function leaveAllUntouched(): void {
  subscribe('http.server.request.start', (message) => {
    const parsed = startSchema.safeParse(message);
    if (parsed.success) leaveUntouched(parsed.data.request);
  });
}
