/** The journal of commits, which survives the process. It holds documents as protobuf bytes, see `protocol.ts`. */
import path from 'node:path';
import { Journal } from '../shared/journal.ts';
import { type Changes, type StoredDocument, storedDocument } from './documents.ts';
import type { DocumentMessage } from './messages.ts';
import { decodeDocument, encodeDocument } from './protocol.ts';
import { parseDocumentName } from './resource-names.ts';
import type { Store } from './store.ts';
import { fromTimestamp, type Micros, toTimestamp } from './timestamps.ts';

interface CommitRecord {
  readonly time: Micros;
  /** The written documents, in base64. */
  readonly stored: readonly string[];
  /** Names of the documents that the commit deleted. */
  readonly deleted: readonly string[];
}

export interface Persistence {
  /** Rewrites the journal as a snapshot of the current state. */
  readonly compact: () => void;
  readonly close: () => void;
}

/** Loads `<stateDir>/firestore.journal` into the store and appends every later commit to it. */
export function persist(store: Store, stateDir: string): Persistence {
  let latest: Micros = 0;
  const journal = Journal.open<CommitRecord>({
    file: path.join(stateDir, 'firestore.journal'),
    replay: (record) => {
      latest = Math.max(latest, record.time);
      replay(store, record);
    },
    snapshot: () => snapshot(store),
  });
  store.restartAfter(latest);
  store.setRecorder((changes, time) => journal.append(toRecord(changes, time)));
  return { compact: () => journal.compact(), close: () => journal.close() };
}

function toRecord(changes: Changes, time: Micros): CommitRecord {
  const stored: string[] = [];
  const deleted: string[] = [];
  for (const [name, document] of changes)
    if (document) stored.push(encode(document));
    else deleted.push(name);
  return { time, stored, deleted };
}

function replay(store: Store, { time, stored, deleted }: CommitRecord): void {
  for (const base64 of stored) {
    const document = decode(base64);
    databaseOf(store, document.name).apply(new Map([[document.name, document]]), time);
  }
  for (const name of deleted) databaseOf(store, name).apply(new Map([[name, undefined]]), time);
}

/** The first record has only the time: later commits must be after it, even if no document is left. */
function* snapshot(store: Store): Generator<CommitRecord> {
  const time = store.clock.readTime();
  yield { time, stored: [], deleted: [] };
  for (const document of store.documents()) yield { time, stored: [encode(document)], deleted: [] };
}

const databaseOf = (store: Store, name: string) => store.database(parseDocumentName(name).database);

const encode = ({ name, fields, createTime, updateTime }: StoredDocument): string =>
  encodeDocument({
    name,
    fields,
    createTime: toTimestamp(createTime),
    updateTime: toTimestamp(updateTime),
  }).toString('base64');

function decode(base64: string): StoredDocument {
  const { name, fields, createTime, updateTime }: DocumentMessage = decodeDocument(
    Buffer.from(base64, 'base64'),
  );
  if (!createTime || !updateTime)
    throw new Error(`The Firestore journal has ${name} without createTime or updateTime.`);
  return storedDocument(name, fields, fromTimestamp(createTime), fromTimestamp(updateTime));
}
