/** Renders the videos of accepted operations in the background, and lands them when they are due. */
import { createHash } from 'node:crypto';
import { type ParsedMp4, parseMp4 } from '../../mp4/mp4-parser.ts';
import type { ClockTimers } from '../clock-timers.ts';
import { type ObjectStore, ObjectStoreRefusal, parseGsUri } from './object-store.ts';
import {
  deliveredSamples,
  type LandedVideo,
  type Landing,
  type Operation,
  type OperationStore,
} from './operations.ts';
import { renderSample } from './rendering.ts';
import { inputFile, sampleFile, type VideoFiles } from './video-files.ts';

export interface ProducerOptions {
  readonly store: OperationStore;
  readonly files: VideoFiles;
  readonly objects: ObjectStore;
  readonly timers: ClockTimers;
  readonly now: () => number;
  readonly onBug: (error: unknown) => void;
}

/** Delays between upload attempts while the bucket is unavailable. */
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;

export class Producer {
  readonly #options: ProducerOptions;
  readonly #busy = new Set<Promise<unknown>>();
  readonly #stop = new AbortController();
  /** Renders run one at a time, in order of acceptance: they share one thread, and the oldest is due first. */
  #lastRender: Promise<unknown> = Promise.resolve();

  constructor(options: ProducerOptions) {
    this.#options = options;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Starts or resumes an operation that has not landed. */
  start(operation: Operation): void {
    if (deliveredSamples(operation).length === 0) return;
    this.#produce(operation).catch((error: unknown) => {
      if (!this.signal.aborted) this.#options.onBug(error);
    });
  }

  /** Resolves when all work that is due is done. It does not wait for the retries of an unavailable bucket. */
  async settled(): Promise<void> {
    do {
      this.#options.timers.fireDue();
      await Promise.allSettled(this.#busy);
      // Wait one iteration of the event loop, so that a finished step can start its next one.
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#busy.size > 0);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#options.timers.clear();
    await Promise.allSettled(this.#busy);
  }

  async #produce(operation: Operation): Promise<void> {
    const { timers, store } = this.#options;
    await this.#track(this.#queueRender(() => this.#renderMissing(operation)));
    await timers.waitUntil(operation.landsAtMs);
    for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
      if (store.isCancelled(operation)) return this.#track(this.#discard(operation));
      const landing = await this.#track(this.#land(operation));
      if (landing !== undefined && !store.isCancelled(operation)) {
        store.land(operation, landing);
        // Not earlier: until the landing is in the journal, a restart needs the files again.
        return this.#track(this.#removeLocalFiles(operation));
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
      this.signal.throwIfAborted();
    }
  }

  #queueRender<T>(render: () => Promise<T>): Promise<T> {
    const done = this.#lastRender.then(render, render);
    this.#lastRender = done.catch(() => undefined);
    return done;
  }

  async #renderMissing(operation: Operation): Promise<void> {
    const { files } = this.#options;
    for (const sample of deliveredSamples(operation)) {
      this.signal.throwIfAborted();
      if (this.#options.store.isCancelled(operation)) return;
      const name = sampleFile(operation.id, sample);
      if ((await files.read(name)) !== undefined) continue;
      const input = operation.plan.extendsInput ? await this.#input(operation) : undefined;
      await files.write(name, await renderSample(operation.plan, sample, input, this.signal));
    }
  }

  async #input(operation: Operation): Promise<ParsedMp4> {
    const bytes = await this.#options.files.read(inputFile(operation.id));
    if (bytes === undefined)
      throw new Error(`the input video of ${operation.name} is missing in the state folder`);
    return parseMp4(bytes);
  }

  /** Undefined when the bucket is unavailable: the caller retries. */
  async #land(operation: Operation): Promise<Landing | undefined> {
    const { files, now } = this.#options;
    this.signal.throwIfAborted();
    const videos: LandedVideo[] = [];
    for (const sample of deliveredSamples(operation)) {
      const bytes = await files.read(sampleFile(operation.id, sample));
      if (bytes === undefined)
        throw new Error(`video ${sample} of ${operation.name} is missing in the state folder`);
      const gcsUri = operation.storageUri === null ? null : objectUri(operation, sample);
      const refusal = gcsUri === null ? undefined : await this.#upload(gcsUri, bytes);
      if (refusal === 'unreachable') return undefined;
      if (refusal !== undefined) return { atMs: now(), videos: [], error: refusal };
      videos.push({
        sample,
        sizeBytes: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        gcsUri,
        fileId: operation.surface === 'developer' ? fileIdOf(operation, sample) : null,
      });
    }
    return { atMs: now(), videos, error: null };
  }

  /** Videos in the caller's bucket are not needed here any more. This server delivers the others from their files. */
  async #removeLocalFiles(operation: Operation): Promise<void> {
    const { files } = this.#options;
    if (operation.plan.extendsInput) await files.remove(inputFile(operation.id));
    if (operation.storageUri === null) return;
    for (const sample of deliveredSamples(operation)) await files.remove(sampleFile(operation.id, sample));
  }

  /** Removes all files of a cancelled operation. */
  async #discard(operation: Operation): Promise<void> {
    const { files } = this.#options;
    if (operation.plan.extendsInput) await files.remove(inputFile(operation.id));
    for (const sample of deliveredSamples(operation)) await files.remove(sampleFile(operation.id, sample));
  }

  async #upload(uri: string, bytes: Buffer): Promise<Landing['error'] | 'unreachable' | undefined> {
    const location = parseGsUri(uri);
    if (location === undefined) throw new Error(`not a gs:// URI: ${uri}`);
    try {
      await this.#options.objects.createIfMissing(location, bytes, 'video/mp4', this.signal);
      return undefined;
    } catch (error) {
      if (!(error instanceof ObjectStoreRefusal)) return 'unreachable';
      return error.httpStatus === 404
        ? { code: 5, message: `The specified bucket does not exist: ${location.bucket}` }
        : { code: 7, message: `The service has no permission to write to the bucket ${location.bucket}.` };
    }
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#busy.add(work);
    const done = (): unknown => this.#busy.delete(work);
    work.then(done, done);
    return work;
  }
}

const objectUri = (operation: Operation, sample: number): string =>
  `${operation.storageUri}/${operation.folder}/sample_${sample}.mp4`;

/** Twelve letters and digits, the format of file ids in the Developer API. */
function fileIdOf(operation: Operation, sample: number): string {
  const digest = createHash('sha256').update(sampleFile(operation.id, sample)).digest();
  return digest.readBigUInt64BE().toString(36).padStart(13, '0').slice(1);
}
