/** Shared by the Cloud Storage suites: a server with two buckets, the real client, and raw requests. */
import { generateKeyPairSync } from 'node:crypto';
import { Storage } from '@google-cloud/storage';
import {
  type ObjectEvent,
  type StorageOptions,
  type StorageServer,
  startStorage,
} from '../../../infra/storage/server.ts';

export const BUCKET = 'clapper-media';
export const VERSIONED = 'clapper-versioned';
export const KIB = 1024;
export const MIB = 1024 * KIB;

export interface Local {
  readonly server: StorageServer;
  readonly url: string;
  /** The unmodified client without retries, so that errors are seen at once. */
  readonly storage: Storage;
  readonly events: ObjectEvent[];
  readonly bugs: unknown[];
}

export async function startLocal(options: StorageOptions = {}): Promise<Local> {
  const events: ObjectEvent[] = [];
  const bugs: unknown[] = [];
  const server = await startStorage({
    buckets: [{ name: BUCKET }, { name: VERSIONED, versioning: { enabled: true } }],
    onObjectEvent: (event) => events.push(event),
    onBug: (bug) => bugs.push(bug),
    ...options,
  });
  return { server, url: server.url, storage: clientOf(server.url), events, bugs };
}

export const clientOf = (url: string): Storage =>
  new Storage({ apiEndpoint: url, projectId: 'clapper-local', retryOptions: { autoRetry: false } });

export interface Signer {
  readonly email: string;
  readonly privateKeyPem: string;
  readonly publicKeyPem: string;
}

export function makeSigner(email = 'signer@clapper-local.iam.gserviceaccount.com'): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    email,
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

/** Varying bytes, so that a shift or a gap is detected. */
export function pattern(sizeBytes: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (let i = 0, x = seed; i + 4 <= sizeBytes; i += 4) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    bytes.writeUInt32LE(x, i);
  }
  return bytes;
}

export const objectUrl = (url: string, name: string, query = ''): string =>
  `${url}/storage/v1/b/${BUCKET}/o/${encodeURIComponent(name)}${query}`;

/** Opens a resumable session and returns its URI. */
export async function openSession(
  url: string,
  name: string,
  { query = '', headers = {} }: { query?: string; headers?: Record<string, string> } = {},
): Promise<string> {
  const reply = await fetch(
    `${url}/upload/storage/v1/b/${BUCKET}/o?uploadType=resumable&name=${encodeURIComponent(name)}${query}`,
    { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: '{}' },
  );
  if (reply.status !== 200) throw new Error(`session refused: ${reply.status} ${await reply.text()}`);
  return reply.headers.get('location') ?? '';
}

export const putChunk = (
  session: string,
  contentRange: string,
  body: Buffer | null = null,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(session, {
    method: 'PUT',
    headers: { 'content-range': contentRange, ...headers },
    body: body === null ? null : new Uint8Array(body),
  });

/** The HTTP status of the client library's error. Resumable uploads reject with a plain object, not an Error. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return typeof error === 'object' && error !== null && 'code' in error ? error.code : error;
  }
  return 'no refusal';
}
