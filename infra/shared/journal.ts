/**
 * An append-only journal of JSON records. It lets every local server survive `kill -9`.
 *
 * A record is written with one synchronous write(2) before the server responds. Everything that was acknowledged to a
 * client has therefore reached the kernel and survives the death of the process. It may not survive a power failure:
 * there is no fsync, because an emulator on a laptop does not need it.
 * One line is one record: `<crc32 hex> <json>\n`. Opening the journal truncates an incomplete or damaged tail.
 */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { crc32 } from './crc32.ts';

export interface JournalOptions<R> {
  /** Its folder is created if needed. */
  readonly file: string;
  /** Called once per stored record, oldest first, while the journal is opened. */
  readonly replay: (record: R) => void;
  /** The records that rebuild the current state from nothing. Called when the journal is compacted. */
  readonly snapshot: () => Iterable<R>;
  /**
   * Compact after this many bytes have been appended since the last snapshot. Default 32 MiB. After opening, the end of
   * the last snapshot is not known, so the whole file counts. A process that is killed repeatedly therefore compacts too.
   */
  readonly compactAfterBytes?: number;
}

export class Journal<R> {
  readonly #options: JournalOptions<R>;
  #fd: number;
  #appendedBytes: number;
  #compaction: NodeJS.Immediate | undefined;

  private constructor(options: JournalOptions<R>, fd: number, appendedBytes: number) {
    this.#options = options;
    this.#fd = fd;
    this.#appendedBytes = appendedBytes;
  }

  static open<R>(options: JournalOptions<R>): Journal<R> {
    mkdirSync(path.dirname(options.file), { recursive: true });
    const intactBytes = existsSync(options.file) ? replayIntact(options) : 0;
    const fd = openSync(options.file, 'a');
    ftruncateSync(fd, intactBytes);
    return new Journal(options, fd, intactBytes);
  }

  /**
   * Stores the record before it returns. `R` must survive JSON. The caller may change its state before or after, but in
   * the same tick of the event loop.
   */
  append(record: R): void {
    const line = encode(record);
    writeSync(this.#fd, line);
    this.#appendedBytes += line.length;
    if (this.#appendedBytes <= (this.#options.compactAfterBytes ?? 32 * 1024 * 1024)) return;
    this.#appendedBytes = 0;
    // Deferred: the caller may apply the record to its state only after this returns, and the snapshot reads that state.
    this.#compaction ??= setImmediate(() => this.compact());
  }

  /** Replaces the file with a snapshot of the current state. The old file stays in place until the new one is complete. */
  compact(): void {
    clearImmediate(this.#compaction);
    this.#compaction = undefined;
    const next = `${this.#options.file}.next`;
    const fd = openSync(next, 'w');
    for (const record of this.#options.snapshot()) writeSync(fd, encode(record));
    renameSync(next, this.#options.file);
    closeSync(this.#fd);
    closeSync(fd);
    this.#fd = openSync(this.#options.file, 'a');
    this.#appendedBytes = 0;
  }

  close(): void {
    clearImmediate(this.#compaction);
    closeSync(this.#fd);
  }
}

function encode(record: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(record));
  return Buffer.concat([Buffer.from(`${checksum(json)} `), json, Buffer.from('\n')]);
}

const checksum = (bytes: Uint8Array): string => crc32(bytes).toString(16).padStart(8, '0');

/** Replays every intact record from the start. Returns their size in bytes. */
function replayIntact<R>({ file, replay }: JournalOptions<R>): number {
  const bytes = readFileSync(file);
  let offset = 0;
  while (offset < bytes.length) {
    const end = bytes.indexOf(0x0a, offset);
    if (end < 0) break;
    const json = bytes.subarray(offset + 9, end);
    if (bytes.subarray(offset, offset + 8).toString('latin1') !== checksum(json)) break;
    replay(JSON.parse(json.toString('utf8')));
    offset = end + 1;
  }
  return offset;
}
