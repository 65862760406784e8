/** Requests and replies as the two APIs handle them. `server.ts` converts them from and to HTTP. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { z } from 'zod';
import { invalid, StorageError } from './errors.ts';

export interface StorageRequest {
  readonly method: string;
  /** Percent-encoded as sent, without the query. Signatures cover this form. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
  /** `http://host:port` from the client's Host header. */
  readonly origin: string;
}

export type ReplyHeaders = Readonly<Record<string, string | number>>;

export interface StorageReply {
  readonly status: number;
  readonly headers: ReplyHeaders;
  readonly body?: string | Readable;
}

/** Object metadata is small (at most 8 KiB of custom metadata). The limit keeps misdirected uploads out of memory. */
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

/** Reads the whole body as text. Throws 413 above `MAX_JSON_BYTES`. */
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

/** Parses a JSON body. An empty body counts as `{}`. Throws 400 `parseError` or `invalid`. */
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

/** Restores the type of a stream's chunks, which `AsyncIterable<unknown>` loses. */
export const toBuffer = (chunk: unknown): Buffer =>
  Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk), 'utf8');

/** A header's value. A repeated header becomes one comma-separated value. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}
