/** The `Content-Range` of a resumable upload and the `Range` of a download. */
import { invalid, rangeNotSatisfiable } from './errors.ts';

/**
 * The content of a PUT to a resumable session.
 * - `status`: no content. It queries the progress of the upload, and finishes it when all `totalBytes` are stored.
 * - `bytes`: content from `start` on. `end` is inclusive. Without `end` the body continues to the end of the object.
 */
export type UploadRange =
  | { readonly kind: 'status'; readonly totalBytes: number | undefined }
  | {
      readonly kind: 'bytes';
      readonly start: number;
      readonly end: number | undefined;
      readonly totalBytes: number | undefined;
    };

/** Without the header the body is the whole object. Throws 400 for a malformed header. */
export function parseUploadRange(header: string | undefined): UploadRange {
  if (header === undefined) return { kind: 'bytes', start: 0, end: undefined, totalBytes: undefined };
  const match = /^bytes[ =](?:\*|(\d+)-(\d+|\*))\/(\d+|\*)$/.exec(header.trim());
  if (match === null) throw invalid(`Failed to parse Content-Range header: '${header}'.`);
  const [, start, end, total] = match;
  const totalBytes = total === '*' ? undefined : Number(total);
  if (start === undefined) return { kind: 'status', totalBytes };
  const range = {
    kind: 'bytes' as const,
    start: Number(start),
    end: end === '*' ? undefined : Number(end),
    totalBytes,
  };
  // Ranges such as `bytes 0--1/0` do not parse. A client sends an empty last chunk as `bytes */N`.
  if (range.end !== undefined && range.end < range.start)
    throw invalid(`Failed to parse Content-Range header: '${header}'.`);
  if (totalBytes !== undefined && range.end !== undefined && range.end >= totalBytes)
    throw invalid(`Failed to parse Content-Range header: '${header}' ends after the end of the object.`);
  return range;
}

export interface ByteRange {
  readonly start: number;
  /** Inclusive. */
  readonly end: number;
}

/**
 * The bytes that `Range` selects from a body of `sizeBytes`. Undefined means all of it, also for malformed and for
 * multiple ranges. Throws 416 when none of the bytes exist.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec((header ?? '').replaceAll(' ', ''));
  if (match === null) return undefined;
  const [, from = '', to = ''] = match;
  if (from === '') {
    if (to === '') return undefined;
    const length = Number(to);
    if (length === 0 || sizeBytes === 0) throw rangeNotSatisfiable(sizeBytes);
    return { start: Math.max(0, sizeBytes - length), end: sizeBytes - 1 };
  }
  const start = Number(from);
  const end = to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  if (to !== '' && Number(to) < start) return undefined;
  if (start >= sizeBytes) throw rangeNotSatisfiable(sizeBytes);
  return { start, end };
}
