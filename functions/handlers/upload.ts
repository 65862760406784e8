/**
 * The `upload` function: an object of the input bucket becomes a job or a batch (I5: bucket, name and generation are its
 * cause). Throws only what may be better next time, so that the event is delivered again; a file that is wrong is told
 * so beside it, once.
 */
import { z } from 'zod';
import { TOO_DEEP } from '../core/json-depth.ts';
import { type FieldError, invalidRequest, ProblemError } from '../core/problem.ts';
import {
  type Arrival,
  arrivalOf,
  imageRequest,
  isDoubtfulSidecar,
  sidecarsFor,
  type UploadRule,
  uploadCallerOf,
  uploadedRequest,
} from '../core/upload-rules.ts';
import type { Services, UploadBucket, UploadedObject } from '../ports.ts';
import { createJob } from './create-job.ts';
import { parseJson } from './json-body.ts';
import { uploadCause, writeErrorFile } from './upload-errors.ts';

const FINALIZED = 'google.cloud.storage.object.v1.finalized';
/** A request may hold pictures, as in a call of the API; what is said about a picture is short. */
const REQUEST_BYTES_MAX = 32 * 1024 * 1024;
const SIDECAR_BYTES_MAX = 1024 * 1024;

/** The part of `google.events.cloud.storage.v1.StorageObjectData` that is used. int64 values are texts. */
const objectSchema = z.object({
  bucket: z.string(),
  name: z.string(),
  generation: z.coerce.string(),
  size: z.coerce.number().default(0),
  contentType: z.string().default(''),
  metadata: z.record(z.string(), z.string()).default({}),
});

/** Makes a batch of a manifest; for the same cause the same one. @throws ProblemError for a manifest that is no use */
export type StartBatch = (start: {
  readonly caller: string;
  readonly body: unknown;
  readonly cause: readonly string[];
}) => Promise<{
  readonly batch: { readonly batchId: string; readonly status: string };
  readonly created: boolean;
}>;

export interface UploadEvent {
  readonly type: string;
  readonly data: unknown;
}

export interface UploadWork {
  readonly services: Services;
  readonly uploads: UploadBucket;
  readonly rules: readonly UploadRule[];
  readonly startBatch: StartBatch;
}

export async function handleUpload(work: UploadWork, event: UploadEvent): Promise<void> {
  const { log } = work.services;
  const parsed = objectSchema.safeParse(event.data);
  if (event.type !== FINALIZED || !parsed.success) {
    // Delivered again it would be no different.
    return log('WARNING', `upload: an event of type ${event.type} that is no finished object; ignored`, {
      error: parsed.error?.message,
    });
  }
  const { bucket, name, generation, size: bytes, contentType, metadata } = parsed.data;
  if (bucket !== work.uploads.bucket) {
    return log('INFO', `upload: ${name} is in bucket ${bucket}, not in the input bucket; ignored`);
  }
  const object = { name, generation, bytes, contentType, metadata };
  const arrival = arrivalOf(work.rules, name, contentType);
  if (arrival.kind === 'ignored') {
    return log('INFO', `upload: ${name} makes no job, ${arrival.why}; ignored`, { object: name });
  }
  await judged(work, object, () => take(work, object, arrival));
}

/** What is wrong with the object is written beside it. */
async function judged(work: UploadWork, object: UploadedObject, make: () => Promise<void>): Promise<void> {
  try {
    await make();
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.status >= 500 || error.problem.status === 429)
      throw error;
    const { detail, errors = [{ field: '', detail }] } = error.problem;
    const written = await writeErrorFile(work.uploads, object, errors);
    work.services.log('WARNING', `upload: ${object.name} makes no job: ${detail}`, {
      object: object.name,
      generation: object.generation,
      errorFile: written,
    });
  }
}

async function take(
  work: UploadWork,
  object: UploadedObject,
  arrival: Exclude<Arrival, { kind: 'ignored' }>,
): Promise<void> {
  switch (arrival.kind) {
    case 'image':
      return takeImage(work, object, arrival);
    case 'sidecar':
      return takeSidecar(work, object, arrival);
    case 'request':
      return takeRequest(work, object, arrival);
    case 'manifest':
      return takeManifest(work, object, arrival.rule);
  }
}

const causeOf = ({ uploads }: UploadWork, { name, generation }: UploadedObject): readonly string[] =>
  uploadCause(uploads.bucket, name, generation);

async function makeJob(
  work: UploadWork,
  object: UploadedObject,
  rule: UploadRule,
  body: unknown,
): Promise<void> {
  const { services, uploads } = work;
  const jobId = services.ids.jobIdOf(causeOf(work, object));
  const { created } = await createJob(services, {
    caller: uploadCallerOf(rule, uploads.bucket),
    body,
    jobId,
  });
  const what = created ? 'became' : 'had become';
  services.log('INFO', `upload: ${object.name} ${what} job ${jobId}`, { job: jobId, object: object.name });
}

async function takeImage(
  work: UploadWork,
  image: UploadedObject,
  { rule, mimeType }: Extract<Arrival, { kind: 'image' }>,
): Promise<void> {
  if (await hasJob(work, image)) return;
  // The request names the picture, not its generation: what has been replaced would be another picture.
  if (!(await isCurrent(work, image))) return;
  const sidecar = await sidecarOf(work, image, rule);
  if (rule.sidecar === 'required' && !sidecar && image.metadata['prompt'] === undefined) {
    const waitsFor = sidecarsFor(image.name).join(' or ');
    return work.services.log('INFO', `upload: ${image.name} waits for ${waitsFor}`, { object: image.name });
  }
  const errors: FieldError[] = [];
  const { bucket } = work.uploads;
  const { name, metadata } = image;
  const body = imageRequest({ bucket, name, mimeType, rule, metadata, sidecar }, errors);
  if (errors.length > 0) throw invalidRequest(errors);
  await makeJob(work, image, rule, body);
}

