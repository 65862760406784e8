/**
 * Resumable uploads. A session and its received bytes survive a restart: the session is a journal record, the bytes are a
 * file. The object becomes visible only when the last byte has arrived.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import {
  type ContentDigest,
  ContentHash,
  checkDigest,
  type ExpectedDigest,
  expectedFromHeaders,
} from './checksums.ts';
import { parseUploadRange, type UploadRange } from './content-range.ts';
import { invalid, notFound, StorageError } from './errors.ts';
import { emptyReply, headerOf, type StorageReply, type StorageRequest, toBuffer } from './messages.ts';
import { checkObjectName } from './names.ts';
import type { ObjectStore } from './objects.ts';
import type { Persistence } from './persistence.ts';
import { checkPreconditions, type Preconditions } from './preconditions.ts';
import type { ObjectMetadata, StoredObject } from './resources.ts';
import type { SessionRecord } from './state.ts';

export interface SessionStart {
  readonly bucket: string;
  readonly name: string;
  readonly metadata: ObjectMetadata;
  readonly expected: ExpectedDigest;
  readonly preconditions: Preconditions;
  readonly headers: IncomingHttpHeaders;
}

export interface ResumableUploadsOptions {
  readonly persistence: Persistence;
  readonly objects: ObjectStore;
  readonly now: () => number;
}

/** The service keeps a session for one week. */
const SESSION_MS = 7 * 24 * 3600 * 1000;

/** The service keeps only whole multiples of this from an incomplete request. */
const GRANULE_BYTES = 256 * 1024;

/** In-memory state of an unfinished session, in addition to its record. */
interface Progress {
  receivedBytes: number;
  /** Hash of exactly the received bytes. Absent after a restart or a truncation; the file is then read instead. */
  hash: ContentHash | undefined;
  /** Ends the request that is writing, if any, and resolves when it has ended. */
  takeOver: (() => Promise<void>) | undefined;
  /** Set when all bytes have arrived. */
  finishing: Promise<StoredObject> | undefined;
}

export class ResumableUploads {
  readonly #options: ResumableUploadsOptions;
  readonly #progress = new Map<string, Progress>();

  constructor(options: ResumableUploadsOptions) {
    this.#options = options;
  }

  /** Opens a session and returns its id. Preconditions are checked now and again at the end. */
  start(start: SessionStart): string {
    const { persistence, objects, now } = this.#options;
    checkObjectName(start.name);
    checkPreconditions(start.preconditions, objects.live(start.bucket, start.name), 'write');
    this.#expire();
    const announced = headerOf(start.headers, 'x-upload-content-length');
    const session: SessionRecord = {
      id: randomBytes(32).toString('base64url'),
      bucket: start.bucket,
      name: start.name,
      metadata: start.metadata,
      expected: start.expected,
      preconditions: start.preconditions,
      blob: persistence.blobs.create(),
      totalBytes: announced === undefined ? undefined : Number(announced),
      startedAtMs: now(),
    };
    persistence.commit({ kind: 'session', session });
    this.#track(session, 0, new ContentHash());
    return session.id;
  }

  /** Handles a PUT. Returns the finished object, or 308 with the stored range. */
  async put(id: string, request: StorageRequest): Promise<StoredObject | StorageReply> {
    const session = this.#session(id);
    if (session.generation !== undefined) return this.#finished(session, session.generation);
    const range = parseUploadRange(headerOf(request.headers, 'content-range'));
    const totalBytes = agreedTotal(session.totalBytes, range.totalBytes);
    const progress = this.#progressOf(session);
    // A client that lost its connection retries while the server may still be reading the old request.
    while (progress.takeOver !== undefined) await progress.takeOver();
    if (progress.finishing !== undefined) return progress.finishing;
    const wholeBody =
      range.kind === 'bytes' && (await this.#write(session, progress, range, totalBytes, request));
    const done = totalBytes === undefined ? wholeBody : progress.receivedBytes === totalBytes;
    if (!done) return incomplete(progress);
    progress.finishing ??= this.#finish(session, progress, request);
    return progress.finishing;
  }

  /** Cancels the session. Like the service it returns 499, the status for a request that the client closed. */
  async cancel(id: string): Promise<StorageReply> {
    this.#session(id);
    const progress = this.#progress.get(id);
    await progress?.takeOver?.();
    await progress?.finishing?.catch(() => undefined);
    const session = this.#options.persistence.state.sessions.get(id);
    if (session !== undefined) this.#end(session);
    return emptyReply(499, { 'content-length': 0 });
  }

  async #write(
    session: SessionRecord,
    progress: Progress,
    range: BytesRange,
    totalBytes: number | undefined,
    request: StorageRequest,
  ): Promise<boolean> {
    const writing = this.#receive(session, progress, range, totalBytes, request);
    progress.takeOver = async () => {
      request.body.destroy();
      await writing.catch(() => undefined);
    };
    try {
      return await writing;
    } finally {
      progress.takeOver = undefined;
    }
  }

