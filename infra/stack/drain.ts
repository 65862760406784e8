/** Ending a server without cutting off what was begun: the answer of a paid call that is lost leaves its outcome unknown. */
import type { Server, ServerResponse } from 'node:http';

/**
 * @returns takes no more connections, and resolves when all requests that may change something have been answered.
 *   Those that only read, like the long polls of a page, are not waited for.
 */
export function drainable(server: Server): () => Promise<void> {
  const underWay = new Set<ServerResponse>();
  let noneIsLeft: (() => void) | undefined;
  server.prependListener('request', (request, response) => {
    if (request.method === 'GET' || request.method === 'HEAD') return;
    underWay.add(response);
    // Otherwise a client that keeps its connection would begin the next one.
    if (noneIsLeft) response.setHeader('connection', 'close');
    response.once('close', () => {
      underWay.delete(response);
      if (underWay.size === 0) noneIsLeft?.();
    });
  });
  return async () => {
    const drained = new Promise<void>((resolve) => {
      noneIsLeft = resolve;
    });
    server.close();
    for (const response of underWay) if (!response.headersSent) response.setHeader('connection', 'close');
    if (underWay.size > 0) await drained;
  };
}
