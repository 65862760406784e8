/** The input bucket, where users put files and Clapper reads them, with or without object versioning. */
import type { Readable } from 'node:stream';
import type { InputObject, InputStore, UploadBucket, UploadedObject } from '../../../functions/ports.ts';
import { contentOf } from '../buckets.ts';
import type { Engine, Invocation } from '../engine.ts';
import { SimulatedFault } from '../faults.ts';
import type { Subject } from '../subject.ts';
import { FIRST_GENERATION } from './manifests.ts';

export const INPUT_BUCKET = 'in';

export interface StoredInput extends UploadedObject {
  readonly content: Uint8Array;
}

export class InputBucket {
  readonly hasVersions: boolean;
  readonly ObjectMissingError: Subject['ObjectMissingError'];
  readonly #engine: Engine;
  readonly #live = new Map<string, StoredInput>();
  readonly #kept = new Map<string, StoredInput>();
  /** The content of every generation, also of those that the bucket does not keep. */
  readonly #ever = new Map<string, Uint8Array>();
  #generation = FIRST_GENERATION - 1;
  #finalized: (object: StoredInput) => void = () => undefined;

  constructor(engine: Engine, { ObjectMissingError }: Subject, hasVersions: boolean) {
    this.#engine = engine;
    this.ObjectMissingError = ObjectMissingError;
    this.hasVersions = hasVersions;
  }

  /** Sets the receiver of an event for each finalized object. */
  onFinalized(finalized: (object: StoredInput) => void): void {
    this.#finalized = finalized;
  }

  put(name: string, content: Uint8Array, contentType: string, metadata: Record<string, string> = {}): string {
    const generation = String(++this.#generation);
    const object = { name, generation, bytes: content.length, contentType, metadata, content };
    this.#live.set(name, object);
    this.#ever.set(`${name}#${generation}`, content);
    if (this.hasVersions) this.#kept.set(`${name}#${generation}`, object);
    this.#engine.note(`input ${name}#${generation}`);
    this.#finalized(object);
    return generation;
  }

  /** Reads without faults, for checks. */
  peek(name: string, generation?: string): StoredInput | undefined {
    const live = this.#live.get(name);
    if (generation === undefined || live?.generation === generation) return live;
    return this.#kept.get(`${name}#${generation}`);
  }

  /** The content of a generation that may be deleted by now. */
  everStored(name: string, generation: string): Uint8Array | undefined {
    return this.#ever.get(`${name}#${generation}`);
  }

  find(nameOrUri: string, generation?: string): StoredInput | undefined {
    this.#mayFail();
    return this.peek(nameOrUri.replace(`gs://${INPUT_BUCKET}/`, ''), generation);
  }

  /** @param over the generation to replace; `0` when the object must not exist */
  write(name: string, content: Uint8Array, contentType: string, over: string): boolean {
    this.#mayFail();
    if ((this.#live.get(name)?.generation ?? '0') !== over) return false;
    this.put(name, content, contentType);
    this.#mayLoseAnswer();
    return true;
  }

  remove(name: string, generation: string): void {
    this.#mayFail();
    this.delete(name, generation);
    this.#mayLoseAnswer();
  }

  /** Deletes without faults. */
  delete(name: string, generation: string): void {
    if (this.#live.get(name)?.generation !== generation) return;
    this.#live.delete(name);
    this.#engine.note(`input ${name}#${generation} is deleted`);
  }

  portOf(invocation: Invocation): InputStore & UploadBucket {
    return new InputPort(this, this.#engine, invocation);
  }

  #mayFail(): void {
    if (this.#engine.faults.happens('bucket', 0.5))
      throw new SimulatedFault('503: the input bucket is unavailable');
  }

  #mayLoseAnswer(): void {
    if (this.#engine.faults.happens('bucket', 0.3)) throw new SimulatedFault('the answer was lost');
  }
}

class InputPort implements InputStore, UploadBucket {
  readonly bucket = INPUT_BUCKET;
  readonly #input: InputBucket;
  readonly #engine: Engine;
  readonly #invocation: Invocation;

  constructor(input: InputBucket, engine: Engine, invocation: Invocation) {
    this.#input = input;
    this.#engine = engine;
    this.#invocation = invocation;
  }

  head(nameOrUri: string, generation?: string): Promise<(UploadedObject & InputObject) | undefined> {
    return this.#engine.call(this.#invocation, `head ${nameOrUri.slice(-16)}`, () => {
      const found = this.#input.find(nameOrUri, generation);
      if (!found) return undefined;
      const { content: _, ...object } = found;
      return object;
    });
  }

  async readRange(uri: string, start: number, end: number, generation?: string): Promise<Uint8Array> {
    const found = await this.#engine.call(this.#invocation, 'readRange', () =>
      this.#input.find(uri, generation),
    );
    if (found) return found.content.subarray(start, end + 1);
    if (generation === undefined) throw new SimulatedFault(`404 ${uri}`);
    throw new this.#input.ObjectMissingError(`${uri} was replaced or deleted`);
  }

  read(name: string, generation: string): Promise<Uint8Array | undefined> {
    return this.#engine.call(this.#invocation, 'read', () => this.#input.find(name, generation)?.content);
  }

  write(name: string, contentType: string, bytes: Uint8Array, over: string): Promise<boolean> {
    return this.#engine.call(this.#invocation, `write ${name.slice(-16)}`, () =>
      this.#input.write(name, bytes, contentType, over),
    );
  }

  remove(name: string, generation: string): Promise<void> {
    return this.#engine.call(this.#invocation, 'remove', () => this.#input.remove(name, generation));
  }

  async putOnce(name: string, mimeType: string, bytes: Uint8Array): Promise<string> {
    await this.#engine.call(this.#invocation, 'putOnce', () => this.#input.write(name, bytes, mimeType, '0'));
    return `gs://${INPUT_BUCKET}/${name}`;
  }

  async copyOnce(uri: string, generation: string, name: string): Promise<string> {
    const copied = await this.#engine.call(this.#invocation, 'copyOnce', () => {
      const source = this.#input.find(uri, generation);
      if (source) this.#input.write(name, source.content, source.contentType, '0');
      return source !== undefined;
    });
    if (!copied) throw new this.#input.ObjectMissingError(`generation ${generation} of ${uri} was deleted`);
    return `gs://${INPUT_BUCKET}/${name}`;
  }

  async writeOnce(name: string, contentType: string, body: Readable): Promise<void> {
    const content = await contentOf(this.#engine, this.#invocation, body);
    await this.#engine.call(this.#invocation, 'writeOnce', () =>
      this.#input.write(name, content, contentType, '0'),
    );
  }

  async signedPutUrl(name: string): Promise<string> {
    return `https://signed.test/${name}`;
  }
}
