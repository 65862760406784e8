/** Decompresses request bodies. Google's client for Java compresses them by default, and Google's APIs accept gzip. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createInflate, type Gunzip, type Inflate } from 'node:zlib';
import { ProblemError } from '../../core/problem.ts';

type Bytes = AsyncIterable<Uint8Array>;

/** JSON with images in base64 shrinks to three quarters, and text to a tenth. gzip reaches a thousandth with zeros only. */
const RATIO_MAX = 100;
/** Below this size a high ratio is harmless, and normal for repetitive text. */
const RATIO_FREE_BYTES = 1024 * 1024;

const DECOMPRESSORS: Readonly<Record<string, () => Gunzip | Inflate>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
};

/**
 * @param contentEncoding the request's Content-Encoding
 * @returns nothing if the body is not compressed. The function that it returns yields nothing for an empty body
 * @throws ProblemError 415 for an unsupported encoding. The returned function throws 413 for a body that expands too much,
 *   and 400 for one that cannot be decompressed
 */
export function decompressorOf(contentEncoding: string | null): ((sent: Bytes) => Bytes) | undefined {
  const name = (contentEncoding ?? '').trim().toLowerCase();
  if (name === '' || name === 'identity') return undefined;
  const create = Object.hasOwn(DECOMPRESSORS, name) ? DECOMPRESSORS[name] : undefined;
  if (!create) {
    throw new ProblemError({
      status: 415,
      code: 'unsupported-content-encoding',
      title: 'The Content-Encoding is not supported',
      detail: `Content-Encoding is '${contentEncoding}'; send gzip, deflate, or a body that is not compressed.`,
    });
  }
  return (sent) => decompressed(sent, create(), name);
}

async function* decompressed(
  sent: Bytes,
  stream: Gunzip | Inflate,
  name: string,
): AsyncGenerator<Uint8Array> {
  let compressedBytes = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of sent) {
      compressedBytes += chunk.byteLength;
      yield chunk;
    }
  };
  const feeding = pipeline(Readable.from(counted(), { objectMode: false }), stream).catch((error) => error);
  let bytes = 0;
  try {
    for await (const chunk of stream) {
      bytes += chunk.byteLength;
      if (bytes > RATIO_FREE_BYTES && bytes > compressedBytes * RATIO_MAX) throw expandsTooMuch();
      yield chunk;
    }
  } catch (error) {
    // An empty body needs no decompression; a stream that ends before its first byte is an error for zlib.
    if (compressedBytes === 0 && isZlibError(error)) return;
    // The error of the request's own body, if it caused this one.
    const cause: unknown = error instanceof ProblemError ? error : await feeding;
    throw cause instanceof ProblemError ? cause : cannotDecompress(name, error);
  } finally {
    stream.destroy();
  }
}

const isZlibError = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');

const expandsTooMuch = (): ProblemError =>
  new ProblemError({
    status: 413,
    code: 'body-too-large',
    title: 'The body is too large',
    detail: `The body expands to more than ${RATIO_MAX} times its compressed size. Send it without Content-Encoding.`,
  });

const cannotDecompress = (name: string, error: unknown): ProblemError =>
  new ProblemError({
    status: 400,
    code: 'body-not-decompressible',
    title: 'The body cannot be decompressed',
    detail: `Content-Encoding is ${name}, but the body is not valid ${name}: ${error instanceof Error ? error.message : String(error)}.`,
  });
