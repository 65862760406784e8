/**
 * Keeps the functions framework from parsing requests to the `api`.
 *
 * The framework parses a body before the function sees it: it answers malformed JSON with an HTML page, and holds up to
 * 1 GiB in memory. Its parsers skip a request without Content-Type, so this deletes the parsed header; the `api` reads
 * the raw headers, which still have it. Express also decodes the path, and answers an undecodable one with an HTML
 * page. Express keeps an existing `originalUrl`, so this moves such a path there.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { isDecodable } from './handlers/api/path-check.ts';

export function keepRequestRaw(request: IncomingMessage): void {
  delete request.headers['content-type'];
  const { url = '/' } = request;
  if (isDecodable(url)) return;
  Object.assign(request, { originalUrl: url });
  request.url = '/';
}

const startSchema = z.object({
  request: z.custom<IncomingMessage>((value) => typeof value === 'object' && value !== null),
});

/** Applies `keepRequestRaw` to every request of this process. Only for a process that serves nothing but the `api`. */
export function keepAllRequestsRaw(): void {
  subscribe('http.server.request.start', (message) => {
    const parsed = startSchema.safeParse(message);
    if (parsed.success) keepRequestRaw(parsed.data.request);
  });
}
