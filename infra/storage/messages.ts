/** A request as the APIs see it and a reply as they give it; `server.ts` puts both on the wire. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { z } from 'zod';
import { invalid, StorageError } from './errors.ts';

export interface StorageRequest {
  readonly method: string;
  /** Percent-encoded as it was sent, without the query. Signatures cover this form. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
  /** `http://host:port` as the client named this server. */
  readonly origin: string;
}

export type ReplyHeaders = Readonly<Record<string, string | number>>;

export interface StorageReply {
  readonly status: number;
  readonly headers: ReplyHeaders;
  readonly body?: string | Readable;
}

/** Object metadata is small: 8 KiB of custom metadata at most. The bound keeps a stray upload out of memory. */
const MAX_JSON_BYTES = 1024 * 1024;

export const jsonReply = (value: unknown, headers: ReplyHeaders = {}, status = 200): StorageReply => ({
  status,
  headers: {
    'content-type': 'application/json; charset=UTF-8',
    'cache-control': 'no-cache, no-store, max-age=0, must-revalidate',
    ...headers,
  },
  body: JSON.stringify(value),
});

export const emptyReply = (status: number, headers: ReplyHeaders = {}): StorageReply => ({ status, headers });

/** The whole body as text. Throws 413 when it is larger than any metadata can be. */
async function readText(body: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    const bytes = toBuffer(chunk);
    sizeBytes += bytes.length;
    if (sizeBytes > MAX_JSON_BYTES)
      throw new StorageError({
        status: 413,
        reason: 'uploadTooLarge',
        code: 'EntityTooLarge',
        message: 'Payload too large.',
      });
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Parses a JSON body; an empty one counts as `{}`. Throws 400 `parseError` or `invalid`. */
export async function readJson<T>(request: StorageRequest, schema: z.ZodType<T>): Promise<T> {
  return parseJson(await readText(request.body), schema);
}

export function parseJson<T>(text: string, schema: z.ZodType<T>): T {
  const result = schema.safeParse(text.trim() === '' ? {} : jsonOf(text));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(
    issue === undefined
      ? 'Invalid argument.'
      : `Invalid value at '${issue.path.join('.')}': ${issue.message}`,
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new StorageError({
      status: 400,
      reason: 'parseError',
      code: 'InvalidArgument',
      message: 'Parse Error',
    });
  }
}

/** Streams give `Buffer`s; this narrows what `AsyncIterable` has lost. */
export const toBuffer = (chunk: unknown): Buffer =>
  Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk), 'utf8');

/** A header that may have been repeated, as one comma-separated value. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}
