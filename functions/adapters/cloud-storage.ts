/** The input and output buckets in Cloud Storage. */
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Bucket, CRC32C, type File, type Storage } from '@google-cloud/storage';
import { z } from 'zod';
import { defined } from '../core/defined.ts';
import { type InputStore, ObjectMissingError, type ResultStore, type StoredObject } from '../ports.ts';
import { codeOf } from './error-code.ts';

/** HTTP 412. With `ifGenerationMatch: 0` it means that the object already exists. */
const PRECONDITION_FAILED = 412;
const NOT_FOUND = 404;
const GS_URI = /^gs:\/\/([^/]+)\/(.+)$/;

const metadataSchema = z.object({
  name: z.string(),
  generation: z.coerce.string(),
  size: z.coerce.number(),
  crc32c: z.string(),
  contentType: z.string().default('application/octet-stream'),
  updated: z.string(),
});

/**
 * @param signing the client that signs links: `storage` itself (through IAM), or locally one with a key file
 */
export function createResultStore(storage: Storage, signing: Storage, bucketName: string): ResultStore {
  const bucket = storage.bucket(bucketName);
  return {
    bucket: bucketName,

    async list(prefix) {
      const [files] = await bucket.getFiles({ prefix });
      return files.map(objectOf).sort((a, b) => (a.name < b.name ? -1 : 1));
    },

    async readRange(name, start, end) {
      const [bytes] = await bucket.file(name).download({ start, end, validation: false });
      return bytes;
    },

    writeOnce: (name, contentType, body) => writeStreamOnce(bucket, name, contentType, body),

    async signedReadUrl({ uri }, ttlMs, { headers, disposition } = {}) {
      const [, bucketOfObject = '', name = ''] = GS_URI.exec(uri) ?? [];
      const file = signing.bucket(bucketOfObject).file(name);
      const expires = Date.now() + ttlMs;
      const [url] = await file.getSignedUrl({
        version: 'v4',
        action: 'read',
        expires,
        extensionHeaders: { ...headers },
        ...(disposition === undefined ? {} : { responseDisposition: disposition }),
      });
      return url;
    },

    async copyTo({ uri, crc32c, bytes }, gcsUri) {
      const [, fromBucket = '', fromName = ''] = GS_URI.exec(uri) ?? [];
      const [, toBucket = '', toName = ''] = GS_URI.exec(gcsUri) ?? [];
      const target = storage.bucket(toBucket).file(toName);
      try {
        await storage
          .bucket(fromBucket)
          .file(fromName)
          .copy(target, { preconditionOpts: { ifGenerationMatch: 0 } });
      } catch (error) {
        if (codeOf(error) !== PRECONDITION_FAILED) throw error;
        const [metadata] = await target.getMetadata();
        const existing = metadataSchema.parse(metadata);
        if (existing.crc32c !== crc32c || existing.size !== bytes)
          throw new Error(`${gcsUri} already exists and differs from ${uri}; it was not overwritten`);
      }
    },
  };
}

async function writeStreamOnce(
  bucket: Bucket,
  name: string,
  contentType: string,
  body: Readable,
): Promise<void> {
  const crc = new CRC32C();
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      crc.update(chunk);
      done(null, chunk);
    },
  });
  const file = bucket.file(name);
  // A single, non-resumable request needs half the memory, and a broken body leaves no object. The client's own
  // validation is off, because on a mismatch it deletes whatever object has this name.
  const sink = file.createWriteStream({
    resumable: false,
    validation: false,
    contentType,
    preconditionOpts: { ifGenerationMatch: 0 },
  });
  try {
    await pipeline(body, counted, sink);
  } catch (error) {
    if (codeOf(error) === PRECONDITION_FAILED) return;
    throw error;
  }
  await verify(bucket, file, crc.toString());
}

/**
 * Verifies that the stored object equals what was sent. A damaged object is renamed, which frees the name for the next
 * try. It is not deleted, because the source may expire before that, and then it is the only copy.
 */
