/** The generated videos of the Developer API's Files API: available for two days, to the key's project only. */
import type { LandedVideo, Operation, OperationStore } from './operations.ts';
import { sampleFile, type VideoFiles } from './video-files.ts';

export const FILE_LIFETIME_MS = 48 * 3_600_000;

export interface GeneratedFile {
  readonly operation: Operation;
  readonly video: LandedVideo;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

export class GeneratedFiles {
  readonly #store: OperationStore;
  readonly #files: VideoFiles;
  readonly #now: () => number;

  constructor(store: OperationStore, files: VideoFiles, now: () => number) {
    this.#store = store;
    this.#files = files;
    this.#now = now;
  }

  /** Undefined if the file is expired, unknown or of another project: Google returns the same error for all three. */
  find(fileId: string, project: string): GeneratedFile | undefined {
    const found = this.#store.findFile(fileId);
    if (found === undefined || found.operation.project !== project) return undefined;
    const createdAtMs = this.#store.landingOf(found.operation)?.atMs ?? 0;
    const expiresAtMs = createdAtMs + FILE_LIFETIME_MS;
    return expiresAtMs > this.#now() ? { ...found, createdAtMs, expiresAtMs } : undefined;
  }

  async read(fileId: string, project: string): Promise<Buffer | undefined> {
    const found = this.find(fileId, project);
    if (found === undefined) return undefined;
    return this.#files.read(sampleFile(found.operation.id, found.video.sample));
  }
}
