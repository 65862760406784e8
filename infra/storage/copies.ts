/** Objects created from objects: rewrite, copy, move, compose. Copies share the content on disk through hard links. */
import { z } from 'zod';
import type { BlobStore } from './blobs.ts';
import { invalid } from './errors.ts';
import { readJson, type StorageRequest, toBuffer } from './messages.ts';
import { checkObjectName } from './names.ts';
import type { Content, ObjectStore } from './objects.ts';
import { checkPreconditions, int64, preconditionsFromQuery } from './preconditions.ts';
import {
  type MetadataBody,
  mergeMetadata,
  metadataBody,
  metadataOf,
  type ObjectMetadata,
  type StoredObject,
  settableOf,
} from './resources.ts';

export interface ObjectPath {
  readonly bucket: string;
  readonly name: string;
}

export interface Rewrite {
  readonly sizeBytes: number;
  readonly rewrittenBytes: number;
  /** Absent while the rewrite is incomplete. */
  readonly object?: StoredObject;
  /** The client sends it with the next call. */
  readonly token?: string;
}

const MIB = 1024 * 1024;

/**
 * `objects.rewrite`. One call is enough unless the client sets `maxBytesRewrittenPerCall`. The token then contains the
 * progress, so that the rewrite survives a restart.
 */
export async function rewrite(
  request: StorageRequest,
  objects: ObjectStore,
  blobs: BlobStore,
  from: ObjectPath,
  to: ObjectPath,
): Promise<Rewrite> {
  const body = await readJson(request, metadataBody);
  const source = readSource(request, objects, from);
  const { sizeBytes } = source;
  const perCall =
    int64('maxBytesRewrittenPerCall', request.query.get('maxBytesRewrittenPerCall')) ?? sizeBytes;
  if (perCall < sizeBytes && (perCall < MIB || perCall % MIB !== 0))
    throw invalid('maxBytesRewrittenPerCall must be a multiple of 1 MiB.');
  const job = `${source.bucket}/${source.name}#${source.generation} -> ${to.bucket}/${to.name}`;
  const rewrittenBytes = Math.min(sizeBytes, bytesOf(request.query.get('rewriteToken'), job) + perCall);
  if (rewrittenBytes < sizeBytes) return { sizeBytes, rewrittenBytes, token: tokenOf(rewrittenBytes, job) };
  return { sizeBytes, rewrittenBytes, object: copyTo(request, objects, blobs, source, to, body) };
}

/** `objects.copy`. */
export async function copy(
  request: StorageRequest,
  objects: ObjectStore,
  blobs: BlobStore,
  from: ObjectPath,
  to: ObjectPath,
): Promise<StoredObject> {
  const body = await readJson(request, metadataBody);
  return copyTo(request, objects, blobs, readSource(request, objects, from), to, body);
}

function readSource({ query }: StorageRequest, objects: ObjectStore, from: ObjectPath): StoredObject {
  const source = objects.find(
    from.bucket,
    from.name,
    int64('sourceGeneration', query.get('sourceGeneration')),
  );
  checkPreconditions(preconditionsFromQuery(query, 'ifSource'), source, 'write');
  return source;
}

function copyTo(
  { query }: StorageRequest,
  objects: ObjectStore,
  blobs: BlobStore,
  source: StoredObject,
  to: ObjectPath,
  body: MetadataBody,
): StoredObject {
  checkObjectName(to.name);
  objects.bucket(to.bucket);
  const preconditions = preconditionsFromQuery(query);
  const content = { ...source, blob: blobs.link(source.blob) };
  return objects.publish({ ...to, metadata: copiedMetadata(source, body), content, preconditions });
}

/** A body with metadata replaces all of the source's metadata. A body with only a storage class keeps the rest. */
function copiedMetadata(source: StoredObject, body: MetadataBody): ObjectMetadata {
  const { storageClass, ...rest } = body;
  const given = Object.values(rest).some((value) => value !== undefined && value !== null);
  return given ? metadataOf(body) : mergeMetadata(settableOf(source), { storageClass });
}

