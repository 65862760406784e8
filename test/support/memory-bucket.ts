/** A bucket in memory, for inputs and results. */
import {
  type InputObject,
  type InputStore,
  type LinkOptions,
  ObjectMissingError,
  type ResultStore,
  type StoredObject,
} from '../../functions/ports.ts';

type MemoryObject = StoredObject & {
  readonly body: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
};

export class MemoryBucket implements ResultStore, InputStore {
  readonly bucket: string;
  readonly objects = new Map<string, MemoryObject>();
  /** Noncurrent generations, by `name#generation`, if the bucket has versioning. */
  readonly #versions = new Map<string, MemoryObject>();
  readonly #now: () => number;
  #generations = 0;
  hasVersions = false;
  /** The options of every link to read that was signed. */
  readonly links: LinkOptions[] = [];
  failNext = 0;
  /** Called before every read. */
  onRead: (() => void) | undefined;

  constructor(bucket: string, now: () => number) {
    this.bucket = bucket;
    this.#now = now;
  }

  put(
    name: string,
    body: Uint8Array,
    contentType = 'video/mp4',
    metadata: Readonly<Record<string, string>> = {},
  ): void {
    this.#archive(name);
    const uri = `gs://${this.bucket}/${name}`;
    const generation = String(++this.#generations);
    const object = {
      name,
      uri,
      generation,
      bytes: body.length,
      crc32c: 'AAAAAA==',
      contentType,
      updatedAt: this.#now(),
    };
    this.objects.set(name, { ...object, body, metadata });
  }

  remove(name: string): void {
    this.#archive(name);
    this.objects.delete(name);
  }

  #archive(name: string): void {
    const old = this.objects.get(name);
    if (old && this.hasVersions) this.#versions.set(`${name}#${old.generation}`, old);
  }

  find(nameOrUri: string, generation?: string): MemoryObject | undefined {
    const name = this.#nameOf(nameOrUri);
    const live = this.objects.get(name);
    if (generation === undefined || live?.generation === generation) return live;
    return this.#versions.get(`${name}#${generation}`);
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    this.#mayFail();
    return [...this.objects.values()]
      .filter(({ name }) => name.startsWith(prefix))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ body: _, metadata: __, ...object }) => object);
  }

  async head(gcsUri: string, wanted?: string): Promise<InputObject | undefined> {
    const object = this.find(gcsUri, wanted);
    if (!object) return undefined;
    const { bytes, contentType, generation } = object;
    return { bytes, contentType, generation };
  }

  async signedPutUrl(name: string, mimeType: string): Promise<string> {
    return `https://signed.test/put/${this.bucket}/${name}?type=${encodeURIComponent(mimeType)}`;
  }

  async readRange(nameOrUri: string, start: number, end: number, generation?: string): Promise<Uint8Array> {
    this.onRead?.();
    const object = this.find(nameOrUri, generation);
    if (generation !== undefined && !object) throw new ObjectMissingError(nameOrUri);
    return (object?.body ?? new Uint8Array()).subarray(start, end + 1);
  }

  async writeOnce(name: string, contentType: string, body: AsyncIterable<Uint8Array>): Promise<void> {
    this.#mayFail();
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    if (!this.objects.has(name)) this.put(name, Buffer.concat(chunks), contentType);
  }

  async signedReadUrl(
    { uri }: { readonly uri: string },
    _ttlMs?: number,
    options: LinkOptions = {},
  ): Promise<string> {
    this.links.push(options);
    return `https://signed.test/${uri.slice('gs://'.length)}`;
  }

  async copyTo({ uri }: { readonly uri: string }, gcsUri: string): Promise<void> {
    this.#mayFail();
    const source = this.objects.get(this.#nameOf(uri));
    if (!source) throw new Error(`${uri} does not exist`);
    const there = this.objects.get(this.#nameOf(gcsUri));
    if (there && !Buffer.from(there.body).equals(source.body))
      throw new Error(`${gcsUri} exists with other content`);
    if (!there) this.put(this.#nameOf(gcsUri), source.body, source.contentType);
  }

  async putOnce(name: string, mimeType: string, bytes: Uint8Array): Promise<string> {
    this.#mayFail();
    if (!this.objects.has(name)) this.put(name, bytes, mimeType);
    return `gs://${this.bucket}/${name}`;
  }

  async copyOnce(gcsUri: string, generation: string, name: string): Promise<string> {
    this.#mayFail();
    const source = this.find(gcsUri, generation);
    if (!source) throw new ObjectMissingError(gcsUri);
    if (!this.objects.has(name)) this.put(name, source.body, source.contentType, source.metadata);
    return `gs://${this.bucket}/${name}`;
  }

  #nameOf(nameOrUri: string): string {
    return nameOrUri.replace(`gs://${this.bucket}/`, '');
  }

  #mayFail(): void {
    if (this.failNext > 0) {
      this.failNext--;
      throw new Error('the bucket returned 503');
    }
  }
}