  /**
   * Appends the new part of the body. Returns whether the body reached the end of the object. An interrupted body leaves
   * the whole granules that arrived. A rejected body leaves nothing.
   */
  async #receive(
    session: SessionRecord,
    progress: Progress,
    range: BytesRange,
    totalBytes: number | undefined,
    request: StorageRequest,
  ): Promise<boolean> {
    const before = progress.receivedBytes;
    // Bytes after a gap cannot be stored. The 308 response tells the client where to continue.
    if (range.start > before) return false;
    const { hash } = progress;
    const writer = await this.#options.persistence.blobs.append(session.blob, before);
    let position = range.start;
    let kept = before;
    try {
      for await (const chunk of request.body) {
        const bytes = toBuffer(chunk);
        const known = Math.min(Math.max(0, writer.sizeBytes - position), bytes.length);
        position += bytes.length;
        if (totalBytes !== undefined && position > totalBytes)
          throw invalid(`Invalid request. The upload exceeds its total of ${totalBytes} bytes.`);
        hash?.update(bytes.subarray(known));
        await writer.append(bytes.subarray(known));
      }
      checkLength(range, position);
      const last = range.end === undefined || writer.sizeBytes === totalBytes;
      kept = last ? writer.sizeBytes : wholeGranules(writer.sizeBytes);
      return range.end === undefined;
    } catch (error) {
      kept = error instanceof StorageError ? before : wholeGranules(writer.sizeBytes);
      throw error;
    } finally {
      await writer.close();
      this.#keep(progress, Math.max(kept, before));
    }
  }

  #keep(progress: Progress, receivedBytes: number): void {
    progress.receivedBytes = receivedBytes;
    if (progress.hash?.sizeBytes !== receivedBytes) progress.hash = undefined;
  }

  async #finish(session: SessionRecord, progress: Progress, request: StorageRequest): Promise<StoredObject> {
    const { persistence, objects } = this.#options;
    const writer = await persistence.blobs.append(session.blob, progress.receivedBytes);
    await writer.close();
    const digest: ContentDigest = progress.hash?.digest() ?? (await persistence.blobs.digest(session.blob));
    try {
      checkDigest(session.expected, digest);
      checkDigest(expectedFromHeaders(request.headers), digest);
      const object = objects.publish({
        bucket: session.bucket,
        name: session.name,
        metadata: session.metadata,
        content: { blob: session.blob, ...digest },
        preconditions: session.preconditions,
        session: session.id,
      });
      this.#progress.delete(session.id);
      return object;
    } catch (refusal) {
      this.#end(session);
      throw refusal;
    }
  }

  #finished(session: SessionRecord, generation: number): StoredObject {
    return this.#options.objects.find(session.bucket, session.name, generation);
  }

  #session(id: string): SessionRecord {
    const session = this.#options.persistence.state.sessions.get(id);
    if (session === undefined) throw notFound('The upload session does not exist.');
    if (this.#options.now() - session.startedAtMs <= SESSION_MS) return session;
    this.#end(session);
    throw new StorageError({
      status: 410,
      reason: 'gone',
      code: 'Gone',
      message: 'The upload session has expired.',
    });
  }

  #progressOf(session: SessionRecord): Progress {
    const known = this.#progress.get(session.id);
    if (known !== undefined) return known;
    const stored = this.#options.persistence.blobs.sizeBytes(session.blob);
    const receivedBytes = stored === session.totalBytes ? stored : wholeGranules(stored);
    return this.#track(session, receivedBytes, undefined);
  }

  #track(session: SessionRecord, receivedBytes: number, hash: ContentHash | undefined): Progress {
    const progress: Progress = { receivedBytes, hash, takeOver: undefined, finishing: undefined };
    this.#progress.set(session.id, progress);
    return progress;
  }

  #end(session: SessionRecord): void {
    const { persistence } = this.#options;
    this.#progress.delete(session.id);
    persistence.commit({ kind: 'sessionEnded', id: session.id });
    // The content of a finished upload belongs to its object.
    if (session.generation === undefined) persistence.blobs.remove(session.blob);
  }

  #expire(): void {
    const { persistence, now } = this.#options;
    for (const session of persistence.state.sessions.values()) {
      if (now() - session.startedAtMs <= SESSION_MS) return;
      this.#end(session);
    }
  }
}

type BytesRange = Extract<UploadRange, { kind: 'bytes' }>;

const incomplete = ({ receivedBytes }: Progress): StorageReply =>
  emptyReply(308, {
    'content-length': 0,
    ...(receivedBytes > 0 ? { range: `bytes=0-${receivedBytes - 1}` } : {}),
  });

const wholeGranules = (bytes: number): number => bytes - (bytes % GRANULE_BYTES);

function agreedTotal(announced: number | undefined, ranged: number | undefined): number | undefined {
  if (announced !== undefined && ranged !== undefined && announced !== ranged)
    throw invalid(`X-Upload-Content-Length is ${announced}, but the total in Content-Range is ${ranged}.`);
  return ranged ?? announced;
}

function checkLength({ start, end }: { start: number; end: number | undefined }, position: number): void {
  if (end === undefined || position === end + 1) return;
  throw invalid(
    `Invalid request.  There were ${position - start} byte(s) in the request body.  There should have been ` +
      `${end + 1 - start} byte(s) (starting at offset ${start} and ending at offset ${end}) according to the ` +
      'Content-Range header.',
  );
}
