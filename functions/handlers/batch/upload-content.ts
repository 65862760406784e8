/** Reads uploaded objects: their first bytes, their JSON, their text. */
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { sidecarFault } from '../../core/batch/upload-arrival.ts';
import { promptOfText } from '../../core/batch/upload-rules.ts';
import { FILE_KIND_BYTES, type FileKind, fileKindOf } from '../../core/media/file-kind.ts';
import { invalidRequest, ProblemError } from '../../core/problem.ts';
import { TOO_DEEP } from '../../core/request/json-depth.ts';
import { escaped, shown } from '../../core/shown.ts';
import { ObjectMissingError, type Services, type UploadBucket, type UploadedObject } from '../../ports.ts';
import { parseJson } from '../http/json-body.ts';

/** A request may contain images, as in the API; a sidecar is short. */
const REQUEST_BYTES_MAX = 32 * 1024 * 1024;
const SIDECAR_BYTES_MAX = 1024 * 1024;

interface Reading {
  readonly services: Pick<Services, 'inputs'>;
  readonly uploads: UploadBucket;
}

/** What the first bytes are. Undefined if that generation no longer exists. */
export async function contentKindOf(
  { services, uploads }: Reading,
  { name, generation, bytes }: UploadedObject,
): Promise<FileKind | undefined> {
  if (bytes === 0) return fileKindOf(new Uint8Array());
  const end = Math.min(bytes, FILE_KIND_BYTES) - 1;
  try {
    return fileKindOf(await services.inputs.readRange(`gs://${uploads.bucket}/${name}`, 0, end, generation));
  } catch (error) {
    if (error instanceof ObjectMissingError) return undefined;
    throw error;
  }
}

/** @returns nothing if the object no longer exists @throws ProblemError 400 if it is not a request */
export async function readRequest(
  uploads: UploadBucket,
  object: UploadedObject,
): Promise<{ readonly body: unknown } | undefined> {
  const bytes = await readAtMost(uploads, object, REQUEST_BYTES_MAX);
  return bytes && { body: jsonOf(object.name, bytes) };
}

/** @returns request fields; nothing if the object no longer exists @throws ProblemError 400 if it is not a sidecar */
export async function readSidecar(
  uploads: UploadBucket,
  sidecar: UploadedObject,
): Promise<Record<string, unknown> | undefined> {
  const bytes = await readAtMost(uploads, sidecar, SIDECAR_BYTES_MAX);
  if (!bytes) return undefined;
  // A refused sidecar stays where it is. Its image, which arrives later, must not be paid for with it.
  const fault = sidecarFault(sidecar.name, fileKindOf(bytes.subarray(0, FILE_KIND_BYTES)));
  if (fault !== undefined) throw invalidRequest([{ field: sidecar.name, detail: fault }]);
  if (sidecar.name.toLowerCase().endsWith('.txt')) {
    const prompt = promptOfText(bytes);
    if (prompt === undefined) {
      const detail = 'is not text in UTF-8; save it as UTF-8, with or without a byte order mark.';
      throw invalidRequest([{ field: sidecar.name, detail }]);
    }
    return prompt === '' ? {} : { prompt };
  }
  const value = jsonOf(sidecar.name, bytes);
  const parsed = z.record(z.string(), z.unknown()).safeParse(value);
  if (parsed.success) return parsed.data;
  const detail = `is ${shown(value)}; it must be a JSON object of request fields, like {"prompt": "it purrs"}.`;
  throw invalidRequest([{ field: sidecar.name, detail }]);
}

/** @throws ProblemError 400 with the file as its field */
function jsonOf(name: string, bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes);
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const { code, detail, errors } = error.problem;
    if (errors) throw error;
    throw invalidRequest([
      { field: name, detail: code === 'malformed-json' ? notJson(bytes, detail) : TOO_DEEP },
    ]);
  }
}

function notJson(bytes: Uint8Array, why: string): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return 'is not text in UTF-8; save it as UTF-8, with or without a byte order mark.';
  }
  const isLines = /^\s*\{.*\}\s*[\r\n]+\s*\{/.test(text);
  const advice = isLines ? ' It has several objects: name it .jsonl to make a batch of them.' : '';
  return `is not JSON: ${escaped(why)}. The file begins with ${shown(text.trim())}.${advice}`;
}

/** @returns nothing if the object no longer exists @throws ProblemError 400 if it is too large */
async function readAtMost(
  uploads: UploadBucket,
  { name, generation, bytes }: UploadedObject,
  limit: number,
): Promise<Uint8Array | undefined> {
  if (bytes > limit) {
    throw invalidRequest([{ field: name, detail: `has ${bytes} bytes; the limit is ${limit}.` }]);
  }
  const stored = await uploads.read(name, generation);
  return stored && (fileKindOf(stored).format === 'gzip' ? gunzipped(name, stored, limit) : stored);
}

/** Tools compress text on request, with or without `Content-Encoding: gzip`. The size limit also bounds the result. */
function gunzipped(name: string, bytes: Uint8Array, limit: number): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: limit });
  } catch {
    const detail = `cannot be decompressed with gzip, or has more than ${limit} bytes then. Upload it uncompressed.`;
    throw invalidRequest([{ field: name, detail }]);
  }
}
