/** The durable state in one folder: a journal of changes and a folder of contents. */
import path from 'node:path';
import { Journal } from '../shared/journal.ts';
import { BlobStore } from './blobs.ts';
import { type StorageRecord, StorageState } from './state.ts';

export class Persistence {
  readonly state: StorageState;
  readonly blobs: BlobStore;
  readonly #journal: Journal<StorageRecord>;

  private constructor(state: StorageState, blobs: BlobStore, journal: Journal<StorageRecord>) {
    this.state = state;
    this.blobs = blobs;
    this.#journal = journal;
  }

  /** Rebuilds the state. Removes contents that no record names, left over from interrupted uploads and deletes. */
  static open(folder: string): Persistence {
    const state = new StorageState();
    const journal = Journal.open<StorageRecord>({
      file: path.join(folder, 'journal.jsonl'),
      replay: (record) => state.apply(record),
      snapshot: () => state.snapshot(),
    });
    const blobs = new BlobStore(path.join(folder, 'blobs'));
    blobs.removeOrphans(state.blobs());
    return new Persistence(state, blobs, journal);
  }

  /**
   * Makes the change. It is durable when this returns. The state changes first, because appending may compact the
   * journal, and a snapshot without this change would lose it. Nothing else runs between the two steps.
   */
  commit(record: StorageRecord): void {
    this.state.apply(record);
    this.#journal.append(record);
  }

  close(): void {
    this.#journal.close();
  }
}
