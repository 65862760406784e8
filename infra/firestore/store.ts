/** All databases, their clock, and the one way in which documents change. */

import { type Changes, Database, type DatabaseOptions, type StoredDocument } from './documents.ts';
import type { ConsistencySelector, WriteResult } from './messages.ts';
import { invalid } from './refusals.ts';
import { CommitClock, fromTimestamp, type Micros } from './timestamps.ts';
import { checkReadTime, type Transaction, Transactions } from './transactions.ts';
import { type ParsedWrite, workOutWrites } from './writes.ts';

/** Which version a read sees, and what remembers that it was read. */
export interface ReadView {
  /** Undefined: the latest. */
  readonly at: Micros | undefined;
  /** What the caller is told: the time as of which the answer is right. */
  readonly readTime: Micros;
  readonly transaction: Transaction | undefined;
  /** The read began the transaction, so the answer has to name it. */
  readonly began: boolean;
}

/** Called with every commit once it is applied and before anybody is told. */
export type Recorder = (changes: Changes, time: Micros) => void;

export class Store {
  readonly clock: CommitClock;
  readonly transactions: Transactions;
  readonly #databases = new Map<string, Database>();
  readonly #options: DatabaseOptions;
  #record: Recorder = () => {};
  #startedFrom: Micros = 0;

  constructor(nowMs: () => number, options: DatabaseOptions = {}) {
    this.clock = new CommitClock(nowMs);
    this.transactions = new Transactions(this.clock);
    this.#options = options;
  }

  /** Databases need not be made first. */
  database(name: string): Database {
    let database = this.#databases.get(name);
    if (!database) {
      database = new Database(name, this.#options);
      database.forgetBefore(this.#startedFrom);
      this.#databases.set(name, database);
    }
    return database;
  }

  *documents(): Generator<StoredDocument> {
    for (const database of this.#databases.values())
      yield* database.scan({ parent: [], collectionId: undefined, allDescendants: true });
  }

  recordWith(recorder: Recorder): void {
    this.#record = recorder;
  }

  /** Forgets all history, as after a restart. */
  startFrom(time: Micros): void {
    this.clock.notBefore(time);
    this.#startedFrom = time;
    for (const database of this.#databases.values()) database.forgetBefore(time);
  }

  /** Throws INVALID_ARGUMENT or FAILED_PRECONDITION when the asked version cannot be read. */
  view(database: Database, selector: ConsistencySelector): ReadView {
    switch (selector.consistencySelector) {
      case 'newTransaction':
        return this.#transactionView(this.transactions.begin(database, selector.newTransaction), true);
      case 'transaction':
        return this.#transactionView(this.transactions.use(selector.transaction, database), false);
      case 'readTime': {
        const at = fromTimestamp(selector.readTime);
        checkReadTime(at, database, this.clock);
        return { at, readTime: at, transaction: undefined, began: false };
      }
      default:
        return { at: undefined, readTime: this.clock.readTime(), transaction: undefined, began: false };
    }
  }

  #transactionView(transaction: Transaction, began: boolean): ReadView {
    const at = transaction.snapshot(this.clock);
    return { at, readTime: at, transaction, began };
  }

  /**
   * Applies the writes all together or not at all. Throws ABORTED when the transaction lost against another, and
   * whatever a write's condition demands.
   */
  commit(
    database: Database,
    writes: readonly ParsedWrite[],
    transactionId?: Buffer,
  ): { readonly results: readonly WriteResult[]; readonly commitTime: Micros } {
    if (transactionId) {
      const transaction = this.transactions.use(transactionId, database);
      if (transaction.readOnly && writes.length > 0)
        invalid('Cannot modify entities in a read-only transaction.');
      this.transactions.end(transactionId);
      if (writes.length > 0) transaction.checkUnchanged();
    }
    const commitTime = this.clock.commitTime();
    const { results, changes } = workOutWrites(database, writes, commitTime);
    if (changes.size > 0) {
      database.apply(changes, commitTime);
      this.#record(changes, commitTime);
      database.announce(changes, commitTime);
    }
    return { results, commitTime };
  }

  /** Deletes every document, tells the listeners so, and forgets all history. */
  clear(): void {
    this.transactions.endAll();
    for (const database of this.#databases.values()) {
      const scope = { parent: [], collectionId: undefined, allDescendants: true };
      const writes = [...database.scan(scope)].map(({ name }) => ({
        name,
        condition: undefined,
        change: undefined,
      }));
      this.commit(database, writes);
    }
    this.startFrom(this.clock.readTime());
  }
}
