/** Makes changes durable: the state in memory, and a journal of its changes when there is a folder for it. */
import { Journal } from '../shared/journal.ts';
import { type TasksRecord, TasksState } from './state.ts';

export class Persistence {
  readonly state: TasksState;
  readonly #journal: Journal<TasksRecord> | undefined;

  private constructor(state: TasksState, journal: Journal<TasksRecord> | undefined) {
    this.state = state;
    this.#journal = journal;
  }

  /** @param file of the journal; without one nothing outlives the process */
  static open(file: string | undefined): Persistence {
    const state = new TasksState();
    if (file === undefined) return new Persistence(state, undefined);
    const journal = Journal.open<TasksRecord>({
      file,
      replay: (record) => state.apply(record),
      snapshot: () => state.snapshot(),
    });
    return new Persistence(state, journal);
  }

  /**
   * Makes the change, durably before this returns. The state comes first because appending may compact the journal,
   * and a snapshot taken without this change would lose it.
   */
  commit(record: TasksRecord): void {
    this.state.apply(record);
    this.#journal?.append(record);
  }

  close(): void {
    this.#journal?.close();
  }
}
