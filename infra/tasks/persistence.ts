/** The state in memory and, with a state folder, the journal of its changes. */
import { Journal } from '../shared/journal.ts';
import { type TasksRecord, TasksState } from './state.ts';

export class Persistence {
  readonly state: TasksState;
  readonly #journal: Journal<TasksRecord> | undefined;

  private constructor(state: TasksState, journal: Journal<TasksRecord> | undefined) {
    this.state = state;
    this.#journal = journal;
  }

  /** @param file the journal; without it nothing survives the process */
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
   * Makes the change. It is durable when this returns. The state changes first, because appending may compact the
   * journal, and a snapshot without this change would lose it.
   */
  commit(record: TasksRecord): void {
    this.state.apply(record);
    this.#journal?.append(record);
  }

  close(): void {
    this.#journal?.close();
  }
}
