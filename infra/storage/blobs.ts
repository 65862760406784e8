/**
 * The contents of objects: one file per object in one folder. A file is immutable once an object refers to it.
 *
 * A file belongs to an object when a journal record names it. A file that no record names is left over from an interrupted
 * upload and is removed at the next start.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { type ContentDigest, ContentHash } from './checksums.ts';
import { toBuffer } from './messages.ts';

export class BlobStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** Creates an empty file and returns its name. */
  create(): string {
    const blob = randomUUID();
    closeSync(openSync(this.#file(blob), 'wx'));
    return blob;
  }

  /** Truncates the file to `sizeBytes` and opens it for appending. */
  async append(blob: string, sizeBytes: number): Promise<BlobWriter> {
    const handle = await open(this.#file(blob), 'r+');
    await handle.truncate(sizeBytes);
    return new BlobWriter(handle, sizeBytes);
  }

  /**
   * A stream over bytes `start` to `end`, both inclusive. The file is opened before this returns, so that a later delete
   * does not interrupt the download.
   */
  read(blob: string, start: number, end: number): Readable {
    const fd = openSync(this.#file(blob), 'r');
    return createReadStream('', { fd, start, end });
  }

  /** Creates a second name (hard link) for the same content, without a copy. Deleting one name keeps the other. */
  link(blob: string): string {
    const copy = randomUUID();
    linkSync(this.#file(blob), this.#file(copy));
    return copy;
  }

  sizeBytes(blob: string): number {
    return statSync(this.#file(blob), { throwIfNoEntry: false })?.size ?? 0;
  }

  async digest(blob: string): Promise<ContentDigest> {
    const hash = new ContentHash();
    for await (const chunk of createReadStream(this.#file(blob), { highWaterMark: READ_BYTES }))
      hash.update(toBuffer(chunk));
    return hash.digest();
  }

  remove(blob: string): void {
    rmSync(this.#file(blob), { force: true });
  }

  /** Removes every file that is not in `kept`. Returns the number of removed files. */
  removeOrphans(kept: ReadonlySet<string>): number {
    const orphans = readdirSync(this.#folder).filter((blob) => !kept.has(blob));
    for (const blob of orphans) this.remove(blob);
    return orphans.length;
  }

  #file(blob: string): string {
    return path.join(this.#folder, blob);
  }
}

/** Large enough for few thread-pool round trips with a 64 MiB file, small compared with the server's memory. */
const READ_BYTES = 256 * 1024;

/** Appends chunks. `sizeBytes` counts the bytes that were written to the file. */
export class BlobWriter {
  readonly #handle: FileHandle;
  #sizeBytes: number;

  constructor(handle: FileHandle, sizeBytes: number) {
    this.#handle = handle;
    this.#sizeBytes = sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async append(chunk: Buffer): Promise<void> {
    let offset = 0;
    while (offset < chunk.length) {
      const { bytesWritten } = await this.#handle.write(
        chunk,
        offset,
        chunk.length - offset,
        this.#sizeBytes,
      );
      offset += bytesWritten;
      this.#sizeBytes += bytesWritten;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
