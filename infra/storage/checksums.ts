/** CRC-32C and MD5 of streamed content, and their comparison with the checksums that a client sent. */
import { createHash, type Hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { crc32c } from '../shared/crc32.ts';
import { badDigest } from './errors.ts';
import { headerOf } from './messages.ts';

export interface ContentDigest {
  readonly sizeBytes: number;
  /** Base64 of the big-endian CRC-32C. */
  readonly crc32c: string;
  /** Base64. */
  readonly md5Hash: string;
}

export interface ExpectedDigest {
  readonly crc32c?: string | undefined;
  readonly md5Hash?: string | undefined;
}

export class ContentHash {
  readonly #md5: Hash = createHash('md5');
  #crc = 0;
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  update(chunk: Buffer): void {
    this.#crc = crc32c(chunk, this.#crc);
    this.#md5.update(chunk);
    this.#sizeBytes += chunk.length;
  }

  /** Finishes the hash. Call it once. */
  digest(): ContentDigest {
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(this.#crc);
    return {
      sizeBytes: this.#sizeBytes,
      crc32c: crc.toString('base64'),
      md5Hash: this.#md5.digest('base64'),
    };
  }
}

/** The checksums in `x-goog-hash: crc32c=…,md5=…` and `content-md5`. */
export function expectedFromHeaders(headers: IncomingHttpHeaders): ExpectedDigest {
  const expected = new Map<string, string>();
  for (const part of (headerOf(headers, 'x-goog-hash') ?? '').split(',')) {
    const equals = part.indexOf('=');
    if (equals > 0) expected.set(part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim());
  }
  return {
    crc32c: expected.get('crc32c'),
    md5Hash: expected.get('md5') ?? headerOf(headers, 'content-md5'),
  };
}

/** Throws 400 when the content does not match the expected checksums. */
export function checkDigest(expected: ExpectedDigest, actual: ContentDigest): void {
  if (expected.crc32c !== undefined && expected.crc32c !== actual.crc32c)
    throw badDigest('CRC32C', expected.crc32c, actual.crc32c);
  if (expected.md5Hash !== undefined && expected.md5Hash !== actual.md5Hash)
    throw badDigest('MD5 hash', expected.md5Hash, actual.md5Hash);
}

/** The value of the `x-goog-hash` header. */
export const googHash = (object: ExpectedDigest): string =>
  [
    ...(object.crc32c === undefined ? [] : [`crc32c=${object.crc32c}`]),
    ...(object.md5Hash === undefined ? [] : [`md5=${object.md5Hash}`]),
  ].join(',');
