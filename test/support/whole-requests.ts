/** Request handling for the HTTP servers of tests, which receive only complete requests. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

type Handle = (request: IncomingMessage, body: Buffer, response: ServerResponse) => void | Promise<void>;

/**
 * Calls `handle` when a request is complete. A request whose client disconnects while sending, as clients of stopping
 * servers do, is dropped. Reading it with `for await` would cause an unhandled rejection.
 */
export const wholeRequests =
  (handle: Handle): RequestListener =>
  (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => void handle(request, Buffer.concat(chunks), response));
  };