const tokenOf = (bytes: number, job: string): string =>
  Buffer.from(JSON.stringify([bytes, job])).toString('base64url');

/** The bytes rewritten so far, from `token`. Throws 400 when the token belongs to another rewrite. */
function bytesOf(token: string | null, job: string): number {
  if (token === null) return 0;
  const parsed = rewriteToken.safeParse(Buffer.from(token, 'base64url').toString('utf8'));
  if (!parsed.success || parsed.data[1] !== job) throw invalid('Invalid rewrite token.');
  return parsed.data[0];
}

const rewriteToken = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: 'custom', message: 'not JSON' });
      return z.NEVER;
    }
  })
  .pipe(z.tuple([z.number().nonnegative(), z.string()]));

/** `objects.move`: an atomic rename within the bucket. */
export async function move(
  request: StorageRequest,
  objects: ObjectStore,
  from: ObjectPath,
  name: string,
): Promise<StoredObject> {
  for await (const _ of request.body) {
    // Read and ignore the body.
  }
  checkObjectName(name);
  if (from.name === name) throw invalid('The source and destination object must be different.');
  const source = objects.find(from.bucket, from.name);
  checkPreconditions(preconditionsFromQuery(request.query, 'ifSource'), source, 'write');
  return objects.move(source, name, preconditionsFromQuery(request.query));
}

const MAX_COMPONENTS = 32;

const composeBody = z.object({
  destination: metadataBody.optional(),
  sourceObjects: z
    .array(
      z.object({
        name: z.string(),
        generation: z.coerce.number().optional(),
        objectPreconditions: z.object({ ifGenerationMatch: z.coerce.number().optional() }).optional(),
      }),
    )
    .optional(),
});

/** `objects.compose`: concatenates up to 32 objects. The result has no MD5. */
export async function compose(
  request: StorageRequest,
  objects: ObjectStore,
  blobs: BlobStore,
  to: ObjectPath,
): Promise<StoredObject> {
  const body = await readJson(request, composeBody);
  checkObjectName(to.name);
  const wanted = body.sourceObjects ?? [];
  if (wanted.length === 0) throw invalid('You must provide at least one source component.');
  if (wanted.length > MAX_COMPONENTS)
    throw invalid(
      `The number of source components provided (${wanted.length}) exceeds the maximum (${MAX_COMPONENTS})`,
    );
  const preconditions = preconditionsFromQuery(request.query);
  checkPreconditions(preconditions, objects.live(to.bucket, to.name), 'write');
  const sources = wanted.map(({ name, generation, objectPreconditions }) => {
    const source = objects.find(to.bucket, name, generation);
    checkPreconditions({ generationMatch: objectPreconditions?.ifGenerationMatch }, source, 'write');
    return source;
  });
  const content = await concatenate(blobs, sources);
  const metadata = metadataOf(body.destination ?? {});
  return objects.publish({ ...to, metadata, content, preconditions });
}

async function concatenate(blobs: BlobStore, sources: readonly StoredObject[]): Promise<Content> {
  // Open all sources before reading the first, so that deleting one in the meantime has no effect.
  const parts = sources.map((source) => blobs.read(source.blob, 0, Math.max(0, source.sizeBytes - 1)));
  const blob = blobs.create();
  try {
    const writer = await blobs.append(blob, 0);
    try {
      for (const part of parts) for await (const chunk of part) await writer.append(toBuffer(chunk));
    } finally {
      await writer.close();
    }
    const { crc32c, sizeBytes } = await blobs.digest(blob);
    const componentCount = sources.reduce((count, source) => count + (source.componentCount ?? 1), 0);
    return { blob, crc32c, sizeBytes, componentCount };
  } catch (error) {
    for (const part of parts) part.destroy();
    blobs.remove(blob);
    throw error;
  }
}
