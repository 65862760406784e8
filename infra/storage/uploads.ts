/** Uploads in one request: `uploadType=media`, `uploadType=multipart`, and the XML API's PUT. */

import { z } from 'zod';
import type { BlobStore } from './blobs.ts';
import { ContentHash, checkDigest, type ExpectedDigest, expectedFromHeaders } from './checksums.ts';
import { required } from './errors.ts';
import { headerOf, parseJson, type StorageRequest, toBuffer } from './messages.ts';
import { parseMultipart } from './multipart.ts';
import { checkObjectName } from './names.ts';
import type { Content, ObjectStore } from './objects.ts';
import { preconditionsFromQuery } from './preconditions.ts';
import { metadataBody, metadataOf, type ObjectMetadata, type StoredObject } from './resources.ts';

/** The metadata of an upload, with an optional object name and optional checksums. */
export const uploadBody = metadataBody.extend({
  name: z.string().optional(),
  crc32c: z.string().nullish(),
  md5Hash: z.string().nullish(),
});

/** Streams the body to disk and hashes it. Removes the file when the body is interrupted or a checksum does not match. */
export async function receiveContent(
  blobs: BlobStore,
  body: AsyncIterable<unknown>,
  expected: ExpectedDigest,
): Promise<Content> {
  const blob = blobs.create();
  try {
    const hash = new ContentHash();
    const writer = await blobs.append(blob, 0);
    try {
      for await (const chunk of body) {
        const bytes = toBuffer(chunk);
        hash.update(bytes);
        await writer.append(bytes);
      }
    } finally {
      await writer.close();
    }
    const digest = hash.digest();
    checkDigest(expected, digest);
    return { blob, ...digest };
  } catch (error) {
    blobs.remove(blob);
    throw error;
  }
}

/** `uploadType=media`: the body is the content, and the query has the object name. */
export async function uploadMedia(
  request: StorageRequest,
  objects: ObjectStore,
  blobs: BlobStore,
  bucket: string,
): Promise<StoredObject> {
  objects.bucket(bucket);
  const name = request.query.get('name');
  if (name === null) throw required('name');
  checkObjectName(name);
  const preconditions = preconditionsFromQuery(request.query);
  const content = await receiveContent(blobs, request.body, expectedFromHeaders(request.headers));
  const metadata: ObjectMetadata = {
    contentType: headerOf(request.headers, 'content-type'),
    contentEncoding: request.query.get('contentEncoding') ?? headerOf(request.headers, 'content-encoding'),
  };
  return objects.publish({ bucket, name, metadata, content, preconditions });
}

/** `uploadType=multipart`: metadata and content in one body. */
export async function uploadMultipart(
  request: StorageRequest,
  objects: ObjectStore,
  blobs: BlobStore,
  bucket: string,
): Promise<StoredObject> {
  objects.bucket(bucket);
  const parts = await parseMultipart(request.body, headerOf(request.headers, 'content-type'));
  const body = parseJson(parts.json, uploadBody);
  const name = request.query.get('name') ?? body.name;
  if (name === undefined) throw required('name');
  checkObjectName(name);
  const preconditions = preconditionsFromQuery(request.query);
  const promised = expectedFromHeaders(request.headers);
  const content = await receiveContent(blobs, parts.media, {
    crc32c: body.crc32c ?? promised.crc32c,
    md5Hash: body.md5Hash ?? promised.md5Hash,
  });
  const metadata = metadataOf({ ...body, contentType: body.contentType ?? parts.contentType });
  return objects.publish({ bucket, name, metadata, content, preconditions });
}
