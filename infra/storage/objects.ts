/**
 * The life cycle of objects: published, patched, made noncurrent, deleted. Every method is synchronous from its checks to
 * its journal record, which makes preconditions atomic.
 */
import type { ContentDigest } from './checksums.ts';
import { conflict, noSuchBucket, noSuchObject } from './errors.ts';
import type { Persistence } from './persistence.ts';
import { checkPreconditions, type Preconditions } from './preconditions.ts';
import {
  type MetadataBody,
  mergeMetadata,
  metadataOf,
  type ObjectEvent,
  type ObjectMetadata,
  objectResource,
  type StoredObject,
} from './resources.ts';
import type { BucketState, ObjectKey, StoredEvent } from './state.ts';

/** Content on disk that does not belong to an object yet. Composite content has no MD5. */
export interface Content extends Omit<ContentDigest, 'md5Hash'> {
  readonly blob: string;
  readonly md5Hash?: string | undefined;
  readonly componentCount?: number | undefined;
}

export interface Publication {
  readonly bucket: string;
  readonly name: string;
  readonly metadata: ObjectMetadata;
  readonly content: Content;
  readonly preconditions: Preconditions;
  /** The resumable session that this finishes. */
  readonly session?: string;
}

export interface ObjectStoreOptions {
  readonly persistence: Persistence;
  readonly now: () => number;
  readonly baseUrl: () => string;
  readonly onObjectEvent: (event: ObjectEvent) => void;
  readonly onBug: (error: unknown) => void;
}

export class ObjectStore {
  readonly #options: ObjectStoreOptions;

  constructor(options: ObjectStoreOptions) {
    this.#options = options;
  }

  bucket(name: string): BucketState {
    const bucket = this.#options.persistence.state.buckets.get(name);
    if (bucket === undefined) throw noSuchBucket();
    return bucket;
  }

  live(bucket: string, name: string): StoredObject | undefined {
    return this.bucket(bucket).live(name);
  }

  /** The live generation, or the given one. Throws 404. */
  find(bucket: string, name: string, generation?: number): StoredObject {
    const found =
      generation === undefined
        ? this.live(bucket, name)
        : this.bucket(bucket)
            .generations.get(name)
            ?.find((object) => object.generation === generation);
    if (found === undefined) throw noSuchObject(bucket, name);
    return found;
  }

