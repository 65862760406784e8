/** Reads a file from front to back in ranges of bounded size, and keeps one of them in memory. */
import type { ReadRange } from './read-range.ts';

/** The first range is small, because most refusals need no more. With the others 20 MiB take 21 reads. */
const FIRST_BYTES = 64 * 1024;
const WINDOW_BYTES = 1024 * 1024;

export interface FileWindow {
  /** The file ends here, or is not read beyond. */
  readonly endAt: number;
  /** @returns `length` bytes, 64 KiB at most; undefined if the file ends before. Valid until the next call. */
  bytes(at: number, length: number): Promise<DataView | undefined>;
  /** Calls `look` with consecutive parts of the file, until it returns true. @returns whether it did */
  scan(from: number, to: number, look: (part: Buffer, at: number) => boolean): Promise<boolean>;
}

/** @param sizeBytes size of the file, or of the part that is read */
export function createFileWindow(sizeBytes: number, read: ReadRange): FileWindow {
  let start = 0;
  let part: Buffer = Buffer.alloc(0);
  const holds = (from: number, to: number): boolean => from >= start && to <= start + part.length;

  async function load(at: number, atLeast: number): Promise<void> {
    const size = at === 0 ? FIRST_BYTES : WINDOW_BYTES;
    const bytes = await read(at, Math.min(sizeBytes, at + Math.max(size, atLeast)) - 1);
    start = at;
    part = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  return {
    endAt: sizeBytes,

    async bytes(at, length) {
      if (at + length > sizeBytes) return undefined;
      if (!holds(at, at + length)) await load(at, length);
      // Fewer than requested: the object was replaced by a shorter one.
      if (!holds(at, at + length)) return undefined;
      return new DataView(part.buffer, part.byteOffset + at - start, length);
    },

    async scan(from, to, look) {
      const end = Math.min(to, sizeBytes);
      for (let at = from; at < end; ) {
        if (!holds(at, at + 1)) await load(at, 1);
        if (!holds(at, at + 1)) return false;
        const rest = part.subarray(at - start, end - start);
        if (look(rest, at)) return true;
        at += rest.length;
      }
      return false;
    },
  };
}
