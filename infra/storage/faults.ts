/** Faults on demand: refusals, lost replies, torn downloads, wrong checksums. */
import { PassThrough, Readable, Transform } from 'node:stream';
import { StorageError } from './errors.ts';
import { type StorageReply, type StorageRequest, toBuffer } from './messages.ts';

/** Which requests a fault strikes. Without a pattern: all of them. */
export interface FaultMatch {
  /** Tested against the method. */
  readonly method?: RegExp;
  /** Tested against the path with its query, as sent. */
  readonly path?: RegExp;
  /** How many matching requests. Default 1. */
  readonly times?: number;
}

export interface FailFault extends FaultMatch {
  /** A status such as 503 or 429, or `reset` to close the connection without a reply. */
  readonly answer: number | 'reset';
  /** `after` carries the request out first: the reply is what gets lost. Default `before`. */
  readonly when?: 'before' | 'after';
}

export interface CutFault extends FaultMatch {
  /** The connection breaks once this many bytes of the body were sent. */
  readonly afterBytes: number;
}

/** Ends the connection; `server.ts` gives no reply for it. */
export class ConnectionReset extends Error {
  constructor() {
    super('connection reset by an injected fault');
    this.name = 'ConnectionReset';
  }
}

interface Armed<F extends FaultMatch> {
  readonly fault: F;
  left: number;
}

export class Faults {
  readonly #failures: Armed<FailFault>[] = [];
  readonly #cuts: Armed<CutFault>[] = [];
  readonly #corruptions: Armed<FaultMatch>[] = [];

  failNext(fault: FailFault): void {
    this.#failures.push({ fault, left: fault.times ?? 1 });
  }

  /** Strikes replies that carry content. */
  cutNextDownload(fault: CutFault): void {
    this.#cuts.push({ fault, left: fault.times ?? 1 });
  }

  /** Makes replies report a CRC-32C and an MD5 that are wrong; what is stored stays right. */
  corruptNextChecksum(fault: FaultMatch = {}): void {
    this.#corruptions.push({ fault, left: fault.times ?? 1 });
  }

  /** Carries `work` out, unless a fault comes in between. */
  async around(request: StorageRequest, work: () => Promise<StorageReply>): Promise<StorageReply> {
    const failure = take(this.#failures, request);
    if (failure === undefined) return this.#alter(request, await work());
    if (failure.when === 'after') discard(await work());
    throw failure.answer === 'reset' ? new ConnectionReset() : refusal(failure.answer);
  }

  #alter(request: StorageRequest, reply: StorageReply): StorageReply {
    const cut = reply.body instanceof Readable ? take(this.#cuts, request) : undefined;
    const torn = cut === undefined ? reply : { ...reply, body: cutAfter(reply.body, cut.afterBytes) };
    const reports = reply.headers['x-goog-hash'] !== undefined || String(reply.body).includes('"crc32c"');
    return reports && take(this.#corruptions, request) ? corrupt(torn) : torn;
  }
}

/** Takes one use of the first armed fault that matches. */
function take<F extends FaultMatch>(armed: Armed<F>[], request: StorageRequest): F | undefined {
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
      // The failure follows once what came before it was read, or it would overtake it.
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
      (_, kind, value) => `${kind}=${wrong(value)}`,
    );
  const body =
    typeof reply.body === 'string'
      ? reply.body.replaceAll(
          /"(crc32c|md5Hash)":"([^"]+)"/g,
          (_, kind, value) => `"${kind}":"${wrong(value)}"`,
        )
      : reply.body;
  return { ...reply, headers, ...(body === undefined ? {} : { body }) };
}

/** Another base64 text of the same length. */
const wrong = (base64: string): string => (base64.startsWith('A') ? 'B' : 'A') + base64.slice(1);
