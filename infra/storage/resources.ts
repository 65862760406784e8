/** Stored objects, their metadata, and their JSON resources. */
import { z } from 'zod';

/** Metadata that a client may set. Patching a field to null deletes it. */
export interface ObjectMetadata {
  readonly cacheControl?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly contentLanguage?: string | undefined;
  readonly contentType?: string | undefined;
  readonly customTime?: string | undefined;
  readonly storageClass?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** One generation of an object. */
export interface StoredObject extends ObjectMetadata {
  readonly bucket: string;
  readonly name: string;
  /** Creation time in microseconds, made unique. It increases with every object of the server. */
  readonly generation: number;
  readonly metageneration: number;
  readonly sizeBytes: number;
  /** Base64 of the big-endian CRC-32C. */
  readonly crc32c: string;
  /** Base64. Composite objects have none. */
  readonly md5Hash?: string | undefined;
  /** Number of components of a composite object. */
  readonly componentCount?: number | undefined;
  /** Name of the file that holds the content. */
  readonly blob: string;
  readonly storageClass: string;
  readonly timeCreated: string;
  readonly updated: string;
  /** Set on noncurrent generations only. */
  readonly timeDeleted?: string | undefined;
}

/** The object resource of the JSON API. int64 values are decimal strings. */
export interface StorageObject extends ObjectMetadata {
  readonly kind: 'storage#object';
  readonly id: string;
  readonly selfLink: string;
  readonly mediaLink: string;
  readonly name: string;
  readonly bucket: string;
  readonly generation: string;
  readonly metageneration: string;
  readonly size: string;
  readonly crc32c: string;
  readonly md5Hash?: string | undefined;
  readonly componentCount?: number | undefined;
  readonly etag: string;
  readonly storageClass: string;
  readonly timeCreated: string;
  readonly updated: string;
  readonly timeStorageClassUpdated: string;
  readonly timeFinalized: string;
  readonly timeDeleted?: string | undefined;
}

export type ObjectEventType = 'finalized' | 'deleted' | 'archived' | 'metadataUpdated';

/** An event of one generation. `object` is its resource at the time of the event. */
export interface ObjectEvent {
  readonly type: ObjectEventType;
  readonly object: StorageObject;
}

/** A bucket to create at the start: a name and any other fields of `buckets.insert`. */
export interface BucketSpec {
  readonly name: string;
  readonly versioning?: { readonly enabled: boolean };
  readonly location?: string;
  readonly [field: string]: unknown;
}

const optionalText = z.string().nullish();

/** Metadata in a request body. Unknown fields, and fields that clients cannot set, are ignored. */
export const metadataBody = z.object({
  cacheControl: optionalText,
  contentDisposition: optionalText,
  contentEncoding: optionalText,
  contentLanguage: optionalText,
  contentType: optionalText,
  customTime: z.iso.datetime({ offset: true }).nullish(),
  storageClass: optionalText,
  metadata: z.record(z.string(), z.string().nullable()).nullish(),
});
export type MetadataBody = z.infer<typeof metadataBody>;

/** The metadata of a new object. Null and absent fields are not set. */
export function metadataOf(body: MetadataBody): ObjectMetadata {
  return mergeMetadata({}, body);
}

/** Applies `patch` to `current`. Null deletes a field, an absent field stays, and `metadata` merges by key. */
export function mergeMetadata(current: ObjectMetadata, patch: MetadataBody): ObjectMetadata {
  const pick = (now: string | undefined, next: string | null | undefined): string | undefined =>
    next === undefined ? now : (next ?? undefined);
  return {
    cacheControl: pick(current.cacheControl, patch.cacheControl),
    contentDisposition: pick(current.contentDisposition, patch.contentDisposition),
    contentEncoding: pick(current.contentEncoding, patch.contentEncoding),
    contentLanguage: pick(current.contentLanguage, patch.contentLanguage),
    contentType: pick(current.contentType, patch.contentType),
    customTime: pick(current.customTime, patch.customTime),
    storageClass: pick(current.storageClass, patch.storageClass),
    metadata: mergeCustom(current.metadata, patch.metadata),
  };
}

function mergeCustom(
  current: Readonly<Record<string, string>> | undefined,
  patch: Readonly<Record<string, string | null>> | null | undefined,
): Readonly<Record<string, string>> | undefined {
  if (patch === undefined) return current;
  if (patch === null) return undefined;
  const merged = new Map(Object.entries(current ?? {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, value);
  }
  return merged.size === 0 ? undefined : Object.fromEntries(merged);
}

/** The settable metadata of a stored object. */
export const settableOf = (object: StoredObject): ObjectMetadata => mergeMetadata(object, {});

/** The resource of `object` on a server at `baseUrl`. JSON omits undefined fields. */
export function objectResource(object: StoredObject, baseUrl: string): StorageObject {
  const path = `b/${object.bucket}/o/${encodeURIComponent(object.name)}`;
  return {
    kind: 'storage#object',
    id: `${object.bucket}/${object.name}/${object.generation}`,
    selfLink: `${baseUrl}/storage/v1/${path}`,
    mediaLink: `${baseUrl}/download/storage/v1/${path}?generation=${object.generation}&alt=media`,
    name: object.name,
    bucket: object.bucket,
    generation: String(object.generation),
    metageneration: String(object.metageneration),
    ...settableOf(object),
    storageClass: object.storageClass,
    size: String(object.sizeBytes),
    md5Hash: object.md5Hash,
    crc32c: object.crc32c,
    componentCount: object.componentCount,
    etag: etagOf(object.generation, object.metageneration),
    timeCreated: object.timeCreated,
    updated: object.updated,
    timeStorageClassUpdated: object.timeCreated,
    timeFinalized: object.timeCreated,
    timeDeleted: object.timeDeleted,
  };
}

/** Like the real service: base64 of a protobuf message with generation and metageneration in fields 1 and 2. */
export function etagOf(generation: number, metageneration: number): string {
  return Buffer.from([0x08, ...varint(generation), 0x10, ...varint(metageneration)]).toString('base64');
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}
