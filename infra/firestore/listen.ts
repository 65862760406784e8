/**
 * One listen stream with any number of targets. Each target receives the changes of every commit that affects it.
 *
 * A resume token is the time of the snapshot with which it was sent. If the history still covers that time, a resumed
 * target receives only the changes since then. Otherwise it is reset and receives all documents.
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

interface ActiveTarget {
  readonly target: Target;
  documents: TargetDocuments;
}

export class ListenStream {
  readonly #store: Store;
  readonly #send: (response: ListenResponse) => void;
  readonly #targets = new Map<number, ActiveTarget>();
  #database: Database | undefined;
  #unsubscribe: () => void = () => {};

  constructor(store: Store, send: (response: ListenResponse) => void) {
    this.#store = store;
    this.#send = send;
  }

  /** Throws INVALID_ARGUMENT for an invalid request. An error of the target is sent on the stream instead. */
  handle(request: ListenRequest): void {
    const database = this.#databaseOf(request);
    if (request.targetChange === 'addTarget') this.#add(request.addTarget, database);
    else if (request.targetChange === 'removeTarget') this.#remove(request.removeTarget);
    else invalid('A listen request must add or remove a target.');
  }

  /** Sends an empty snapshot, so that clients do not treat the silence as a broken connection. */
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
      let sent = false;
      for (const [id, active] of this.#targets) {
        const after = active.target.after(changes, active.documents);
        if (after !== active.documents) sent = this.#sendChanges(id, active, after, time) || sent;
      }
      if (sent) this.#snapshot(time);
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
    const active: ActiveTarget = { target, documents: this.#resumed(message, id, target, database, time) };
    this.#targets.set(id, active);
    this.#sendChanges(id, active, present, time);
    for (const name of target.names)
      if (!active.documents.has(name)) this.#sendRemoval('documentDelete', name, id, time);
    this.#change('CURRENT', [id], time);
    this.#snapshot(time);
    if (message.once) this.#remove(id);
  }

  /** The documents that the client already has. Empty if it must start over. */
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

  /** Sends the difference between the target's documents and `after`. Returns whether there was one. */
  #sendChanges(id: number, active: ActiveTarget, after: TargetDocuments, time: Micros): boolean {
    const { documents: before, target } = active;
    let sent = false;
    for (const name of before.keys()) {
      if (after.has(name)) continue;
      sent = true;
      this.#sendRemoval(this.#database?.get(name) ? 'documentRemove' : 'documentDelete', name, id, time);
    }
    for (const [name, document] of after) {
      if (before.get(name) === document) continue;
      sent = true;
      this.#send({ documentChange: { document: toMessage(document, target), targetIds: [id] } });
    }
    active.documents = after;
    return sent;
  }

  #sendRemoval(how: 'documentDelete' | 'documentRemove', document: string, id: number, time: Micros): void {
    const removal = { document, removedTargetIds: [id], readTime: toTimestamp(time) };
    this.#send(how === 'documentDelete' ? { documentDelete: removal } : { documentRemove: removal });
  }

  /** A NO_CHANGE without target ids: everything up to `time` has been sent. */
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
  // An unknown token is treated as older than the history, which resets the target.
  return /^\d{1,16}$/.test(token) ? Number(token) : -1;
}

const toMessage = (document: StoredDocument, { projection }: Target): DocumentMessage => ({
  name: document.name,
  fields: projection ? project(document.fields, projection) : document.fields,
  createTime: toTimestamp(document.createTime),
  updateTime: toTimestamp(document.updateTime),
});
