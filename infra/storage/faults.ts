/** Fault injection: errors, lost responses, interrupted downloads, wrong checksums. */
import { PassThrough, Readable, Transform } from 'node:stream';
import { StorageError } from './errors.ts';
import { type StorageReply, type StorageRequest, toBuffer } from './messages.ts';

/** Selects the requests that a fault affects. Without patterns: all requests. */
export interface FaultMatch {
  /** Tested against the method. */
  readonly method?: RegExp;
  /** Tested against the path with its query, as sent. */
  readonly path?: RegExp;
  /** Number of matching requests to affect. Default 1. */
  readonly times?: number;
}

export interface FailFault extends FaultMatch {
  /** An HTTP status such as 503 or 429, or `reset` to close the connection without a response. */
  readonly answer: number | 'reset';
  /** `after` executes the request first, so that only the response is lost. Default `before`. */
  readonly when?: 'before' | 'after';
}

export interface CutFault extends FaultMatch {
  /** The connection is closed after this many bytes of the body. */
  readonly afterBytes: number;
}

/** Closes the connection without a response. */
export class ConnectionReset extends Error {
  constructor() {
    super('connection reset by an injected fault');
    this.name = 'ConnectionReset';
  }
}

interface ArmedFault<F extends FaultMatch> {
  readonly fault: F;
  left: number;
}

export class Faults {
  readonly #failures: ArmedFault<FailFault>[] = [];
  readonly #cuts: ArmedFault<CutFault>[] = [];
  readonly #corruptions: ArmedFault<FaultMatch>[] = [];

  failNext(fault: FailFault): void {
    this.#failures.push({ fault, left: fault.times ?? 1 });
  }

  /** Affects responses with object content. */
  cutNextDownload(fault: CutFault): void {
    this.#cuts.push({ fault, left: fault.times ?? 1 });
  }

  /** Makes responses report a wrong CRC-32C and MD5. The stored values stay correct. */
  corruptNextChecksum(fault: FaultMatch = {}): void {
    this.#corruptions.push({ fault, left: fault.times ?? 1 });
  }

  /** Executes `work` and applies the matching faults. */
  async apply(request: StorageRequest, work: () => Promise<StorageReply>): Promise<StorageReply> {
    const failure = take(this.#failures, request);
    if (failure === undefined) return this.#alter(request, await work());
    if (failure.when === 'after') discard(await work());
    throw failure.answer === 'reset' ? new ConnectionReset() : refusal(failure.answer);
  }

  #alter(request: StorageRequest, reply: StorageReply): StorageReply {
    const cut = reply.body instanceof Readable ? take(this.#cuts, request) : undefined;
    const interrupted = cut === undefined ? reply : { ...reply, body: cutAfter(reply.body, cut.afterBytes) };
    const reports = reply.headers['x-goog-hash'] !== undefined || String(reply.body).includes('"crc32c"');
    return reports && take(this.#corruptions, request) ? corrupt(interrupted) : interrupted;
  }
}

/** Uses the first matching fault once. */
function take<F extends FaultMatch>(armed: ArmedFault<F>[], request: StorageRequest): F | undefined {
  const url = `${request.path}?${request.query}`;
  const hit = armed.find(
    ({ fault, left }) =>
      left > 0 && (fault.method?.test(request.method) ?? true) && (fault.path?.test(url) ?? true),
  );
  if (hit === undefined) return undefined;
  hit.left--;
  if (hit.left === 0) armed.splice(armed.indexOf(hit), 1);
  return hit.fault;
}

function refusal(status: number): StorageError {
  const [reason, code, message] =
    status === 429
      ? [
          'rateLimitExceeded',
          'SlowDown',
          'The rate of requests to this object is too high. Please reduce it.',
        ]
      : status === 503
        ? ['backendError', 'ServiceUnavailable', 'Backend Error']
        : ['internalError', 'InternalError', 'We encountered an internal error. Please try again.'];
  return new StorageError({ status, reason, code, message });
}

function discard({ body }: StorageReply): void {
  if (body instanceof Readable) body.destroy();
}

function cutAfter(body: StorageReply['body'], afterBytes: number): Readable {
  let left = afterBytes;
  const cut = new Transform({
    transform(chunk, _encoding, done) {
      const bytes = toBuffer(chunk);
      if (bytes.length <= left) {
        left -= bytes.length;
        done(null, bytes);
        return;
      }
      // Deferred: an immediate error would discard the bytes that were just pushed.
      this.push(bytes.subarray(0, left));
      left = 0;
      setImmediate(() => done(new ConnectionReset()));
    },
  });
  if (!(body instanceof Readable)) return new PassThrough().end(body);
  body.on('error', (error) => cut.destroy(error));
  cut.on('close', () => body.destroy());
  return body.pipe(cut);
}

function corrupt(reply: StorageReply): StorageReply {
  const headers = { ...reply.headers };
  const hash = headers['x-goog-hash'];
  if (hash !== undefined)
    headers['x-goog-hash'] = String(hash).replaceAll(
      /(crc32c|md5)=([^,]+)/g,
      (_, kind, value) => `${kind}=${corruptBase64(value)}`,
    );
  const body =
    typeof reply.body === 'string'
      ? reply.body.replaceAll(
          /"(crc32c|md5Hash)":"([^"]+)"/g,
          (_, kind, value) => `"${kind}":"${corruptBase64(value)}"`,
        )
      : reply.body;
  return { ...reply, headers, ...(body === undefined ? {} : { body }) };
}

/** A different base64 text of the same length. */
const corruptBase64 = (base64: string): string => (base64.startsWith('A') ? 'B' : 'A') + base64.slice(1);
