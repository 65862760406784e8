/**
 * Cloud Storage on loopback: the JSON API and the XML API with V4 signed URLs, over HTTP, for the unmodified client
 * libraries. Signatures are verified. Credentials of the JSON API are not.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { KEEP_ALIVE_MS, LOOPBACK, type RunningServer } from '../shared/running-server.ts';
import { Buckets } from './buckets.ts';
import { backendError, StorageError } from './errors.ts';
import { ConnectionReset, Faults } from './faults.ts';
import { JsonApi, type JsonRoute, jsonRoute } from './json-api.ts';
import { headerOf, type StorageReply, type StorageRequest } from './messages.ts';
import { ObjectStore } from './objects.ts';
import { Persistence } from './persistence.ts';
import type { BucketSpec, ObjectEvent } from './resources.ts';
import { ResumableUploads } from './resumable.ts';
import { XmlApi } from './xml-api.ts';

export type { ObjectEvent } from './resources.ts';

export interface StorageOptions {
  /** 0, the default, picks a free port. */
  readonly port?: number;
  readonly host?: string;
  /** Folder of the journal and the contents. Without it a temporary folder is used, which `stop` removes. */
  readonly stateDir?: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Public keys (PEM) by service account e-mail. Only their signed URLs are accepted. */
  readonly signers?: Readonly<Record<string, string>>;
  /** Buckets to create at the start. Existing ones get these settings. */
  readonly buckets?: readonly BucketSpec[];
  /**
   * Called once per event, in order, before the response to the request that caused it. Events that a crash prevented are
   * emitted at the next start, during `startStorage`.
   */
  readonly onObjectEvent?: (event: ObjectEvent) => void;
  /** Called with unexpected errors. Default: writes a line to standard error. */
  readonly onBug?: (error: unknown) => void;
}

export interface StorageServer
  extends RunningServer,
    Pick<Faults, 'failNext' | 'cutNextDownload' | 'corruptNextChecksum'> {
  /** `http://host:port`: the client's `apiEndpoint`, or `STORAGE_EMULATOR_HOST`. */
  readonly url: string;
}

export async function startStorage(options: StorageOptions = {}): Promise<StorageServer> {
  const now = options.now ?? Date.now;
  const host = options.host ?? LOOPBACK;
  const onBug = options.onBug ?? ((error) => process.stderr.write(`storage: ${String(error)}\n`));
  const temporary = options.stateDir === undefined ? mkdtempSync(path.join(tmpdir(), 'storage-')) : undefined;
  let url = '';
  const baseUrl = (): string => url;
  const persistence = Persistence.open(options.stateDir ?? temporary ?? '');
  const { blobs } = persistence;
  const onObjectEvent = options.onObjectEvent ?? (() => undefined);
  const objects = new ObjectStore({ persistence, now, baseUrl, onObjectEvent, onBug });
  const buckets = new Buckets({ persistence, objects, now, baseUrl });
  const resumable = new ResumableUploads({ persistence, objects, now });
  const signers = options.signers ?? {};
  const [serviceAccountEmail = 'storage@clapper-local.iam.gserviceaccount.com'] = Object.keys(signers);
  const json = new JsonApi({ objects, blobs, buckets, resumable, baseUrl, serviceAccountEmail });
  const xml = new XmlApi({ objects, blobs, resumable, verifier: { signers, now } });
  const faults = new Faults();
  for (const spec of options.buckets ?? []) buckets.ensure(spec);
  const answer = async (request: StorageRequest): Promise<StorageReply> => {
    let route: JsonRoute | undefined;
    try {
      route = jsonRoute(request.path);
      const to = route;
      return await faults.apply(request, () => (to ? json.handle(request, to) : xml.handle(request)));
    } catch (error) {
      if (error instanceof ConnectionReset || request.body.readableAborted) throw error;
      const refusal = error instanceof StorageError ? error : unexpected(error, onBug);
      return route ? json.renderError(refusal, request) : xml.renderError(refusal);
    }
  };

  const server = http.createServer();
  // No limit on the duration of uploads.
  server.requestTimeout = 0;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const open = new Set<Promise<void>>();
  server.on('request', (incoming, response) => {
    const exchange = serve(incoming, response, answer, onBug);
    open.add(exchange);
    exchange.finally(() => open.delete(exchange)).catch(onBug);
  });

  server.listen(options.port ?? 0, host);
  await once(server, 'listening');
  const port = portOf(server);
  url = `http://${host}:${port}`;
  // Only now is `url` known, which the events contain.
  objects.resendEvents();

  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
    await Promise.all(open);
    persistence.close();
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
  };

  return {
    port,
    url,
    failNext: (fault) => faults.failNext(fault),
    cutNextDownload: (fault) => faults.cutNextDownload(fault),
    corruptNextChecksum: (fault) => faults.corruptNextChecksum(fault),
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Handles one HTTP request. A client that disconnects is not an error. */
async function serve(
  incoming: http.IncomingMessage,
  response: http.ServerResponse,
  answer: (request: StorageRequest) => Promise<StorageReply>,
  onBug: (error: unknown) => void,
): Promise<void> {
  const [rawPath = '/', ...rawQuery] = (incoming.url ?? '/').split('?');
  const request: StorageRequest = {
    method: incoming.method ?? 'GET',
    path: rawPath,
    query: new URLSearchParams(rawQuery.join('?')),
    headers: incoming.headers,
    body: incoming,
    origin: `http://${headerOf(incoming.headers, 'host') ?? ''}`,
  };
  // The reader of the body handles an interrupted request. This listener only prevents an uncaught error.
  incoming.on('error', () => undefined);
  try {
    const reply = await answer(request);
    // Drain the rest of a rejected upload, so that the client reads the response.
    incoming.resume();
    await send(response, reply, request.method);
  } catch (error) {
    if (!incoming.readableAborted && !isConnectionEnd(error)) onBug(error);
    response.destroy();
    incoming.destroy();
  }
}

async function send(response: http.ServerResponse, reply: StorageReply, method: string): Promise<void> {
  const { status, headers, body } = reply;
  const length = typeof body === 'string' ? { 'content-length': Buffer.byteLength(body) } : {};
  response.writeHead(status, {
    'x-guploader-uploadid': randomBytes(24).toString('base64url'),
    server: 'UploadServer',
    ...headers,
    ...length,
  });
  if (body instanceof Readable) await pipeline(body, response);
  else response.end(method === 'HEAD' ? undefined : body);
}

/** The client disconnected, a fault was injected, or stored content with encoding gzip is not gzip. */
function isConnectionEnd(error: unknown): boolean {
  if (error instanceof ConnectionReset) return true;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE'].includes(code) || code.startsWith('Z_');
}

function unexpected(error: unknown, onBug: (error: unknown) => void): StorageError {
  onBug(error);
  return backendError(error instanceof Error ? error.message : String(error));
}

function portOf(server: http.Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new Error('The server is not listening on a TCP port.');
  return address.port;
}
