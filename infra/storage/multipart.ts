/**
 * Parses the `multipart/related` body of `uploadType=multipart`: a JSON part, then the media. The media is streamed, so
 * memory use does not depend on its size. Lines end with CRLF, or with LF as in the bodies of gcloud and gsutil, which
 * Cloud Storage accepts too. The first line decides: the media may end with a byte that looks like half a line end.
 */
import { invalid } from './errors.ts';
import { toBuffer } from './messages.ts';

export interface MultipartUpload {
  /** The first part's body. */
  readonly json: string;
  /** `Content-Type` of the second part. */
  readonly contentType: string | undefined;
  /** The second part's body. Throws 400 when the closing boundary is missing. */
  readonly media: AsyncIterable<Buffer>;
}

const MAX_HEAD_BYTES = 1024 * 1024;

/** Reads up to the media. Throws 400 when the body does not have these two parts. */
export async function parseMultipart(
  body: AsyncIterable<unknown>,
  contentTypeHeader: string | undefined,
): Promise<MultipartUpload> {
  const boundary = /^multipart\/related\b.*;\s*boundary=(?:"([^"]+)"|'([^']+)'|([^;\s]+))/i.exec(
    contentTypeHeader ?? '',
  );
  const token = boundary?.[1] ?? boundary?.[2] ?? boundary?.[3];
  if (token === undefined) throw invalid('Malformed multipart body: the content type names no boundary.');
  const source = new DelimitedSource(body);
  const lineEnd = await source.readFirstDelimiter(Buffer.from(`--${token}`));
  const delimiter = Buffer.from(`${lineEnd}--${token}`);
  await source.readHeaders(lineEnd);
  const json = await source.readTo(delimiter);
  const headers = await source.readHeaders(lineEnd);
  return {
    json: json.toString('utf8'),
    contentType: /^content-type:[ \t]*(.+?)[ \t]*$/im.exec(headers.toString('utf8'))?.[1],
    media: source.stream(delimiter),
  };
}

type LineEnd = '\r\n' | '\n';

class DelimitedSource {
  readonly #chunks: AsyncIterator<unknown>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(body: AsyncIterable<unknown>) {
    this.#chunks = body[Symbol.asyncIterator]();
  }

  /** Returns everything before `delimiter`, and consumes the delimiter. */
  async readTo(delimiter: Buffer): Promise<Buffer> {
    for (;;) {
      const at = this.#buffer.indexOf(delimiter);
      if (at >= 0) return this.#take(at, delimiter.length);
      if (this.#buffer.length > MAX_HEAD_BYTES)
        throw invalid('Malformed multipart body: the metadata is too large.');
      if (!(await this.#more())) throw invalid('Missing end boundary in multipart body.');
    }
  }

  /** Consumes the first delimiter, which may be preceded by a preamble, but not its line end, which it returns. */
  async readFirstDelimiter(delimiter: Buffer): Promise<LineEnd> {
    // At the start of the body or of a line.
    let before = await this.readTo(delimiter);
    while (before.length > 0 && before.at(-1) !== 0x0a) before = await this.readTo(delimiter);
    const rest = await this.readTo(Buffer.from('\n'));
    const lineEnd = rest.at(-1) === 0x0d ? '\r\n' : '\n';
    this.#unread(lineEnd);
    return lineEnd;
  }

  /** Skips the rest of the delimiter line and returns the header lines up to the empty one. There may be none. */
  async readHeaders(lineEnd: LineEnd): Promise<Buffer> {
    await this.readTo(Buffer.from(lineEnd));
    this.#unread(lineEnd);
    return this.readTo(Buffer.from(`${lineEnd}${lineEnd}`));
  }

  /** Streams everything before `delimiter`. */
  async *stream(delimiter: Buffer): AsyncGenerator<Buffer> {
    for (;;) {
      const at = this.#buffer.indexOf(delimiter);
      if (at >= 0) {
        if (at > 0) yield this.#buffer.subarray(0, at);
        this.#buffer = Buffer.alloc(0);
        // Read the rest (at most an epilogue), so that the connection can be reused.
        while (await this.#more()) this.#buffer = Buffer.alloc(0);
        return;
      }
      // The end of the buffer may be the start of the delimiter.
      const safe = this.#buffer.length - (delimiter.length - 1);
      if (safe > 0) {
        yield this.#buffer.subarray(0, safe);
        this.#buffer = this.#buffer.subarray(safe);
      }
      if (!(await this.#more())) throw invalid('Missing end boundary in multipart body.');
    }
  }

  #unread(text: string): void {
    this.#buffer = Buffer.concat([Buffer.from(text), this.#buffer]);
  }

  #take(end: number, skip: number): Buffer {
    const taken = this.#buffer.subarray(0, end);
    this.#buffer = this.#buffer.subarray(end + skip);
    return taken;
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done === true) return false;
    const chunk = toBuffer(next.value);
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    return true;
  }
}
