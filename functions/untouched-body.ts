/**
 * Lets the bodies of `api` requests through the functions framework unread.
 *
 * The framework parses a body before the function sees it: malformed JSON is answered with a page of HTML, and up to
 * 1 GiB is kept in memory. Without a Content-Type its parsers leave the stream alone; the raw headers, which the
 * `api` reads, still have it.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';

export function leaveBodyUntouched(request: IncomingMessage): void {
  delete request.headers['content-type'];
}

const startSchema = z.object({
  request: z.custom<IncomingMessage>((value) => typeof value === 'object' && value !== null),
});

/** For a process that serves the `api` function alone: every request that any of its servers receives. */
export function leaveAllBodiesUntouched(): void {
  subscribe('http.server.request.start', (message) => {
    const parsed = startSchema.safeParse(message);
    if (parsed.success) leaveBodyUntouched(parsed.data.request);
  });
}
