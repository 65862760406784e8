/** Bucket metadata: the fields that a client may set, and the resource of the JSON API. */
import { z } from 'zod';
import { etagOf } from './resources.ts';

const corsRule = z.looseObject({
  origin: z.array(z.string()).optional(),
  method: z.array(z.string()).optional(),
  responseHeader: z.array(z.string()).optional(),
  maxAgeSeconds: z.number().int().optional(),
});
export type CorsRule = z.infer<typeof corsRule>;

const lifecycleRule = z.looseObject({
  action: z.looseObject({
    type: z.enum(['Delete', 'SetStorageClass', 'AbortIncompleteMultipartUpload']),
    storageClass: z.string().optional(),
  }),
  condition: z.looseObject({}),
});

const opaque = z.unknown().optional();

/** Settable fields of a bucket. Only versioning and CORS have an effect; the others are stored and returned. */
export const bucketBody = z.object({
  name: z.string().optional(),
  location: z.string().optional(),
  storageClass: z.string().optional(),
  versioning: z.object({ enabled: z.boolean() }).nullish(),
  cors: z.array(corsRule).nullish(),
  lifecycle: z.object({ rule: z.array(lifecycleRule).optional() }).nullish(),
  labels: z.record(z.string(), z.string().nullable()).nullish(),
  iamConfiguration: opaque,
  retentionPolicy: opaque,
  softDeletePolicy: opaque,
  defaultEventBasedHold: opaque,
  website: opaque,
  logging: opaque,
  billing: opaque,
  encryption: opaque,
  autoclass: opaque,
  rpo: opaque,
  customPlacementConfig: opaque,
  hierarchicalNamespace: opaque,
});
export type BucketBody = z.infer<typeof bucketBody>;

export interface BucketRecord {
  readonly name: string;
  readonly settings: BucketBody;
  readonly iamPolicy?: unknown;
  readonly generation: number;
  readonly metageneration: number;
  readonly timeCreated: string;
  readonly updated: string;
}

/** Applies `patch` to `current`. A null value deletes a field. Labels merge by key. */
export function mergeBucketSettings(current: BucketBody, patch: BucketBody): BucketBody {
  const merged = new Map<string, unknown>(Object.entries(current));
  for (const [field, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    if (value === null) merged.delete(field);
    else if (field === 'labels') merged.set(field, mergeLabels(current.labels, patch.labels));
    else merged.set(field, value);
  }
  return bucketBody.parse(Object.fromEntries(merged));
}

function mergeLabels(
  current: BucketBody['labels'],
  patch: BucketBody['labels'],
): Record<string, string> | undefined {
  const kept = Object.entries({ ...current, ...patch }).flatMap(([key, value]): [string, string][] =>
    value === null ? [] : [[key, value]],
  );
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** Project number of the local cloud. */
const PROJECT_NUMBER = '1';

export function bucketResource(bucket: BucketRecord, baseUrl: string): Record<string, unknown> {
  const { location, storageClass, ...settings } = bucket.settings;
  return {
    kind: 'storage#bucket',
    id: bucket.name,
    selfLink: `${baseUrl}/storage/v1/b/${bucket.name}`,
    projectNumber: PROJECT_NUMBER,
    generation: String(bucket.generation),
    metageneration: String(bucket.metageneration),
    etag: etagOf(bucket.generation, bucket.metageneration),
    timeCreated: bucket.timeCreated,
    updated: bucket.updated,
    ...settings,
    name: bucket.name,
    location: (location ?? 'US').toUpperCase(),
    locationType: /^(us|eu|asia)$/i.test(location ?? 'US') ? 'multi-region' : 'region',
    storageClass: storageClass ?? 'STANDARD',
  };
}
