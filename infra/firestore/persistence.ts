/** The journal of commits: what outlives the process. Documents are kept as protobuf bytes, see `protocol.ts`. */
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
  /** Base64 of the documents after the commit. */
  readonly stored: readonly string[];
  /** Names of the documents that the commit deleted. */
  readonly deleted: readonly string[];
}

export interface Persistence {
  /** Rewrites the journal as what there is now. */
  readonly compact: () => void;
  readonly close: () => void;
}

/** Fills the store with what `<stateDir>/firestore.journal` holds and keeps every later commit there. */
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
  store.startFrom(latest);
  store.recordWith((changes, time) => journal.append(toRecord(changes, time)));
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

/** The first record carries the time alone: commits must not go back behind it, even if nothing is left of them. */
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
  if (!createTime || !updateTime) throw new Error(`The journal holds ${name} without its times`);
  return storedDocument(name, fields, fromTimestamp(createTime), fromTimestamp(updateTime));
}
