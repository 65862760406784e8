/**
 * Stops a server only after its requests in progress have completed. If a paid call is interrupted, its response is lost
 * and its outcome is unknown.
 */
import type { Server, ServerResponse } from 'node:http';

/**
 * @returns a function that stops accepting connections and resolves when all requests that may change state have been
 *   answered. It does not wait for GET and HEAD requests, such as the long polls of the console.
 */
export function drainable(server: Server): () => Promise<void> {
  const inProgress = new Set<ServerResponse>();
  let onDrained: (() => void) | undefined;
  server.prependListener('request', (request, response) => {
    if (request.method === 'GET' || request.method === 'HEAD') return;
    inProgress.add(response);
    // Otherwise a client with a kept-alive connection would send its next request.
    if (onDrained) response.setHeader('connection', 'close');
    response.once('close', () => {
      inProgress.delete(response);
      if (inProgress.size === 0) onDrained?.();
    });
  });
  return async () => {
    const drained = new Promise<void>((resolve) => {
      onDrained = resolve;
    });
    server.close();
    for (const response of inProgress) if (!response.headersSent) response.setHeader('connection', 'close');
    if (inProgress.size > 0) await drained;
  };
}
