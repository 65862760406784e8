/** The input bucket of an in-memory world, seen by users who upload files. It has versioning, as the real one has. */
import type { UploadBucket, UploadedObject, UploadWait, UploadWaits } from '../../functions/ports.ts';
import type { World } from './memory.ts';

export class MemoryUploads implements UploadBucket {
  readonly bucket: string;
  readonly #input: World['input'];
  failNext = 0;

  constructor({ input }: World) {
    this.bucket = input.bucket;
    this.#input = input;
    input.hasVersions = true;
  }

  get objects(): World['input']['objects'] {
    return this.#input.objects;
  }

  /** Stores the file. @returns the data of its event */
  drop(
    name: string,
    body: string | Uint8Array,
    contentType = '',
    metadata: Record<string, string> = {},
  ): Record<string, unknown> {
    const bytes = Buffer.from(body);
    this.#input.put(name, bytes, contentType, metadata);
    const generation = this.objects.get(name)?.generation;
    return { bucket: this.bucket, name, generation, size: String(bytes.length), contentType, metadata };
  }

  async head(name: string, wanted?: string): Promise<UploadedObject | undefined> {
    if (this.failNext > 0) {
      this.failNext--;
      throw new Error('the bucket returned 503');
    }
    const found = this.#input.find(name, wanted);
    if (!found) return undefined;
    const { generation, bytes, contentType, metadata } = found;
    return { name, generation, bytes, contentType, metadata };
  }

  async read(name: string, generation: string): Promise<Uint8Array | undefined> {
    return this.#input.find(name, generation)?.body;
  }

  async write(name: string, contentType: string, bytes: Uint8Array, over: string): Promise<boolean> {
    if ((this.objects.get(name)?.generation ?? '0') !== over) return false;
    this.drop(name, bytes, contentType);
    return true;
  }

  async remove(name: string, generation: string): Promise<void> {
    if (this.objects.get(name)?.generation === generation) this.#input.remove(name);
  }

  json(name: string): unknown {
    const found = this.objects.get(name);
    return found && JSON.parse(Buffer.from(found.body).toString());
  }
}

/** The waiting uploads of an in-memory world. */
export class MemoryWaits implements UploadWaits {
  readonly waits = new Map<string, UploadWait>();

  async put(wait: UploadWait): Promise<void> {
    this.waits.set(wait.waitId, wait);
  }

  async due(now: number, limit: number): Promise<readonly UploadWait[]> {
    const due = [...this.waits.values()].filter(({ dueAt }) => dueAt <= now);
    return due.sort((a, b) => a.dueAt - b.dueAt).slice(0, limit);
  }

  async remove(waitId: string): Promise<void> {
    this.waits.delete(waitId);
  }
}
