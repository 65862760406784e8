/** A binary heap ordered by due time, from which any entry can be removed. Entries with equal times keep their order. */

export interface DueEntry<V> {
  readonly atMs: number;
  readonly value: V;
  readonly order: number;
  /** Position in the heap, or -1 when the entry is not in it. Only the heap writes it. */
  index: number;
}

export class DueHeap<V> {
  readonly #entries: DueEntry<V>[] = [];
  #order = 0;

  get size(): number {
    return this.#entries.length;
  }

  add(atMs: number, value: V): DueEntry<V> {
    const entry = { atMs, value, order: this.#order++, index: -1 };
    this.#insert(entry);
    return entry;
  }

  /** Reinserts an entry that was removed, with its original order. */
  putBack(entry: DueEntry<V>): void {
    if (entry.index < 0) this.#insert(entry);
  }

  peek(): DueEntry<V> | undefined {
    return this.#entries[0];
  }

  pop(): DueEntry<V> | undefined {
    const first = this.#entries[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Does nothing when the entry is no longer in the heap. */
  remove(entry: DueEntry<V>): void {
    if (entry.index < 0) return;
    const last = this.#entries.pop();
    if (last !== undefined && last !== entry) {
      this.#place(last, entry.index);
      this.#up(last);
      this.#down(last);
    }
    entry.index = -1;
  }

  clear(): void {
    for (const entry of this.#entries) entry.index = -1;
    this.#entries.length = 0;
  }

  #insert(entry: DueEntry<V>): void {
    this.#place(entry, this.#entries.length);
    this.#up(entry);
  }

  #place(entry: DueEntry<V>, index: number): void {
    this.#entries[index] = entry;
    entry.index = index;
  }

  #up(entry: DueEntry<V>): void {
    while (entry.index > 0) {
      const parent = this.#entries[(entry.index - 1) >> 1];
      if (parent === undefined || isBefore(parent, entry)) return;
      this.#swap(parent, entry);
    }
  }

  #down(entry: DueEntry<V>): void {
    for (;;) {
      const left = this.#entries[2 * entry.index + 1];
      const right = this.#entries[2 * entry.index + 2];
      const child = left !== undefined && right !== undefined && isBefore(right, left) ? right : left;
      if (child === undefined || isBefore(entry, child)) return;
      this.#swap(entry, child);
    }
  }

  #swap(a: DueEntry<V>, b: DueEntry<V>): void {
    const { index } = a;
    this.#place(a, b.index);
    this.#place(b, index);
  }
}

const isBefore = (a: DueEntry<unknown>, b: DueEntry<unknown>): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