  /** Makes the content the live generation. Removes the content when a precondition fails. */
  publish(publication: Publication): StoredObject {
    const { bucket, name, session } = publication;
    const replaced = this.#replaceable(bucket, name, publication);
    const object = this.#newObject(publication);
    const retired = replaced === undefined ? NO_CHANGE : this.#retire(replaced);
    this.#commit({
      put: [...retired.put, object],
      removed: retired.removed,
      events: [...retired.events, { type: 'finalized', object }],
      finished: session === undefined ? undefined : { session, generation: object.generation },
    });
    this.#removeBlobs(retired.removed, [replaced]);
    return object;
  }

  #replaceable(
    bucket: string,
    name: string,
    { preconditions, content }: Publication,
  ): StoredObject | undefined {
    try {
      const replaced = this.live(bucket, name);
      checkPreconditions(preconditions, replaced, 'write');
      return replaced;
    } catch (refusal) {
      this.#options.persistence.blobs.remove(content.blob);
      throw refusal;
    }
  }

  /** Renames an object within its bucket in one change. */
  move(source: StoredObject, name: string, preconditions: Preconditions): StoredObject {
    const { bucket } = source;
    const replaced = this.live(bucket, name);
    checkPreconditions(preconditions, replaced, 'write');
    const blob = this.#options.persistence.blobs.link(source.blob);
    const object = this.#newObject({ bucket, name, metadata: source, content: { ...source, blob } });
    const retired = [source, ...(replaced === undefined ? [] : [replaced])].map((old) => this.#retire(old));
    this.#commit({
      put: [...retired.flatMap((change) => change.put), object],
      removed: retired.flatMap((change) => change.removed),
      events: [...retired.flatMap((change) => change.events), { type: 'finalized', object }],
    });
    this.#removeBlobs(
      retired.flatMap((change) => change.removed),
      [source, replaced],
    );
    return object;
  }

  /**
   * Without `generation` it deletes the live object, or makes it noncurrent when the bucket is versioned. With
   * `generation` it deletes that generation permanently.
   */
  delete(bucket: string, name: string, generation: number | undefined, preconditions: Preconditions): void {
    const object = this.find(bucket, name, generation);
    checkPreconditions(preconditions, object, 'write');
    const retired = generation === undefined ? this.#retire(object) : erase(object);
    this.#commit(retired);
    this.#removeBlobs(retired.removed, [object]);
  }

  /** `merge` patches the metadata. `replace` sets all of it. */
  setMetadata(
    object: StoredObject,
    body: MetadataBody,
    mode: 'merge' | 'replace',
    preconditions: Preconditions,
  ): StoredObject {
    checkPreconditions(preconditions, object, 'write');
    const metadata = mode === 'merge' ? mergeMetadata(object, body) : metadataOf(body);
    const updated: StoredObject = {
      ...object,
      ...metadata,
      contentType: metadata.contentType ?? DEFAULT_CONTENT_TYPE,
      storageClass: object.storageClass,
      metageneration: object.metageneration + 1,
      updated: this.#timestamp(),
    };
    this.#commit({ put: [updated], removed: [], events: [{ type: 'metadataUpdated', object: updated }] });
    return updated;
  }

  /** Emits the events that a crash prevented. */
  resendEvents(): void {
    this.#emit();
  }

  /** Throws 409 when the bucket has objects, live or noncurrent. */
  checkEmpty(bucket: string): void {
    if (this.bucket(bucket).generations.size > 0)
      throw conflict('BucketNotEmpty', 'The bucket you tried to delete is not empty.');
  }

  /** Microseconds since the epoch, and larger than every earlier generation. */
  nextGeneration(): number {
    return Math.max(
      Math.floor(this.#options.now()) * 1000,
      this.#options.persistence.state.lastGeneration + 1,
    );
  }

  #newObject({ bucket, name, metadata, content }: Omit<Publication, 'preconditions'>): StoredObject {
    const time = this.#timestamp();
    return {
      ...mergeMetadata(metadata, {}),
      contentType: metadata.contentType ?? DEFAULT_CONTENT_TYPE,
      storageClass: metadata.storageClass ?? this.bucket(bucket).record.settings.storageClass ?? 'STANDARD',
      bucket,
      name,
      generation: this.nextGeneration(),
      metageneration: 1,
      sizeBytes: content.sizeBytes,
      crc32c: content.crc32c,
      md5Hash: content.md5Hash,
      componentCount: content.componentCount,
      blob: content.blob,
      timeCreated: time,
      updated: time,
    };
  }

  /** The change to a live object that is replaced or deleted. */
  #retire(object: StoredObject): ObjectChange {
    if (this.bucket(object.bucket).record.settings.versioning?.enabled !== true) return erase(object);
    const noncurrent = { ...object, timeDeleted: this.#timestamp() };
    return { put: [noncurrent], removed: [], events: [{ type: 'archived', object: noncurrent }] };
  }

  #commit(change: ObjectChange): void {
    this.#options.persistence.commit({ kind: 'objects', ...change });
    this.#emit();
  }

  #emit(): void {
    const { persistence, onObjectEvent, baseUrl, onBug } = this.#options;
    const events = persistence.state.unsentEvents;
    if (events.length === 0) return;
    for (const { type, object } of events) {
      try {
        onObjectEvent({ type, object: objectResource(object, baseUrl()) });
      } catch (error) {
        onBug(error);
      }
    }
    persistence.commit({ kind: 'emitted' });
  }

  #removeBlobs(removed: readonly ObjectKey[], objects: readonly (StoredObject | undefined)[]): void {
    for (const object of objects)
      if (object && removed.some((key) => key.name === object.name && key.generation === object.generation))
        this.#options.persistence.blobs.remove(object.blob);
  }

  #timestamp(): string {
    return new Date(this.#options.now()).toISOString();
  }
}

const DEFAULT_CONTENT_TYPE = 'application/octet-stream';

interface ObjectChange {
  readonly put: readonly StoredObject[];
  readonly removed: readonly ObjectKey[];
  readonly events: readonly StoredEvent[];
  readonly finished?: { readonly session: string; readonly generation: number } | undefined;
}

const NO_CHANGE: ObjectChange = { put: [], removed: [], events: [] };

const erase = (object: StoredObject): ObjectChange => ({
  put: [],
  removed: [object].map(({ bucket, name, generation }) => ({ bucket, name, generation })),
  events: [{ type: 'deleted', object }],
});
