/**
 * The documents of one database, with the recent versions that reads at an earlier time need.
 *
 * Versions are immutable, so a snapshot is only a time. Superseded versions are kept in a queue, oldest first, which is
 * trimmed by age and by bytes. The horizon is the time at which the last dropped version was superseded: reads at or
 * after it are exact, reads before it are refused. The same trimming drops the records of deleted documents.
 */
import { status } from '@grpc/grpc-js';
import { refuse } from '../shared/grpc.ts';
import type { Fields } from './messages.ts';
import { documentsRoot, parseDocumentName } from './resource-names.ts';
import type { Micros } from './timestamps.ts';
import { documentBytes } from './value-size.ts';

export interface StoredDocument {
  readonly name: string;
  /** Alternating collection ids and document ids. */
  readonly path: readonly string[];
  readonly fields: Fields;
  readonly createTime: Micros;
  readonly updateTime: Micros;
  readonly sizeBytes: number;
}

/** The written documents of a commit by name; undefined for deleted documents. */
export type Changes = ReadonlyMap<string, StoredDocument | undefined>;

export type CommitListener = (changes: Changes, time: Micros) => void;

/** Google keeps versions for one hour, unless point-in-time recovery is enabled. */
const RETENTION_MICROS = 3_600_000_000;
/** Limits the memory that a burst of writes within that hour can use. */
const HISTORY_BYTES = 64 * 1024 * 1024;
/** Overhead of a version besides its fields, so that many small versions are limited too. */
const VERSION_OVERHEAD_BYTES = 512;

interface Version {
  readonly time: Micros;
  readonly document: StoredDocument | undefined;
}

interface DocumentRecord {
  readonly name: string;
  readonly collection: Collection;
  /** Oldest first, never empty. */
  readonly versions: Version[];
}

interface Collection {
  readonly path: readonly string[];
  readonly id: string;
  readonly records: Map<string, DocumentRecord>;
  changedAt: Micros;
}

/** The documents that a query scans. */
export interface Scope {
  /** Path of the parent document. Empty for the database root. */
  readonly parent: readonly string[];
  /** Undefined: every collection. */
  readonly collectionId: string | undefined;
  readonly allDescendants: boolean;
}

const startsWith = (path: readonly string[], prefix: readonly string[]): boolean =>
  path.length >= prefix.length && prefix.every((id, i) => path[i] === id);

/** Whether documents of the collection at `path` are in scope. */
export function inScope({ parent, collectionId, allDescendants }: Scope, path: readonly string[]): boolean {
  if (!startsWith(path, parent)) return false;
  if (!allDescendants && path.length !== parent.length + 1) return false;
  return collectionId === undefined || path.at(-1) === collectionId;
}

export interface DatabaseOptions {
  readonly historyBytes?: number | undefined;
}

export class Database {
  /** `projects/{p}/databases/{d}`. */
  readonly name: string;
  readonly #historyLimitBytes: number;
  readonly #records = new Map<string, DocumentRecord>();
  readonly #collections = new Map<string, Collection>();
  readonly #listeners = new Set<CommitListener>();
  #superseded: { readonly record: DocumentRecord; readonly time: Micros; readonly sizeBytes: number }[] = [];
  /** Index of the first queue entry that has not been dropped. */
  #supersededHead = 0;
  #historyBytes = 0;
  #horizon: Micros = 0;

  constructor(name: string, options: DatabaseOptions = {}) {
    this.name = name;
    this.#historyLimitBytes = options.historyBytes ?? HISTORY_BYTES;
  }

  /** Reads at or after this time are exact. */
  get horizon(): Micros {
    return this.#horizon;
  }

