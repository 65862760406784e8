/** How a test's own HTTP server receives: whole requests, or nothing. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

type Handle = (request: IncomingMessage, body: Buffer, response: ServerResponse) => void | Promise<void>;

/**
 * A listener that hands requests over once they are complete. One whose client went away in the middle of sending, as
 * clients of stopping servers do, is handed to nobody; read with `for await` it would be an unhandled rejection.
 */
export const wholeRequests =
  (handle: Handle): RequestListener =>
  (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => void handle(request, Buffer.concat(chunks), response));
  };
