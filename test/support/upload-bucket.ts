/** The input bucket of a world in memory, as those see it who drop files there. */
import type { UploadBucket, UploadedObject } from '../../functions/ports.ts';
import type { World } from './memory.ts';

export class MemoryUploads implements UploadBucket {
  readonly bucket: string;
  readonly objects = new Map<string, UploadedObject & { readonly body: Uint8Array }>();
  readonly #world: World;
  #generation = 1_700_000_000_000_000;
  failNext = 0;

  constructor(world: World) {
    this.#world = world;
    this.bucket = world.input.bucket;
  }

  /** Stores it, and gives back the data of its event. */
  drop(
    name: string,
    body: string | Uint8Array,
    contentType = '',
    metadata: Record<string, string> = {},
  ): Record<string, unknown> {
    const bytes = Buffer.from(body);
    const generation = String(++this.#generation);
    this.objects.set(name, { name, generation, bytes: bytes.length, contentType, metadata, body: bytes });
    this.#world.input.put(name, bytes, contentType);
    return { bucket: this.bucket, name, generation, size: String(bytes.length), contentType, metadata };
  }

  setGeneration(name: string, generation: string): void {
    const found = this.objects.get(name);
    if (found) this.objects.set(name, { ...found, generation });
  }

  async head(name: string): Promise<UploadedObject | undefined> {
    if (this.failNext > 0) {
      this.failNext--;
      throw new Error('the bucket answers 503');
    }
    const found = this.objects.get(name);
    if (!found) return undefined;
    const { body: _, ...object } = found;
    return object;
  }

  async read(name: string, generation: string): Promise<Uint8Array | undefined> {
    const found = this.objects.get(name);
    return found?.generation === generation ? found.body : undefined;
  }

  async write(name: string, contentType: string, bytes: Uint8Array, over: string): Promise<boolean> {
    if ((this.objects.get(name)?.generation ?? '0') !== over) return false;
    this.drop(name, bytes, contentType);
    return true;
  }

  json(name: string): unknown {
    const found = this.objects.get(name);
    return found && JSON.parse(Buffer.from(found.body).toString());
  }
}
