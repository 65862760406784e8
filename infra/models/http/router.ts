/** Routes an HTTP request to its handler and sends the reply. Each surface is a list of routes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { KEEP_ALIVE_MS } from '../../shared/running-server.ts';
import { GoogleError, invalid } from './google-error.ts';
import { errorReply, type Reply, refusalReply, type SentReply } from './reply.ts';

/** A request with its complete body. */
export interface Call {
  readonly method: string;
  /** Decoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export interface Route {
  /** GET also serves HEAD. */
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Must match the whole decoded path. The handler receives its named groups. */
  readonly path: RegExp;
  readonly handle: (call: Call, groups: Readonly<Record<string, string>>) => Promise<Reply> | Reply;
}

/** Enough for a first frame, a last frame and three references of 20 MB each, in base64. */
const MAX_BODY_BYTES = 140 * 1024 * 1024;

export function routingServer(routes: readonly Route[], onBug: (error: unknown) => void): Server {
  const server = createServer((request, response) => {
    answer(routes, request, onBug)
      .then((reply) => deliver(reply, request, response))
      .catch((error: unknown) => {
        // A client that disconnects while it sends its request is not a bug.
        if (!request.destroyed) onBug(error);
        response.destroy();
      });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return server;
}

async function answer(
  routes: readonly Route[],
  request: IncomingMessage,
  onBug: (error: unknown) => void,
): Promise<Reply> {
  const body = await readBody(request);
  try {
    const call = toCall(request, body);
    const method = call.method === 'HEAD' ? 'GET' : call.method;
    for (const route of routes) {
      const match = route.method === method ? route.path.exec(call.path) : null;
      if (match) return await route.handle(call, match.groups ?? {});
    }
    return errorReply(404, 'Method not found.');
  } catch (error) {
    if (error instanceof GoogleError) return refusalReply(error);
    onBug(error);
    return errorReply(500, 'Internal error encountered.');
  }
}

function toCall(request: IncomingMessage, body: Buffer | undefined): Call {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (body === undefined) {
    return invalid(`Request payload size exceeds the limit: ${MAX_BODY_BYTES} bytes.`);
  }
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  );
  return {
    method: request.method ?? 'GET',
    path: decodePath(url.pathname),
    query: url.searchParams,
    headers,
    body,
  };
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return invalid('The path is not correctly percent-encoded.');
  }
}

/** The body, or undefined if it is too large. It is read to its end in both cases, so that the client reads the reply. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return length <= MAX_BODY_BYTES ? Buffer.concat(chunks) : undefined;
}

function deliver(reply: Reply, request: IncomingMessage, response: ServerResponse): void {
  switch (reply.kind) {
    case 'send':
      writeHead(reply, response);
      response.end(request.method === 'HEAD' ? undefined : reply.body);
      return;
    case 'truncated':
      writeHead(reply.reply, response);
      // Close the connection only after the kernel has accepted the bytes: otherwise the client may receive none of them.
      response.write(reply.reply.body.subarray(0, reply.sentBytes), () => response.destroy());
      return;
    case 'reset':
      request.socket.resetAndDestroy();
      return;
    case 'hang':
      return;
  }
}

function writeHead(reply: SentReply, response: ServerResponse): void {
  response.writeHead(reply.status, { ...reply.headers, 'content-length': String(reply.body.length) });
}

/** The body as a JSON object. @throws GoogleError INVALID_ARGUMENT */
export function jsonBody(call: Call): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(call.body.toString('utf8'));
  } catch {
    return invalid('Invalid JSON payload received. Unexpected token.');
  }
  if (!isObject(value)) return invalid('Invalid JSON payload received. Root element must be a message.');
  return value;
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
