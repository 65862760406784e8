/** The buckets: strongly consistent, as Cloud Storage is, with failing calls. */
import type { Readable } from 'node:stream';
import type { LandedVideo } from '../../functions/core/job/attempt-record.ts';
import type { InputStore, ResultStore, StoredObject } from '../../functions/ports.ts';
import type { Engine, Invocation } from './engine.ts';
import { SimulatedFault } from './faults.ts';
import { FileBody } from './files.ts';

export const OUTPUT_BUCKET = 'out';
const INPUT_BUCKET = 'in';

interface StoredFile extends StoredObject {
  readonly content: Uint8Array;
}

export class Bucket {
  readonly objects = new Map<string, StoredFile>();
  readonly #engine: Engine;
  readonly name: string;
  #finalized: (name: string) => void = () => undefined;
  #generation = 0;

  constructor(engine: Engine, name: typeof OUTPUT_BUCKET | typeof INPUT_BUCKET) {
    this.#engine = engine;
    this.name = name;
  }

  /** Sets the receiver of an event for each finalized object. */
  onFinalized(finalized: (name: string) => void): void {
    this.#finalized = finalized;
  }

  put(name: string, content: Uint8Array, contentType: string): void {
    const generation = String(++this.#generation);
    const uri = `gs://${this.name}/${name}`;
    const bytes = content.length;
    // The simulated videos differ only in their size, so the size is enough for a checksum.
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

  portOf(invocation: Invocation): ResultStore & InputStore {
    return new BucketPort(this, this.#engine, invocation);
  }

  list(prefix: string): StoredObject[] {
    this.mayFail();
    const found: StoredObject[] = [];
    for (const { content: _, ...object } of this.objects.values())
      if (object.name.startsWith(prefix)) found.push(object);
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @param nameOrUri the name of a result, or the `gs://` URI of an input */
  find(nameOrUri: string): StoredFile | undefined {
    this.mayFail();
    return this.objects.get(nameOrUri.replace(`gs://${this.name}/`, ''));
  }

  writeOnce(name: string, contentType: string, content: Uint8Array): void {
    const { faults } = this.#engine;
    // A 503, a body that breaks off and a checksum mismatch leave no object behind.
    this.mayFail();
    if (faults.happens('bucket', 0.5)) throw new SimulatedFault('the body ended early');
    if (faults.happens('bucket', 0.5)) throw new SimulatedFault('CRC-32C mismatch; the object was deleted');
    if (!this.objects.has(name)) this.put(name, content, contentType);
    if (faults.happens('bucket', 0.5)) throw new SimulatedFault('the answer was lost');
  }

  mayFail(): void {
    if (this.#engine.faults.happens('bucket')) throw new SimulatedFault('503: the bucket is unavailable');
  }
}

class BucketPort implements ResultStore, InputStore {
  readonly bucket: string;
  readonly #bucket: Bucket;
  readonly #engine: Engine;
  readonly #invocation: Invocation;

  constructor(bucket: Bucket, engine: Engine, invocation: Invocation) {
    this.bucket = bucket.name;
    this.#bucket = bucket;
    this.#engine = engine;
    this.#invocation = invocation;
  }

  list(prefix: string): Promise<readonly StoredObject[]> {
    return this.#engine.call(this.#invocation, 'list', () => this.#bucket.list(prefix));
  }

  head(gcsUri: string): Promise<StoredObject | undefined> {
    return this.#engine.call(this.#invocation, 'head', () => this.#bucket.find(gcsUri));
  }

  readRange(nameOrUri: string, start: number, end: number): Promise<Uint8Array> {
    return this.#engine.call(this.#invocation, 'readRange', () => {
      const object = this.#bucket.find(nameOrUri);
      if (!object) throw new Error(`404 ${nameOrUri}`);
      return object.content.subarray(start, end + 1);
    });
  }

  async writeOnce(name: string, contentType: string, body: Readable): Promise<void> {
    // Cloud Storage may refuse an existing name before or after it has read the body. Both happen.
    if (this.#bucket.objects.has(name) && this.#engine.timing.chance(0.5)) {
      body.destroy();
      return this.#engine.call(this.#invocation, 'writeOnce', () => this.#bucket.mayFail());
    }
    const content = await contentOf(this.#engine, this.#invocation, body);
    await this.#engine.call(this.#invocation, 'writeOnce', () =>
      this.#bucket.writeOnce(name, contentType, content),
    );
  }

  copyTo(video: LandedVideo, gcsUri: string): Promise<void> {
    return this.#engine.call(this.#invocation, 'copyTo', () => {
      const object = this.#bucket.find(video.uri);
      if (!object) throw new Error(`404 ${video.uri}`);
      this.#bucket.writeOnce(gcsUri.replace(`gs://${this.bucket}/`, ''), object.contentType, object.content);
    });
  }

  copyOnce(gcsUri: string, _generation: string, name: string): Promise<string> {
    return this.#engine.call(this.#invocation, 'copyOnce', () => {
      const object = this.#bucket.find(gcsUri);
      if (!object) throw new Error(`404 ${gcsUri}`);
      this.#bucket.writeOnce(name, object.contentType, object.content);
      return `gs://${this.bucket}/${name}`;
    });
  }

  putOnce(name: string, mimeType: string, bytes: Uint8Array): Promise<string> {
    return this.#engine.call(this.#invocation, 'putOnce', () => {
      this.#bucket.writeOnce(name, mimeType, bytes);
      return `gs://${this.bucket}/${name}`;
    });
  }

  async signedReadUrl({ uri }: { readonly uri: string }): Promise<string> {
    return `https://signed.test/${uri}`;
  }

  async signedPutUrl(name: string): Promise<string> {
    return `https://signed.test/${name}`;
  }
}

/** The content of a simulated file, taken directly; any other stream is read to its end. */
export async function contentOf(engine: Engine, invocation: Invocation, body: Readable): Promise<Uint8Array> {
  if (body instanceof FileBody) return body.content;
  return engine.streaming(invocation, async () => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    return Buffer.concat(chunks);
  });
}
