/**
 * The `upload` function: an object in the input bucket becomes a job or a batch (I5: the id derives from bucket, name
 * and generation). It throws only errors that a later delivery may not have; the fault of an invalid file is written to
 * an error file beside it, once.
 */
import { z } from 'zod';
import {
  type Arrival,
  arrivalOf,
  hasPrompt,
  imageRequest,
  isAmbiguousSidecar,
  promptOfText,
  sidecarsFor,
  titleOf,
  type UploadRule,
  uploadCallerOf,
  uploadedRequest,
} from '../../core/batch/upload-rules.ts';
import { type FieldError, invalidRequest, ProblemError } from '../../core/problem.ts';
import { TOO_DEEP } from '../../core/request/json-depth.ts';
import type { Services, UploadBucket, UploadedObject } from '../../ports.ts';
import { parseJson } from '../http/json-body.ts';
import { createJob } from '../job/create-job.ts';
import { batchIdOf } from './batch-work.ts';
import { removeErrorFile, uploadCause, writeErrorFile } from './upload-errors.ts';

const FINALIZED = 'google.cloud.storage.object.v1.finalized';
/** A request may contain images, as in the API; a sidecar is short. */
const REQUEST_BYTES_MAX = 32 * 1024 * 1024;
const SIDECAR_BYTES_MAX = 1024 * 1024;

/** The fields of `google.events.cloud.storage.v1.StorageObjectData` used here. int64 values are strings. */
const objectSchema = z.object({
  bucket: z.string(),
  name: z.string(),
  generation: z.coerce.string(),
  size: z.coerce.number().default(0),
  contentType: z.string().default(''),
  metadata: z.record(z.string(), z.string()).default({}),
});

/** Starts a batch for a manifest; the same cause gives the same batch. @throws ProblemError for an invalid manifest */
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
    // Not thrown: a second delivery would have the same fault.
    return log('WARNING', `upload: event of type ${event.type} is not a valid ${FINALIZED} event; ignored`, {
      error: parsed.error?.issues.map(({ path }) => path.join('.')).join(', '),
    });
  }
  const { bucket, name, generation, size: bytes, contentType, metadata } = parsed.data;
  if (bucket !== work.uploads.bucket) {
    return log('INFO', `upload: ${name} is in bucket ${bucket}, not in the input bucket; ignored`);
  }
  const object = { name, generation, bytes, contentType, metadata };
  const arrival = arrivalOf(work.rules, name, contentType);
  if (arrival.kind === 'ignored') {
    return log('INFO', `upload: ${name} starts no job: ${arrival.why}; ignored`, { object: name });
  }
  await runOrWriteErrorFile(work, object, () => handleArrival(work, object, arrival));
}

/** Runs `make` and writes an error file if the object or its sidecar is invalid. */
async function runOrWriteErrorFile(
  work: UploadWork,
  object: UploadedObject,
  make: () => Promise<void>,
  sidecar?: UploadedObject,
): Promise<void> {
  try {
    await make();
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.status >= 500 || error.problem.status === 429)
      throw error;
    const { name, generation } = object;
    const isLost = !(await work.uploads.head(name, generation));
    const detail = isLost ? missingDetail(work, object) : error.problem.detail;
    const errors = isLost ? [{ field: '', detail }] : (error.problem.errors ?? [{ field: '', detail }]);
    const written =
      (isLost || !(await laterGenerationSucceeded(work, object))) &&
      (await writeErrorFile(work.uploads, { name, generation, sidecar, isLost }, errors));
    work.services.log('WARNING', `upload: ${name} starts no job: ${detail}`, {
      object: name,
      generation,
      errorFile: written,
    });
  }
}

/** Whether a later generation has become a job or batch, so that a report about this one is obsolete. */
async function laterGenerationSucceeded(
  work: UploadWork,
  { name, generation }: UploadedObject,
): Promise<boolean> {
  const now = await work.uploads.head(name);
  if (!now || BigInt(now.generation) <= BigInt(generation)) return false;
  const { ids, jobs, batches } = work.services;
  const cause = causeOf(work, now);
  return Boolean((await jobs.get(ids.jobIdOf(cause))) ?? (await batches.get(batchIdOf(ids, cause))));
}

