/** Reads a JSON body up to a size limit and reports what is wrong with an invalid one. */

import { invalidRequest, ProblemError } from '../../core/problem.ts';
import { isTooDeep, TOO_DEEP } from '../../core/request/json-depth.ts';
import { textErrors } from '../../core/request/text-check.ts';
import { decompressorOf } from './content-encoding.ts';

/** Google's front end refuses more than 32 MiB. Larger inputs, such as three images of 20 MB, have to use `gs://`. */
export const BODY_BYTES_MAX = 32 * 1024 * 1024;

/** @throws ProblemError 415, 413 or 400 */
export async function readJson(request: Request): Promise<unknown> {
  checkType(request);
  return parseJson(await readBytes(request));
}

/**
 * Like {@link readJson} for the request of a job, whose reader checks the texts and names their faults among all others.
 * @throws ProblemError 415, 413 or 400
 */
export async function readJobRequest(request: Request): Promise<unknown> {
  checkType(request);
  return parsed(await readBytes(request));
}

/**
 * Reads an optional body. Every HTTP POST has a body object, which may be empty, so it has to be read to find out.
 * @returns nothing if the body is empty
 * @throws ProblemError 415, 413 or 400
 */
export async function readJsonIfAny(request: Request): Promise<unknown> {
  const bytes = await readBytes(request);
  if (bytes.length === 0) return undefined;
  checkType(request);
  return parseJson(bytes);
}

/** @throws ProblemError 415 */
function checkType(request: Request): void {
  const contentType = request.headers.get('content-type') ?? '';
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType)) {
    throw new ProblemError({
      status: 415,
      code: 'unsupported-media-type',
      title: 'The body has to be JSON',
      detail: `Content-Type is ${contentType === '' ? 'missing' : `'${contentType}'`}; send application/json.`,
    });
  }
}

/** @throws ProblemError 400, also for a text in it that cannot be stored as it is */
export function parseJson(bytes: Uint8Array): unknown {
  const value = parsed(bytes);
  const errors = textErrors(value);
  if (errors.length > 0) throw invalidRequest(errors);
  return value;
}

function parsed(bytes: Uint8Array): unknown {
  const text = new TextDecoder('utf-8', { fatal: true });
  let value: unknown;
  try {
    value = JSON.parse(text.decode(bytes));
  } catch (error) {
    throw new ProblemError({
      status: 400,
      code: 'malformed-json',
      title: 'The body is not valid JSON',
      detail: notJson(bytes, error),
    });
  }
  if (isTooDeep(value))
    throw new ProblemError({
      status: 400,
      code: 'json-too-deep',
      title: 'The body is nested too deep',
      detail: `The body ${TOO_DEEP}`,
    });
  return value;
}

function notJson(bytes: Uint8Array, error: unknown): string {
  if (bytes.length === 0) return 'The body is empty; send a JSON object.';
  if (bytes[0] === 0x1f && bytes[1] === 0x8b)
    return 'The body is compressed with gzip; send the header Content-Encoding: gzip.';
  return error instanceof SyntaxError ? error.message : 'The body is not UTF-8.';
}

/**
 * Reads the body, decompresses it, and stops at the limit, so that memory use is bounded.
 * @throws ProblemError 413, 415 for an unsupported Content-Encoding, or 400 if the body is incomplete or not compressed so
 */
export async function readBytes(request: Request): Promise<Uint8Array> {
  const decompress = decompressorOf(request.headers.get('content-encoding'));
  if (Number(request.headers.get('content-length') ?? 0) > BODY_BYTES_MAX) throw tooLarge();
  if (!request.body) return new Uint8Array();
  const sent = brokenOffAsProblem(request.body);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of decompress ? decompress(sent) : sent) {
    bytes += chunk.byteLength;
    if (bytes > BODY_BYTES_MAX) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooLarge = (): ProblemError =>
  new ProblemError({
    status: 413,
    code: 'body-too-large',
    title: 'The body is too large',
    detail: `The limit is ${BODY_BYTES_MAX} bytes, also after decompression. Put large images in a bucket and use gcsUri.`,
  });

/** A client that disconnects mid-request is not an error of this service, and must not trigger its error alerts. */
async function* brokenOffAsProblem(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ProblemError({
      status: 400,
      code: 'body-incomplete',
      title: 'The body is not complete',
      detail: `The connection closed before the end of the body: ${why}. Send it again.`,
    });
  }
}
