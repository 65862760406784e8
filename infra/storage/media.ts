/** Downloads: whole objects, ranges, and decompressive transcoding for clients that do not accept gzip. */

import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { BlobStore } from './blobs.ts';
import { googHash } from './checksums.ts';
import { parseRange } from './content-range.ts';
import { headerOf, type ReplyHeaders, type StorageReply, type StorageRequest } from './messages.ts';
import { etagOf, type StoredObject } from './resources.ts';

/** The response to GET. For HEAD it has the same headers and no body. */
export function mediaReply(request: StorageRequest, object: StoredObject, blobs: BlobStore): StorageReply {
  const headers = { ...objectHeaders(object), ...overrides(request.query) };
  const withBody = request.method !== 'HEAD';
  if (mustUnzip(request, object)) {
    // The unzipped length is not known, so there is no Content-Length, and ranges are not supported.
    const unzipped = {
      ...headers,
      warning: '214 UploadServer gunzipped',
      'accept-ranges': 'none',
      vary: 'Accept-Encoding',
    };
    if (!withBody) return { status: 200, headers: unzipped };
    const gunzip = createGunzip();
    pipeline(blobs.read(object.blob, 0, object.sizeBytes - 1), gunzip, () => {
      // A failure destroys `gunzip`, which ends the response. Nothing else needs the error.
    });
    return { status: 200, headers: unzipped, body: gunzip };
  }
  const range = parseRange(headerOf(request.headers, 'range'), object.sizeBytes);
  const { start, end } = range ?? { start: 0, end: object.sizeBytes - 1 };
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      ...headers,
      ...(object.contentEncoding === undefined ? {} : { 'content-encoding': object.contentEncoding }),
      'content-length': end - start + 1,
      ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${object.sizeBytes}` }),
    },
    ...(withBody && object.sizeBytes > 0 ? { body: blobs.read(object.blob, start, end) } : {}),
  };
}

function mustUnzip({ headers }: StorageRequest, object: StoredObject): boolean {
  const accepted = headerOf(headers, 'accept-encoding') ?? '';
  return (
    object.contentEncoding === 'gzip' &&
    !/\bgzip\b/i.test(accepted) &&
    !/no-transform/i.test(object.cacheControl ?? '') &&
    object.sizeBytes > 0
  );
}

/** Headers with an object's metadata, for downloads and for responses to XML uploads. */
export function objectHeaders(object: StoredObject): ReplyHeaders {
  const custom = Object.entries(object.metadata ?? {}).map(([key, value]) => [
    `x-goog-meta-${key.toLowerCase()}`,
    headerSafe(value),
  ]);
  return {
    'content-type': headerSafe(object.contentType ?? 'application/octet-stream'),
    'cache-control': headerSafe(object.cacheControl ?? 'private, max-age=0'),
    ...(object.contentDisposition === undefined
      ? {}
      : { 'content-disposition': headerSafe(object.contentDisposition) }),
    ...(object.contentLanguage === undefined
      ? {}
      : { 'content-language': headerSafe(object.contentLanguage) }),
    'accept-ranges': 'bytes',
    etag: etagOf(object.generation, object.metageneration),
    'last-modified': new Date(object.updated).toUTCString(),
    'x-goog-generation': String(object.generation),
    'x-goog-metageneration': String(object.metageneration),
    'x-goog-stored-content-encoding': object.contentEncoding ?? 'identity',
    'x-goog-stored-content-length': String(object.sizeBytes),
    'x-goog-hash': googHash(object),
    'x-goog-storage-class': object.storageClass,
    ...(object.componentCount === undefined
      ? {}
      : { 'x-goog-component-count': String(object.componentCount) }),
    ...Object.fromEntries(custom),
  };
}

/** Signed URLs may override two headers of the response. */
function overrides(query: URLSearchParams): ReplyHeaders {
  const type = query.get('response-content-type');
  const disposition = query.get('response-content-disposition');
  return {
    ...(type === null ? {} : { 'content-type': headerSafe(type) }),
    ...(disposition === null ? {} : { 'content-disposition': headerSafe(disposition) }),
  };
}

/** Metadata may be any Unicode text. Characters that a header cannot hold are percent-encoded. */
const headerSafe = (text: string): string =>
  text.replaceAll(/[^\x20-\x7e]+/g, (odd) =>
    Buffer.from(odd).toString('hex').replaceAll(/../g, '%$&').toUpperCase(),
  );
