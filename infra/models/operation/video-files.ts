/** Stores finished videos and the inputs of extensions as files in one folder. */
import { mkdirSync } from 'node:fs';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** With the process id, makes the names of draft files unique, even when two servers share a folder. */
let drafts = 0;

export class VideoFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
  }

  /** Atomic: a crash leaves the whole file or no file. */
  async write(name: string, bytes: Buffer): Promise<void> {
    const draft = `${this.#path(name)}.${process.pid}.${++drafts}.part`;
    await writeFile(draft, bytes);
    await rename(draft, this.#path(name));
  }

  async read(name: string): Promise<Buffer | undefined> {
    try {
      return await readFile(this.#path(name));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  /** Removes every file whose operation is not among those to keep. */
  async removeAllBut(isKept: (operationId: string) => boolean): Promise<void> {
    for (const entry of await readdir(this.#directory)) {
      const operationId = entry.slice(0, entry.lastIndexOf('-'));
      if (!isKept(operationId)) await rm(path.join(this.#directory, entry), { force: true });
    }
  }

  #path(name: string): string {
    return path.join(this.#directory, `${name}.mp4`);
  }
}

export const sampleFile = (operationId: string, sample: number): string => `${operationId}-${sample}`;
export const inputFile = (operationId: string): string => `${operationId}-input`;
