/**
 * One listen stream: any number of targets, told of every commit that concerns them.
 *
 * A resume token is the time of the snapshot it came with. While history reaches back that far, a resumed target is
 * told only what changed since; otherwise it is reset and told everything.
 */

import { GrpcError } from '../shared/grpc.ts';
import type { Database, StoredDocument } from './documents.ts';
import { project } from './field-path.ts';
import type {
  DocumentMessage,
  ListenRequest,
  ListenResponse,
  TargetChangeType,
  TargetMessage,
} from './messages.ts';
import { invalid } from './refusals.ts';
import { parseDatabaseName } from './resource-names.ts';
import type { Store } from './store.ts';
import { planTarget, type Target, type TargetDocuments } from './targets.ts';
import { fromTimestamp, type Micros, toTimestamp } from './timestamps.ts';

interface Following {
  readonly target: Target;
  documents: TargetDocuments;
}

export class ListenStream {
  readonly #store: Store;
  readonly #send: (response: ListenResponse) => void;
  readonly #targets = new Map<number, Following>();
  #database: Database | undefined;
  #unsubscribe: () => void = () => {};

  constructor(store: Store, send: (response: ListenResponse) => void) {
    this.#store = store;
    this.#send = send;
  }

  /** Throws INVALID_ARGUMENT for a request that is wrong as such; a wrong target is answered on the stream. */
  handle(request: ListenRequest): void {
    const database = this.#databaseOf(request);
    if (request.targetChange === 'addTarget') this.#add(request.addTarget, database);
    else if (request.targetChange === 'removeTarget') this.#remove(request.removeTarget);
    else invalid('A listen request must add or remove a target.');
  }

  /** Says that nothing happened, so that clients do not take the silence for a broken connection. */
  heartbeat(): void {
    if (this.#targets.size > 0) this.#snapshot(this.#store.clock.readTime());
  }

  close(): void {
    this.#unsubscribe();
    this.#targets.clear();
  }

  #databaseOf(request: ListenRequest): Database {
    if (this.#database) return this.#database;
    const database = this.#store.database(parseDatabaseName(request.database));
    this.#database = database;
    this.#unsubscribe = database.subscribe((changes, time) => {
      let told = false;
      for (const [id, following] of this.#targets) {
        const after = following.target.after(changes, following.documents);
        if (after !== following.documents) told = this.#tellChanges(id, following, after, time) || told;
      }
      if (told) this.#snapshot(time);
    });
    return database;
  }

  #add(message: TargetMessage, database: Database): void {
    const id = message.targetId === 0 ? this.#freeId() : message.targetId;
    if (this.#targets.has(id)) invalid(`Target id ${id} is in use.`);
    this.#change('ADD', [id]);
    let target: Target;
    let present: TargetDocuments;
    try {
      target = planTarget(message, database);
      present = target.documents();
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      this.#send({
        targetChange: {
          targetChangeType: 'REMOVE',
          targetIds: [id],
          cause: { code: error.code, message: error.message },
        },
      });
      return;
    }
    const time = this.#store.clock.readTime();
    const following: Following = { target, documents: this.#resumed(message, id, target, database, time) };
    this.#targets.set(id, following);
    this.#tellChanges(id, following, present, time);
    for (const name of target.names)
      if (!following.documents.has(name)) this.#tellGone('documentDelete', name, id, time);
    this.#change('CURRENT', [id], time);
    this.#snapshot(time);
    if (message.once) this.#remove(id);
  }

  /** What the client still holds from before; nothing if it has to start over. */
  #resumed(
    message: TargetMessage,
    id: number,
    target: Target,
    database: Database,
    now: Micros,
  ): TargetDocuments {
    const since = resumeTime(message);
    if (since === undefined) return new Map();
    if (since >= database.horizon && since <= now) return target.documents(since);
    this.#change('RESET', [id]);
    return new Map();
  }

  #remove(id: number): void {
    if (this.#targets.delete(id)) this.#change('REMOVE', [id]);
  }

  /** Reports the way from the documents followed so far to `after`; whether there was anything to report. */
  #tellChanges(id: number, following: Following, after: TargetDocuments, time: Micros): boolean {
    const { documents: before, target } = following;
    let told = false;
    for (const name of before.keys()) {
      if (after.has(name)) continue;
      told = true;
      this.#tellGone(this.#database?.get(name) ? 'documentRemove' : 'documentDelete', name, id, time);
    }
    for (const [name, document] of after) {
      if (before.get(name) === document) continue;
      told = true;
      this.#send({ documentChange: { document: toMessage(document, target), targetIds: [id] } });
    }
    following.documents = after;
    return told;
  }

  #tellGone(how: 'documentDelete' | 'documentRemove', document: string, id: number, time: Micros): void {
    const gone = { document, removedTargetIds: [id], readTime: toTimestamp(time) };
    this.#send(how === 'documentDelete' ? { documentDelete: gone } : { documentRemove: gone });
  }

  /** Without target ids: everything up to `time` has been told. */
  #snapshot(time: Micros): void {
    this.#change('NO_CHANGE', [], time);
  }

  #change(targetChangeType: TargetChangeType, targetIds: readonly number[], time?: Micros): void {
    const at = time === undefined ? {} : { readTime: toTimestamp(time), resumeToken: resumeToken(time) };
    this.#send({ targetChange: { targetChangeType, targetIds, ...at } });
  }

  #freeId(): number {
    let id = 1;
    while (this.#targets.has(id)) id++;
    return id;
  }
}

const resumeToken = (time: Micros): Buffer => Buffer.from(String(time));

function resumeTime(message: TargetMessage): Micros | undefined {
  if (message.resumeType === 'readTime') return fromTimestamp(message.readTime);
  if (message.resumeType !== 'resumeToken' || message.resumeToken.length === 0) return undefined;
  const token = message.resumeToken.toString();
  // A token that is none of ours is older than all history.
  return /^\d{1,16}$/.test(token) ? Number(token) : -1;
}

const toMessage = (document: StoredDocument, { projection }: Target): DocumentMessage => ({
  name: document.name,
  fields: projection ? project(document.fields, projection) : document.fields,
  createTime: toTimestamp(document.createTime),
  updateTime: toTimestamp(document.updateTime),
});
