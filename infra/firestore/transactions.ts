/**
 * Transactions with optimistic concurrency control. A read-write transaction reads one snapshot and commits only if
 * everything that it read is unchanged (first committer wins). Otherwise it gets ABORTED, and the client retries. The
 * real service uses locks instead. The interleavings that can succeed are the same, but readers do not wait here.
 */

import { randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { refuse } from '../shared/grpc.ts';
import type { Database, Scope, StoredDocument } from './documents.ts';
import type { TransactionOptions } from './messages.ts';
import { invalid } from './refusals.ts';
import { type CommitClock, fromTimestamp, type Micros } from './timestamps.ts';

/** Limits of the real service. */
const MAX_AGE_MS = 270_000;
const MAX_IDLE_MS = 60_000;

const ID_BYTES = 16;

/** A query result that a transaction has read. */
interface Observation {
  readonly scope: Scope;
  readonly documents: readonly StoredDocument[];
  /** Runs the same query on the current documents. */
  readonly rerun: () => readonly StoredDocument[];
}

export class Transaction {
  readonly id: Buffer = randomBytes(ID_BYTES);
  readonly database: Database;
  readonly readOnly: boolean;
  readonly startedMs: number;
  lastUsedMs: number;
  #snapshot: Micros | undefined;
  readonly #documents = new Set<string>();
  readonly #observations: Observation[] = [];

  constructor(
    database: Database,
    options: { readOnly: boolean; snapshot: Micros | undefined; nowMs: number },
  ) {
    this.database = database;
    this.readOnly = options.readOnly;
    this.#snapshot = options.snapshot;
    this.startedMs = options.nowMs;
    this.lastUsedMs = options.nowMs;
  }

  /**
   * The time of all reads, fixed by the first read. When the history no longer covers it, throws ABORTED, or
   * FAILED_PRECONDITION for a read-only transaction, which a retry would not help.
   */
  snapshot(clock: CommitClock): Micros {
    this.#snapshot ??= clock.readTime();
    if (!this.readOnly && this.#snapshot < this.database.horizon) aborted('its snapshot is too old');
    this.database.checkReadable(this.#snapshot);
    return this.#snapshot;
  }

  /** Records a document that was read or found missing. */
  recordRead(name: string): void {
    if (!this.readOnly) this.#documents.add(name);
  }

  recordResult(observation: Observation): void {
    if (!this.readOnly) this.#observations.push(observation);
  }

  /** Throws ABORTED when anything that this transaction read has changed since. */
  checkUnchanged(): void {
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return;
    if (snapshot < this.database.horizon) aborted('its snapshot is too old');
    for (const name of this.#documents) if (this.database.changedSince(name, snapshot)) aborted(name);
    for (const { scope, documents, rerun } of this.#observations) {
      if (!this.database.scopeChangedSince(scope, snapshot)) continue;
      const now = rerun();
      // Versions are immutable objects, so an unchanged result has identical objects.
      if (now.length !== documents.length || now.some((document, i) => document !== documents[i]))
        aborted('the result of a query');
    }
  }
}

const aborted = (what: string): never =>
  refuse(
    status.ABORTED,
    `Aborted due to cross-transaction contention. This transaction's read is out of date: ${what}.`,
  );

/** This wording makes the official client retry, which is correct: nothing of the transaction was committed. */
const expired = (): never => invalid('The referenced transaction has expired or is no longer valid.');

export class Transactions {
  readonly #clock: CommitClock;
  readonly #open = new Map<string, Transaction>();

  constructor(clock: CommitClock) {
    this.#clock = clock;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Throws INVALID_ARGUMENT or FAILED_PRECONDITION when the requested read time cannot be read. */
  begin(database: Database, options: TransactionOptions | null): Transaction {
    this.#dropExpired();
    let snapshot: Micros | undefined;
    if (options?.mode === 'readOnly' && options.readOnly.consistencySelector === 'readTime') {
      snapshot = fromTimestamp(options.readOnly.readTime);
      checkReadTime(snapshot, database, this.#clock);
    }
    const transaction = new Transaction(database, {
      readOnly: options?.mode === 'readOnly',
      snapshot,
      nowMs: this.#clock.nowMs(),
    });
    this.#open.set(transaction.id.toString('hex'), transaction);
    return transaction;
  }

  /** The open transaction with this id. Throws INVALID_ARGUMENT when it has ended or expired. */
  use(id: Buffer, database: Database): Transaction {
    checkId(id);
    this.#dropExpired();
    const transaction = this.#open.get(id.toString('hex')) ?? expired();
    if (transaction.database !== database) invalid('The transaction belongs to another database.');
    transaction.lastUsedMs = this.#clock.nowMs();
    return transaction;
  }

  /** Ending a transaction that has ended is not an error. Throws INVALID_ARGUMENT for a malformed id. */
  end(id: Buffer): void {
    checkId(id);
    this.#open.delete(id.toString('hex'));
  }

  endAll(): void {
    this.#open.clear();
  }

  #dropExpired(): void {
    const now = this.#clock.nowMs();
    for (const [id, { startedMs, lastUsedMs }] of this.#open)
      if (now - startedMs > MAX_AGE_MS || now - lastUsedMs > MAX_IDLE_MS) this.#open.delete(id);
  }
}

const checkId = (id: Buffer): void => {
  if (id.length !== ID_BYTES) invalid('Invalid transaction.');
};

/** Throws INVALID_ARGUMENT for a time in the future and FAILED_PRECONDITION for one before the horizon. */
export function checkReadTime(time: Micros, database: Database, clock: CommitClock): void {
  if (time > clock.readTime()) invalid("The requested 'read_time' cannot be in the future.");
  database.checkReadable(time);
}