/** A bucket with object versioning keeps replaced generations for a limited time; one without does not keep them. */
const missingDetail = ({ uploads }: UploadWork, { name, generation }: UploadedObject): string =>
  `Generation ${generation} of gs://${uploads.bucket}/${name} was replaced or deleted before it was read. Upload it ` +
  'again, under another name if other writers use this one.';

async function handleArrival(
  work: UploadWork,
  object: UploadedObject,
  arrival: Exclude<Arrival, { kind: 'ignored' }>,
): Promise<void> {
  switch (arrival.kind) {
    case 'refused':
      throw invalidRequest([{ field: object.name, detail: arrival.detail }]);
    case 'image':
      return handleImage(work, object, arrival);
    case 'sidecar':
      return handleSidecar(work, object, arrival);
    case 'request':
      return handleRequest(work, object, arrival);
    case 'manifest':
      return handleManifest(work, object, arrival.rule);
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
  await removeErrorFile(uploads, object);
  const what = created ? 'became' : 'was already';
  services.log('INFO', `upload: ${object.name} ${what} job ${jobId}`, { job: jobId, object: object.name });
}

async function handleImage(
  work: UploadWork,
  image: UploadedObject,
  { rule, mimeType }: Extract<Arrival, { kind: 'image' }>,
): Promise<void> {
  if (await hasJob(work, image)) return removeErrorFile(work.uploads, image);
  const found = await sidecarOf(work, image, rule);
  if (rule.sidecar === 'required' && !found && !hasPrompt(image.metadata)) {
    const detail = `waits for its sidecar (${sidecarsFor(image.name)[0]} or another supported name)`;
    return work.services.log('INFO', `upload: ${image.name} ${detail}`, { object: image.name });
  }
  const make = async (): Promise<void> => {
    const sidecar = found && (await readSidecar(work, found));
    const errors: FieldError[] = [];
    const { bucket } = work.uploads;
    const { name, generation, metadata } = image;
    const body = imageRequest({ bucket, name, generation, mimeType, rule, metadata, sidecar }, errors);
    if (errors.length > 0) throw invalidRequest(errors);
    await makeJob(work, image, rule, body);
    // Before the image arrived, the sidecar may have been treated as an invalid request and have an error file.
    if (found) await removeErrorFile(work.uploads, found);
  };
  await runOrWriteErrorFile(work, image, make, found);
}

async function hasJob(work: UploadWork, object: UploadedObject): Promise<boolean> {
  const { ids, jobs, log } = work.services;
  const jobId = ids.jobIdOf(causeOf(work, object));
  if (!(await jobs.get(jobId))) return false;
  log('DEBUG', `upload: ${object.name} is already job ${jobId}`, { job: jobId, object: object.name });
  return true;
}

async function sidecarOf(
  work: UploadWork,
  image: UploadedObject,
  rule: UploadRule,
): Promise<UploadedObject | undefined> {
  const candidates = await Promise.all(sidecarsFor(image.name).map((name) => work.uploads.head(name)));
  for (const found of candidates) {
    if (!found) continue;
    // The file arrived before the image and was treated as a request.
    if (isAmbiguousSidecar(rule, image.name, found.name) && (await hasJob(work, found))) continue;
    return found;
  }
  return undefined;
}

async function readSidecar(
  { uploads }: UploadWork,
  sidecar: UploadedObject,
): Promise<Record<string, unknown>> {
  const bytes = await readAtMost(uploads, sidecar, SIDECAR_BYTES_MAX);
  // The next delivery finds a replacement, if there is one.
  if (!bytes)
    throw new Error(`${sidecar.name} was deleted while it was read; the event has to be delivered again`);
  if (sidecar.name.toLowerCase().endsWith('.txt')) {
    const prompt = promptOfText(bytes);
    if (prompt === undefined) {
      const detail = 'is not text in UTF-8; save it as UTF-8, with or without a byte order mark.';
      throw invalidRequest([{ field: sidecar.name, detail }]);
    }
    return prompt === '' ? {} : { prompt };
  }
  const parsed = z.record(z.string(), z.unknown()).safeParse(jsonOf(sidecar.name, bytes));
  if (parsed.success) return parsed.data;
  throw invalidRequest([{ field: sidecar.name, detail: 'has to be a JSON object of request fields.' }]);
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
      { field: name, detail: code === 'malformed-json' ? `is not JSON: ${detail}` : TOO_DEEP },
    ]);
  }
}

