/**
 * The state of the server in memory: buckets, the generations of their objects, resumable sessions. It changes only by
 * `apply`, so that replaying the journal rebuilds it exactly.
 */
import type { BucketRecord } from './bucket-resource.ts';
import { compareUtf8 } from './names.ts';
import type { Preconditions } from './preconditions.ts';
import type { ObjectEventType, ObjectMetadata, StoredObject } from './resources.ts';

export interface StoredEvent {
  readonly type: ObjectEventType;
  readonly object: StoredObject;
}

export interface ObjectKey {
  readonly bucket: string;
  readonly name: string;
  readonly generation: number;
}

/** A resumable upload, in progress or recently finished. */
export interface SessionRecord {
  readonly id: string;
  readonly bucket: string;
  readonly name: string;
  readonly metadata: ObjectMetadata;
  readonly expected: { readonly crc32c?: string | undefined; readonly md5Hash?: string | undefined };
  readonly preconditions: Preconditions;
  readonly blob: string;
  /** From `x-upload-content-length`. */
  readonly totalBytes?: number | undefined;
  readonly startedAtMs: number;
  /** The generation that the finished upload created. */
  readonly generation?: number | undefined;
}

/** One change. After a crash it is applied completely or not at all. */
export type StorageRecord =
  | { readonly kind: 'bucket'; readonly bucket: BucketRecord }
  | { readonly kind: 'bucketDeleted'; readonly name: string }
  | {
      readonly kind: 'objects';
      readonly put: readonly StoredObject[];
      readonly removed: readonly ObjectKey[];
      readonly events: readonly StoredEvent[];
      /** The resumable session that this change finishes. */
      readonly finished?: { readonly session: string; readonly generation: number } | undefined;
    }
  /** The events of the last `objects` record were emitted. */
  | { readonly kind: 'emitted' }
  | { readonly kind: 'session'; readonly session: SessionRecord }
  | { readonly kind: 'sessionEnded'; readonly id: string }
  | { readonly kind: 'lastGeneration'; readonly generation: number };

export class BucketState {
  record: BucketRecord;
  /** By object name, oldest first. Only the last generation can be live. */
  readonly generations = new Map<string, StoredObject[]>();
  #sortedNames: string[] | undefined;

  constructor(record: BucketRecord) {
    this.record = record;
  }

  live(name: string): StoredObject | undefined {
    const newest = this.generations.get(name)?.at(-1);
    return newest?.timeDeleted === undefined ? newest : undefined;
  }

  /** Names of all objects, live or noncurrent, in listing order. */
  sortedNames(): readonly string[] {
    this.#sortedNames ??= [...this.generations.keys()].sort(compareUtf8);
    return this.#sortedNames;
  }

  put(object: StoredObject): void {
    const known = this.generations.get(object.name);
    if (known === undefined) {
      this.generations.set(object.name, [object]);
      this.#sortedNames = undefined;
      return;
    }
    const at = known.findIndex((other) => other.generation === object.generation);
    if (at < 0) known.push(object);
    else known[at] = object;
  }

  remove(name: string, generation: number): void {
    const left = (this.generations.get(name) ?? []).filter((object) => object.generation !== generation);
    if (left.length > 0) {
      this.generations.set(name, left);
      return;
    }
    this.generations.delete(name);
    this.#sortedNames = undefined;
  }
}

export class StorageState {
  readonly buckets = new Map<string, BucketState>();
  /** Ordered by start time. */
  readonly sessions = new Map<string, SessionRecord>();
  /** A generation is never reused, not even after its object was deleted. */
  lastGeneration = 0;
  /** Committed events that have not been emitted according to the journal. */
  unsentEvents: readonly StoredEvent[] = [];

  apply(record: StorageRecord): void {
    switch (record.kind) {
      case 'bucket': {
        const known = this.buckets.get(record.bucket.name);
        if (known === undefined) this.buckets.set(record.bucket.name, new BucketState(record.bucket));
        else known.record = record.bucket;
        this.lastGeneration = Math.max(this.lastGeneration, record.bucket.generation);
        return;
      }
      case 'bucketDeleted':
        this.buckets.delete(record.name);
        return;
      case 'objects':
        this.#applyObjects(record);
        return;
      case 'emitted':
        this.unsentEvents = [];
        return;
      case 'session':
        this.sessions.set(record.session.id, record.session);
        return;
      case 'sessionEnded':
        this.sessions.delete(record.id);
        return;
      case 'lastGeneration':
        this.lastGeneration = Math.max(this.lastGeneration, record.generation);
    }
  }

  #applyObjects(record: Extract<StorageRecord, { kind: 'objects' }>): void {
    for (const { bucket, name, generation } of record.removed)
      this.buckets.get(bucket)?.remove(name, generation);
    for (const object of record.put) {
      this.buckets.get(object.bucket)?.put(object);
      this.lastGeneration = Math.max(this.lastGeneration, object.generation);
    }
    this.unsentEvents = record.events;
    const session = record.finished && this.sessions.get(record.finished.session);
    if (record.finished && session)
      this.sessions.set(session.id, { ...session, generation: record.finished.generation });
  }

  /** The records that rebuild this state from nothing. */
  *snapshot(): Iterable<StorageRecord> {
    yield { kind: 'lastGeneration', generation: this.lastGeneration };
    for (const bucket of this.buckets.values()) {
      yield { kind: 'bucket', bucket: bucket.record };
      for (const put of bucket.generations.values()) yield { kind: 'objects', put, removed: [], events: [] };
    }
    for (const session of this.sessions.values()) yield { kind: 'session', session };
    yield { kind: 'objects', put: [], removed: [], events: this.unsentEvents };
  }

  /** The files that objects or sessions refer to. */
  blobs(): Set<string> {
    const blobs = new Set<string>();
    for (const bucket of this.buckets.values())
      for (const generations of bucket.generations.values())
        for (const object of generations) blobs.add(object.blob);
    for (const session of this.sessions.values()) blobs.add(session.blob);
    return blobs;
  }
}
