/**
 * An append-only journal of JSON records: how every local server outlives `kill -9`.
 *
 * A record is written with one synchronous write(2) before the server answers, so whatever a client was told has
 * reached the kernel and survives the death of the process (not of the machine, which a laptop's emulator need not).
 * One line is one record: `<crc32 hex> <json>\n`. A torn or damaged tail is cut off when the journal is opened again.
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
  /** The file; its folder is made. */
  readonly file: string;
  /** Called once per stored record, oldest first, while opening. */
  readonly replay: (record: R) => void;
  /** The records that rebuild the current state from nothing; used when the file has grown and is rewritten. */
  readonly snapshot: () => Iterable<R>;
  /**
   * Rewrite once this many bytes were appended since the last snapshot. Default 32 MiB. Where the last snapshot ended is
   * not known after opening, so all that is found counts: a process that is killed time and again rewrites too.
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

  /** Stores the record before returning. `R` must survive JSON. The state may be changed before or after, in the same turn. */
  append(record: R): void {
    const line = encode(record);
    writeSync(this.#fd, line);
    this.#appendedBytes += line.length;
    if (this.#appendedBytes <= (this.#options.compactAfterBytes ?? 32 * 1024 * 1024)) return;
    this.#appendedBytes = 0;
    // Not now: the caller may apply the record to its state only after this returns, and the snapshot is that state.
    this.#compaction ??= setImmediate(() => this.compact());
  }

  /** Rewrites the file as a snapshot of the current state. The old file stays until the new one is whole. */
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

/** Replays every whole record from the start and returns how many bytes they take. */
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
