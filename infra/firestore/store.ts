/** All databases, their clock, and the commit, which is the only way to change documents. */

import { type Changes, Database, type DatabaseOptions, type StoredDocument } from './documents.ts';
import type { ConsistencySelector, WriteResult } from './messages.ts';
import { invalid } from './refusals.ts';
import { CommitClock, fromTimestamp, type Micros } from './timestamps.ts';
import { checkReadTime, type Transaction, Transactions } from './transactions.ts';
import { computeWrites, type ParsedWrite } from './writes.ts';

/** The version that a read sees, and the transaction that records the read. */
export interface ReadView {
  /** Undefined: the latest version. */
  readonly at: Micros | undefined;
  /** The read time in the response. */
  readonly readTime: Micros;
  readonly transaction: Transaction | undefined;
  /** The read began the transaction, so the response must contain its id. */
  readonly isNewTransaction: boolean;
}

/** Called for every commit, after it is applied and before listeners and clients see it. */
export type Recorder = (changes: Changes, time: Micros) => void;

export class Store {
  readonly clock: CommitClock;
  readonly transactions: Transactions;
  readonly #databases = new Map<string, Database>();
  readonly #options: DatabaseOptions;
  #record: Recorder = () => {};
  #restartedAfter: Micros = 0;

  constructor(nowMs: () => number, options: DatabaseOptions = {}) {
    this.clock = new CommitClock(nowMs);
    this.transactions = new Transactions(this.clock);
    this.#options = options;
  }

  /** Returns the database. Creates it on first use. */
  database(name: string): Database {
    let database = this.#databases.get(name);
    if (!database) {
      database = new Database(name, this.#options);
      database.dropHistoryBefore(this.#restartedAfter);
      this.#databases.set(name, database);
    }
    return database;
  }

  *documents(): Generator<StoredDocument> {
    for (const database of this.#databases.values())
      yield* database.scan({ parent: [], collectionId: undefined, allDescendants: true });
  }

  setRecorder(recorder: Recorder): void {
    this.#record = recorder;
  }

  /** Drops all history and continues after `time`, as after a restart. */
  restartAfter(time: Micros): void {
    this.clock.notBefore(time);
    this.#restartedAfter = time;
    for (const database of this.#databases.values()) database.dropHistoryBefore(time);
  }

  /** Throws INVALID_ARGUMENT or FAILED_PRECONDITION when the requested version cannot be read. */
  view(database: Database, selector: ConsistencySelector): ReadView {
    switch (selector.consistencySelector) {
      case 'newTransaction':
        return this.#transactionView(this.transactions.begin(database, selector.newTransaction), true);
      case 'transaction':
        return this.#transactionView(this.transactions.use(selector.transaction, database), false);
      case 'readTime': {
        const at = fromTimestamp(selector.readTime);
        checkReadTime(at, database, this.clock);
        return { at, readTime: at, transaction: undefined, isNewTransaction: false };
      }
      default:
        return {
          at: undefined,
          readTime: this.clock.readTime(),
          transaction: undefined,
          isNewTransaction: false,
        };
    }
  }

  #transactionView(transaction: Transaction, isNewTransaction: boolean): ReadView {
    const at = transaction.snapshot(this.clock);
    return { at, readTime: at, transaction, isNewTransaction };
  }

  /**
   * Applies the writes atomically. Throws ABORTED when the transaction conflicts with another commit, and the error of a
   * write whose precondition fails.
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
    const { results, changes } = computeWrites(database, writes, commitTime);
    if (changes.size > 0) {
      database.apply(changes, commitTime);
      this.#record(changes, commitTime);
      database.notifyListeners(changes, commitTime);
    }
    return { results, commitTime };
  }

  /** Deletes every document, notifies the listeners, and drops all history. */
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
    this.restartAfter(this.clock.readTime());
  }
}