  /** The number of documents in memory, including deleted ones, and of their versions. */
  get size(): { readonly records: number; readonly versions: number } {
    let versions = 0;
    for (const record of this.#records.values()) versions += record.versions.length;
    return { records: this.#records.size, versions };
  }

  /** Throws FAILED_PRECONDITION when versions of that time may have been dropped. */
  checkReadable(at: Micros): void {
    if (at < this.#horizon) refuse(status.FAILED_PRECONDITION, 'The requested snapshot version is too old.');
  }

  /** The document now or at time `at`; undefined when it does not exist. */
  get(name: string, at?: Micros): StoredDocument | undefined {
    const record = this.#records.get(name);
    return record && versionAt(record, at);
  }

  changedSince(name: string, time: Micros): boolean {
    const last = this.#records.get(name)?.versions.at(-1);
    return last !== undefined && last.time > time;
  }

  /** Whether any document in scope was written after `time`. */
  scopeChangedSince(scope: Scope, time: Micros): boolean {
    for (const collection of this.#collectionsIn(scope)) if (collection.changedAt > time) return true;
    return false;
  }

  *scan(scope: Scope, at?: Micros): Generator<StoredDocument> {
    for (const collection of this.#collectionsIn(scope))
      for (const record of collection.records.values()) {
        const document = versionAt(record, at);
        if (document) yield document;
      }
  }

  /** Applies the changes of a commit. `time` must increase from call to call. */
  apply(changes: Changes, time: Micros): void {
    for (const [name, document] of changes) this.#put(name, { time: document?.updateTime ?? time, document });
    this.#trim(time);
  }

  /** Notifies the listeners of a commit. */
  notifyListeners(changes: Changes, time: Micros): void {
    for (const listener of [...this.#listeners]) listener(changes, time);
  }

  /** Drops the history. Reads before `time` are refused from now on. */
  dropHistoryBefore(time: Micros): void {
    this.#historyBytes = 0;
    for (const { record } of this.#superseded.slice(this.#supersededHead)) this.#dropOldest(record);
    this.#superseded = [];
    this.#supersededHead = 0;
    this.#horizon = Math.max(this.#horizon, time);
  }

  subscribe(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  *#collectionsIn(scope: Scope): Generator<Collection> {
    if (scope.collectionId !== undefined && !scope.allDescendants) {
      const collection = this.#collections.get([...scope.parent, scope.collectionId].join('/'));
      if (collection) yield collection;
      return;
    }
    for (const collection of this.#collections.values())
      if (inScope(scope, collection.path)) yield collection;
  }

  #put(name: string, version: Version): void {
    const record = this.#records.get(name) ?? this.#create(name);
    const previous = record.versions.at(-1);
    record.versions.push(version);
    record.collection.changedAt = Math.max(record.collection.changedAt, version.time);
    if (previous === undefined) return;
    const sizeBytes = (previous.document?.sizeBytes ?? 0) + VERSION_OVERHEAD_BYTES;
    this.#superseded.push({ record, time: version.time, sizeBytes });
    this.#historyBytes += sizeBytes;
  }

  #create(name: string): DocumentRecord {
    const path = name.slice(documentsRoot(this.name).length + 1).split('/');
    const parent = path.slice(0, -1);
    const key = parent.join('/');
    let collection = this.#collections.get(key);
    if (!collection) {
      collection = { path: parent, id: parent.at(-1) ?? '', records: new Map(), changedAt: 0 };
      this.#collections.set(key, collection);
    }
    const record: DocumentRecord = { name, collection, versions: [] };
    collection.records.set(name, record);
    this.#records.set(name, record);
    return record;
  }

  #trim(now: Micros): void {
    for (;;) {
      const oldest = this.#superseded[this.#supersededHead];
      if (!oldest) break;
      if (oldest.time >= now - RETENTION_MICROS && this.#historyBytes <= this.#historyLimitBytes) break;
      this.#supersededHead++;
      this.#historyBytes -= oldest.sizeBytes;
      this.#horizon = oldest.time;
      this.#dropOldest(oldest.record);
    }
    if (this.#supersededHead > 1000 && this.#supersededHead * 2 > this.#superseded.length) {
      this.#superseded = this.#superseded.slice(this.#supersededHead);
      this.#supersededHead = 0;
    }
  }

  #dropOldest(record: DocumentRecord): void {
    record.versions.shift();
    if (record.versions.length > 1 || record.versions[0]?.document) return;
    this.#records.delete(record.name);
    record.collection.records.delete(record.name);
    if (record.collection.records.size === 0) this.#collections.delete(record.collection.path.join('/'));
  }
}

function versionAt({ versions }: DocumentRecord, at: Micros | undefined): StoredDocument | undefined {
  if (at === undefined) return versions.at(-1)?.document;
  for (let i = versions.length - 1; i >= 0; i--) {
    const version = versions[i];
    if (version && version.time <= at) return version.document;
  }
  return undefined;
}

/** Creates a stored document and computes its size. */
export function storedDocument(
  name: string,
  fields: Fields,
  createTime: Micros,
  updateTime: Micros,
): StoredDocument {
  const { path } = parseDocumentName(name);
  return { name, path, fields, createTime, updateTime, sizeBytes: documentBytes(path, fields) };
}