async function hasJob(work: UploadWork, object: UploadedObject): Promise<boolean> {
  const { ids, jobs, log } = work.services;
  const jobId = ids.jobIdOf(causeOf(work, object));
  if (!(await jobs.get(jobId))) return false;
  log('DEBUG', `upload: ${object.name} had become job ${jobId}`, { job: jobId, object: object.name });
  return true;
}

async function isCurrent({ services, uploads }: UploadWork, object: UploadedObject): Promise<boolean> {
  const now = await uploads.head(object.name);
  if (now?.generation === object.generation) return true;
  const why = now ? 'was replaced; the event of the new one makes the job' : 'was deleted before it was read';
  services.log('NOTICE', `upload: ${object.name} ${why}; ignored`, { object: object.name });
  return false;
}

async function sidecarOf(
  work: UploadWork,
  image: UploadedObject,
  rule: UploadRule,
): Promise<Record<string, unknown> | undefined> {
  for (const name of sidecarsFor(image.name)) {
    const found = await work.uploads.head(name);
    if (!found) continue;
    // It came first, without a picture beside it, and was taken for a request.
    if (isDoubtfulSidecar(rule, image.name, name) && (await hasJob(work, found))) continue;
    return readSidecar(work, found);
  }
  return undefined;
}

async function readSidecar(
  { uploads }: UploadWork,
  sidecar: UploadedObject,
): Promise<Record<string, unknown>> {
  const bytes = await readAtMost(uploads, sidecar, SIDECAR_BYTES_MAX);
  if (sidecar.name.toLowerCase().endsWith('.txt')) {
    const prompt = new TextDecoder('utf-8', { ignoreBOM: false }).decode(bytes).trim();
    return prompt === '' ? {} : { prompt };
  }
  const parsed = z.record(z.string(), z.unknown()).safeParse(jsonOf(sidecar.name, bytes));
  if (parsed.success) return parsed.data;
  throw invalidRequest([{ field: sidecar.name, detail: 'has to be a JSON object of request fields.' }]);
}

/** @throws ProblemError 400 that names the file */
function jsonOf(name: string, bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes);
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const { code, detail } = error.problem;
    throw invalidRequest([
      { field: name, detail: code === 'malformed-json' ? `is not JSON: ${detail}` : TOO_DEEP },
    ]);
  }
}

/** @throws ProblemError 400 for one that is too large; Error for one that has changed meanwhile */
async function readAtMost(
  uploads: UploadBucket,
  { name, generation, bytes }: UploadedObject,
  limit: number,
): Promise<Uint8Array> {
  if (bytes > limit) {
    throw invalidRequest([{ field: name, detail: `has ${bytes} bytes; the limit is ${limit}.` }]);
  }
  const content = await uploads.read(name, generation);
  if (content) return content;
  throw new Error(`${name} was replaced or deleted while it was read; the event has to come again`);
}

/** Whichever event is the first to find both makes the job, which follows from the picture alone. */
async function takeSidecar(
  work: UploadWork,
  sidecar: UploadedObject,
  { images }: Extract<Arrival, { kind: 'sidecar' | 'request' }>,
): Promise<void> {
  const { uploads, services } = work;
  const image = await firstThere(uploads, images);
  if (!image) {
    const detail = 'it is about a picture that is not there yet';
    return services.log('INFO', `upload: ${sidecar.name} makes no job, ${detail}`, { object: sidecar.name });
  }
  if (await hasJob(work, image)) {
    return services.log(
      'INFO',
      `upload: ${sidecar.name} is about ${image.name}, which has its job; ignored`,
      {
        object: sidecar.name,
      },
    );
  }
  const arrival = arrivalOf(work.rules, image.name, image.contentType);
  // Whatever is wrong is wrong with the picture's job, and is told beside the picture.
  if (arrival.kind === 'image') await judged(work, image, () => takeImage(work, image, arrival));
}

async function firstThere(
  uploads: UploadBucket,
  names: readonly string[],
): Promise<UploadedObject | undefined> {
  for (const name of names) {
    const found = await uploads.head(name);
    if (found) return found;
  }
  return undefined;
}

async function takeRequest(
  work: UploadWork,
  object: UploadedObject,
  arrival: Extract<Arrival, { kind: 'request' }>,
): Promise<void> {
  if (await hasJob(work, object)) return;
  if (await firstThere(work.uploads, arrival.images)) return takeSidecar(work, object, arrival);
  if (!(await isCurrent(work, object))) return;
  const body = parseJson(await readAtMost(work.uploads, object, REQUEST_BYTES_MAX));
  const errors: FieldError[] = [];
  const request = uploadedRequest(arrival.rule, object.name, body, errors);
  if (errors.length > 0) throw invalidRequest(errors);
  await makeJob(work, object, arrival.rule, request);
}

async function takeManifest(work: UploadWork, object: UploadedObject, rule: UploadRule): Promise<void> {
  const { services, uploads, startBatch } = work;
  const { name, generation } = object;
  // The batch of one that was replaced is there already, or would have nothing to read.
  if (!(await isCurrent(work, object))) return;
  const { batch, created } = await startBatch({
    caller: uploadCallerOf(rule, uploads.bucket),
    body: {
      manifest: { gcsUri: `gs://${uploads.bucket}/${name}`, generation },
      lane: rule.lane,
      title: name,
      ...rule.batch,
    },
    cause: causeOf(work, object),
  });
  const what = created ? 'became' : 'had become';
  services.log('INFO', `upload: ${name} ${what} batch ${batch.batchId}`, {
    batch: batch.batchId,
    object: name,
  });
}