async function verify(bucket: Bucket, { name }: File, expected: string): Promise<void> {
  const [metadata] = await bucket.file(name).getMetadata();
  const { crc32c, generation } = metadataSchema.parse(metadata);
  if (crc32c === expected) return;
  const aside = `${name}.damaged-${generation}`;
  await bucket.file(name, { generation }).copy(bucket.file(aside));
  await bucket.file(name).delete({ ifGenerationMatch: generation });
  throw new Error(
    `${name}: the stored CRC-32C is ${crc32c}, the sent one is ${expected}; renamed to ${aside}`,
  );
}

export function createInputStore(
  storage: Storage,
  signing: Storage,
  bucketName: string,
): InputStore & {
  /** Reads a whole object that Clapper's identity can read. */
  readonly read: (gcsUri: string) => Promise<Uint8Array>;
} {
  const bucket = storage.bucket(bucketName);
  const fileOf = (gcsUri: string, generation?: string): File => {
    const [, from, name] = GS_URI.exec(gcsUri) ?? [];
    if (from === undefined || name === undefined) throw new Error(`'${gcsUri}' is not gs://bucket/name`);
    return storage.bucket(from).file(name, defined({ generation }));
  };
  return {
    bucket: bucketName,

    async head(gcsUri, wanted) {
      try {
        const [metadata] = await fileOf(gcsUri, wanted).getMetadata();
        const { size, contentType, generation } = metadataSchema.parse(metadata);
        return { bytes: size, contentType, generation };
      } catch (error) {
        if (codeOf(error) === NOT_FOUND) return undefined;
        throw error;
      }
    },

    async readRange(gcsUri, start, end, generation) {
      const file = fileOf(gcsUri, generation);
      try {
        // Without decompression: offsets count the stored bytes, and callers unzip if they need to.
        const [bytes] = await file.download({ start, end, validation: false, decompress: false });
        return bytes;
      } catch (error) {
        if (generation === undefined || codeOf(error) !== NOT_FOUND) throw error;
        throw new ObjectMissingError(`generation ${generation} of ${gcsUri} was replaced or deleted`, {
          cause: error,
        });
      }
    },

    writeOnce: (name, contentType, body) => writeStreamOnce(bucket, name, contentType, body),

    async signedPutUrl(name, mimeType, ttlMs) {
      const file = signing.bucket(bucketName).file(name);
      const expires = Date.now() + ttlMs;
      const [url] = await file.getSignedUrl({
        version: 'v4',
        action: 'write',
        expires,
        contentType: mimeType,
      });
      return url;
    },

    async putOnce(name, mimeType, bytes) {
      try {
        await bucket.file(name).save(Buffer.from(bytes), {
          resumable: false,
          contentType: mimeType,
          preconditionOpts: { ifGenerationMatch: 0 },
        });
      } catch (error) {
        if (codeOf(error) !== PRECONDITION_FAILED) throw error;
      }
      return `gs://${bucketName}/${name}`;
    },

    async copyOnce(gcsUri, generation, name) {
      const target = bucket.file(name);
      try {
        await fileOf(gcsUri, generation).copy(target, { preconditionOpts: { ifGenerationMatch: 0 } });
      } catch (error) {
        if (codeOf(error) === NOT_FOUND)
          throw new ObjectMissingError(`generation ${generation} of ${gcsUri} was replaced or deleted`, {
            cause: error,
          });
        if (codeOf(error) !== PRECONDITION_FAILED) throw error;
      }
      return `gs://${bucketName}/${name}`;
    },

    async read(gcsUri) {
      const [bytes] = await fileOf(gcsUri).download();
      return bytes;
    },
  };
}

function objectOf({ bucket, metadata }: File): StoredObject {
  const { name, generation, size, crc32c, contentType, updated } = metadataSchema.parse(metadata);
  const uri = `gs://${bucket.name}/${name}`;
  return { name, uri, generation, bytes: size, crc32c, contentType, updatedAt: Date.parse(updated) };
}
