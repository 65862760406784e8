/** The buckets: consistent, as Cloud Storage is, and out of order now and then. */
import type { Readable } from 'node:stream';
import type { InputStore, ResultStore, StoredObject } from '../../functions/ports.ts';
import type { Engine, Invocation } from './engine.ts';
import { FileBody } from './files.ts';

export const OUTPUT_BUCKET = 'out';
const INPUT_BUCKET = 'in';

interface StoredFile extends StoredObject {
  readonly content: Uint8Array;
}

export class Bucket {
  readonly objects = new Map<string, StoredFile>();
  readonly #engine: Engine;
  readonly #name: string;
  #finalized: (name: string) => void = () => undefined;
  #generation = 0;

  constructor(engine: Engine, name: typeof OUTPUT_BUCKET | typeof INPUT_BUCKET) {
    this.#engine = engine;
    this.#name = name;
  }

  /** Whoever is told of each object that is complete. */
  onFinalized(finalized: (name: string) => void): void {
    this.#finalized = finalized;
  }

  put(name: string, content: Uint8Array, contentType: string): void {
    const generation = String(++this.#generation);
    const uri = `gs://${this.#name}/${name}`;
    const bytes = content.length;
    // The size stands for the content: that is all that tells the simulated videos apart.
    const crc32c = `crc-${bytes}`;
    this.objects.set(name, {
      name,
      uri,
      generation,
      bytes,
      crc32c,
      contentType,
      updatedAt: this.#engine.now,
      content,
    });
    this.#engine.note(`object ${name.slice(0, 14)}…${name.slice(-14)}`);
    this.#finalized(name);
  }

  results(invocation: Invocation): ResultStore {
    const engine = this.#engine;
    return {
      bucket: this.#name,
      list: (prefix) =>
        engine.call(invocation, 'list', () => {
          this.#mayFail();
          const found: StoredObject[] = [];
          for (const { content: _, ...object } of this.objects.values())
            if (object.name.startsWith(prefix)) found.push(object);
          return found.sort((a, b) => (a.name < b.name ? -1 : 1));
        }),
      readRange: (name, start, end) =>
        engine.call(invocation, 'readRange', () => {
          this.#mayFail();
          const object = this.objects.get(name);
          if (!object) throw new Error(`404 ${name}`);
          return object.content.subarray(start, end + 1);
        }),
      writeOnce: async (name, contentType, body) => {
        const content = await contentOf(engine, body);
        await engine.call(invocation, 'writeOnce', () => this.#writeOnce(name, contentType, content));
      },
      signedReadUrl: async ({ uri }) => `https://signed.test/${uri}`,
    };
  }

  inputs(invocation: Invocation): InputStore {
    const engine = this.#engine;
    return {
      bucket: this.#name,
      head: (gcsUri) => engine.call(invocation, 'head', () => this.objects.get(this.#nameIn(gcsUri))),
      readRange: (gcsUri, start, end) =>
        engine.call(invocation, 'readInput', () => {
          this.#mayFail();
          return (this.objects.get(this.#nameIn(gcsUri))?.content ?? new Uint8Array()).subarray(
            start,
            end + 1,
          );
        }),
      signedPutUrl: async (name) => `https://signed.test/${name}`,
      putOnce: (name, mimeType, bytes) =>
        engine.call(invocation, 'putOnce', () => {
          this.#writeOnce(name, mimeType, bytes);
          return `gs://${this.#name}/${name}`;
        }),
    };
  }

  #writeOnce(name: string, contentType: string, content: Uint8Array): void {
    const { faults } = this.#engine;
    // 503, or a body that tore: nothing is left behind.
    this.#mayFail();
    if (faults.happens('bucket', 0.5)) throw new Error('the body broke off');
    if (faults.happens('bucket', 0.5)) throw new Error('stored with another CRC-32C; removed again');
    if (!this.objects.has(name)) this.put(name, content, contentType);
    if (faults.happens('bucket', 0.5)) throw new Error('the answer was lost');
  }

  #mayFail(): void {
    if (this.#engine.faults.happens('bucket')) throw new Error('503 the bucket does not answer');
  }

  #nameIn(gcsUri: string): string {
    return gcsUri.slice(`gs://${this.#name}/`.length);
  }
}

/** Simulated files say what is in them; any other stream is read. */
async function contentOf(engine: Engine, body: Readable): Promise<Uint8Array> {
  if (body instanceof FileBody) return body.content;
  return engine.reading(async () => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    return Buffer.concat(chunks);
  });
}