/** @returns nothing if the object no longer exists @throws ProblemError 400 if it is too large */
function readAtMost(
  uploads: UploadBucket,
  { name, generation, bytes }: UploadedObject,
  limit: number,
): Promise<Uint8Array | undefined> {
  if (bytes > limit) {
    throw invalidRequest([{ field: name, detail: `has ${bytes} bytes; the limit is ${limit}.` }]);
  }
  return uploads.read(name, generation);
}

/** The first event that finds both image and sidecar creates the job. The job id derives from the image alone. */
async function handleSidecar(
  work: UploadWork,
  sidecar: UploadedObject,
  { images }: Extract<Arrival, { kind: 'sidecar' | 'request' }>,
): Promise<void> {
  const { uploads, services } = work;
  const image = await firstExisting(uploads, images);
  if (!image) {
    const detail = 'it describes an image that does not exist yet';
    return services.log('INFO', `upload: ${sidecar.name} starts no job: ${detail}`, { object: sidecar.name });
  }
  if (await hasJob(work, image)) {
    return services.log(
      'INFO',
      `upload: ${sidecar.name} describes ${image.name}, which already has a job; ignored`,
      {
        object: sidecar.name,
      },
    );
  }
  const arrival = arrivalOf(work.rules, image.name, image.contentType);
  // Errors concern the image's job and are written beside the image.
  if (arrival.kind === 'image') await handleImage(work, image, arrival);
}

async function firstExisting(
  uploads: UploadBucket,
  names: readonly string[],
): Promise<UploadedObject | undefined> {
  for (const name of names) {
    const found = await uploads.head(name);
    if (found) return found;
  }
  return undefined;
}

async function handleRequest(
  work: UploadWork,
  object: UploadedObject,
  arrival: Extract<Arrival, { kind: 'request' }>,
): Promise<void> {
  if (await hasJob(work, object)) return removeErrorFile(work.uploads, object);
  if (await firstExisting(work.uploads, arrival.images)) return handleSidecar(work, object, arrival);
  const bytes = await readAtMost(work.uploads, object, REQUEST_BYTES_MAX);
  if (!bytes) throw invalidRequest([{ field: '', detail: missingDetail(work, object) }]);
  const body = parseJson(bytes);
  const errors: FieldError[] = [];
  const request = uploadedRequest(arrival.rule, object.name, body, errors);
  if (errors.length > 0) throw invalidRequest(errors);
  await makeJob(work, object, arrival.rule, request);
}

async function handleManifest(work: UploadWork, object: UploadedObject, rule: UploadRule): Promise<void> {
  const { services, uploads, startBatch } = work;
  const { name, generation } = object;
  const { batch, created } = await startBatch({
    caller: uploadCallerOf(rule, uploads.bucket),
    body: {
      manifest: { gcsUri: `gs://${uploads.bucket}/${name}`, generation },
      lane: rule.lane,
      title: titleOf(name),
      ...rule.batch,
    },
    cause: causeOf(work, object),
  });
  // If the batch existed before, this generation may have an error file with faults of its rows, which has to stay.
  await removeErrorFile(uploads, object, created ? 'this' : 'older');
  const what = created ? 'became' : 'was already';
  services.log('INFO', `upload: ${name} ${what} batch ${batch.batchId}`, {
    batch: batch.batchId,
    object: name,
  });
}
