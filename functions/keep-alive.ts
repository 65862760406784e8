/**
 * Keeps idle connections open for longer than clients and load balancers do.
 *
 * Node's server closes an idle connection after 5 s. A client that sends its next request at that moment gets an error, and
 * does not know whether its paid POST was accepted. The functions framework creates the server itself and has no setting
 * for this, so the server is taken from Node's diagnostics at its first request: before the first response, after which
 * a connection can first be idle.
 */
import { subscribe } from 'node:diagnostics_channel';
import { Server } from 'node:http';
import { z } from 'zod';

/** Google's load balancers keep idle connections to a backend for 600 s. Connection pools of clients keep theirs for less. */
export const KEEP_ALIVE_MS = 620_000;

const startSchema = z.object({ server: z.instanceof(Server) });

/** Applies {@link KEEP_ALIVE_MS} to every HTTP server of this process. */
export function keepConnectionsAlive(): void {
  subscribe('http.server.request.start', (message) => {
    const parsed = startSchema.safeParse(message);
    if (parsed.success) parsed.data.server.keepAliveTimeout = KEEP_ALIVE_MS;
  });
}
