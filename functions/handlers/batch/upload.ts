/**
 * The `upload` function: an object in the input bucket becomes a job or a batch (I5: the id derives from bucket, name
 * and generation). It throws only errors that a later delivery may not have; the fault of an invalid file is written to
 * an error file beside it, once.
 */
import { z } from 'zod';
import { type Arrival, arrivalOf, ruleOrReason } from '../../core/batch/upload-arrival.ts';
import {
  hasImageExtension,
  isAmbiguousSidecar,
  sidecarsFor,
  titleOf,
} from '../../core/batch/upload-names.ts';
import {
  hasPrompt,
  imageRequest,
  type UploadRule,
  uploadCallerOf,
  uploadedRequest,
  uploadRuleFor,
} from '../../core/batch/upload-rules.ts';
import { isBlank } from '../../core/blank.ts';
import type { Job } from '../../core/job/job.ts';
import { type FieldError, invalidRequest, ProblemError } from '../../core/problem.ts';
import type { Services, UploadBucket, UploadedObject, UploadWaits } from '../../ports.ts';
import { createJob } from '../job/create-job.ts';
import { batchIdOf } from './batch-work.ts';
import { contentKindOf, readRequest, readSidecar } from './upload-content.ts';
import { type ErrorFiles, removeErrorFile, uploadCause, writeErrorFile } from './upload-errors.ts';

const FINALIZED = 'google.cloud.storage.object.v1.finalized';
/**
 * How long a sidecar waits for its image, and an image for a required sidecar, before its error file says so. Long enough
 * for a folder of large files, short enough for a user who watches. The missing file still starts the job later.
 */
export const UPLOAD_WAIT_MS = 10 * 60_000;
/** One run checks this many waits in seconds. The rest is first in the next run. */
const WAITS_PER_SWEEP = 50;

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
  readonly waits: UploadWaits;
  readonly rules: readonly UploadRule[];
  readonly startBatch: StartBatch;
}

/** Handling one object. `isOverdue`: what it waits for did not arrive in time. */
interface Handling extends UploadWork {
  readonly rule: UploadRule;
  readonly isOverdue: boolean;
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
  await handleObject(work, { name, generation, bytes, contentType, metadata }, false);
}

/**
 * Reports the files whose image or sidecar did not arrive in time. A file whose counterpart exists by now becomes its job
 * instead, even if the event of the counterpart was lost.
 */
export async function sweepUploads(work: UploadWork): Promise<void> {
  const { services, uploads, waits } = work;
  const { clock, log } = services;
  const due = await waits.due(clock.now(), WAITS_PER_SWEEP).catch((error: unknown) => {
    log('ERROR', 'sweep: the waiting uploads could not be read', { error: String(error) });
    return [];
  });
  for (const wait of due) {
    const { waitId, name, generation } = wait;
    try {
      const object = await uploads.head(name);
      // A later generation has a wait of its own.
      if (object?.generation === generation) await handleObject(work, object, true);
      await waits.remove(waitId);
    } catch (error) {
      log('ERROR', `upload: ${name} waits and could not be checked`, { object: name, error: String(error) });
      // Behind the others, so that it does not keep them from being checked.
      await waits.put({ ...wait, dueAt: clock.now() + UPLOAD_WAIT_MS }).catch(() => undefined);
    }
  }
}

async function handleObject(work: UploadWork, object: UploadedObject, isOverdue: boolean): Promise<void> {
  const { name } = object;
  const found = ruleOrReason(work.rules, name);
  if ('ignored' in found) {
    return work.services.log('INFO', `upload: ${name} starts no job: ${found.ignored}; ignored`, {
      object: name,
    });
  }
  const handling = { ...work, rule: found.rule, isOverdue };
  await runOrWriteErrorFile(handling, object, () => handleArrival(handling, object));
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
      (await writeErrorFile(filesOf(work), { name, generation, sidecar, isLost }, errors));
    // A concurrent event may have made the job after this one failed, and removed the error file before it was written.
    if (written && !isLost && (await hasJob(work, object))) await removeErrorFile(filesOf(work), object);
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

async function handleArrival(work: Handling, object: UploadedObject): Promise<void> {
  // Before its content is read: the object may be deleted by now.
  if (await hasJob(work, object)) return removeErrorFile(filesOf(work), object);
  const arrival = await arrivalAt(work, object);
  switch (arrival?.kind) {
    case undefined:
      throw invalidRequest([{ field: '', detail: missingDetail(work, object) }]);
    case 'refused':
      throw invalidRequest([{ field: object.name, detail: arrival.detail }]);
    case 'image':
      return handleImage(work, object, arrival);
    case 'sidecar':
      return handleSidecar(work, object, arrival);
    case 'request':
      return handleRequest(work, object, arrival);
    case 'manifest':
      return handleManifest(work, object);
  }
}

/** The kind by content. Of a deleted object only the name is known: a manifest may have its batch already. */
const arrivalAt = async (work: Handling, object: UploadedObject): Promise<Arrival | undefined> =>
  arrivalOf(work.rule, object.name, await contentKindOf(work, object));

const filesOf = ({ uploads, services }: UploadWork): ErrorFiles => ({ uploads, ids: services.ids });

const causeOf = (
  { uploads }: UploadWork,
  { name, generation }: Pick<UploadedObject, 'name' | 'generation'>,
): readonly string[] => uploadCause(uploads.bucket, name, generation);

async function makeJob(work: Handling, object: UploadedObject, body: unknown): Promise<void> {
  const { services, uploads, rule } = work;
  const jobId = services.ids.jobIdOf(causeOf(work, object));
  const { created } = await createJob(services, {
    caller: uploadCallerOf(rule, uploads.bucket),
    body,
    jobId,
  });
  await removeErrorFile(filesOf(work), object);
  const what = created ? 'became' : 'was already';
  services.log('INFO', `upload: ${object.name} ${what} job ${jobId}`, { job: jobId, object: object.name });
}

async function handleImage(
  work: Handling,
  image: UploadedObject,
  { mimeType }: Extract<Arrival, { kind: 'image' }>,
): Promise<void> {
  const { rule } = work;
  const found = await sidecarOf(work, image);
  if (rule.sidecar === 'required' && !found && !hasPrompt(image.metadata))
    return wait(
      work,
      image,
      `waits for its sidecar (${sidecarsFor(image.name)[0]} or another supported name)`,
    );
  const make = async (): Promise<void> => {
    const sidecar = found && (await readSidecar(work.uploads, found));
    // The next delivery finds a replacement, if there is one.
    if (found && !sidecar)
      throw new Error(`${found.name} was deleted while it was read; the event has to be delivered again`);
    const errors: FieldError[] = [];
    const { bucket } = work.uploads;
    const { name, generation, metadata } = image;
    const body = imageRequest({ bucket, name, generation, mimeType, rule, metadata, sidecar }, errors);
    if (rule.prompt === 'required' && isMissing(body['prompt']))
      errors.push({ field: 'prompt', detail: noPrompt(image.name) });
    if (errors.length > 0) throw invalidRequest(errors);
    await makeJob(work, image, body);
    // Before the image arrived, the sidecar may have been treated as an invalid request and have an error file.
    if (found) await removeErrorFile(filesOf(work), found);
  };
  await runOrWriteErrorFile(work, image, make, found);
}

const isMissing = (prompt: unknown): boolean =>
  prompt === undefined || (typeof prompt === 'string' && isBlank(prompt));

const noPrompt = (imageName: string): string =>
  `is missing, and the upload rule requires one. Upload the prompt as ${sidecarsFor(imageName).at(1)}, or upload the ` +
  'image again with the metadata key prompt.';

/**
 * Records that the file waits for another one, whose event resumes it. The sweep reports it after {@link UPLOAD_WAIT_MS}.
 * @throws ProblemError 400 once it is overdue
 */
async function wait(work: Handling, { name, generation }: UploadedObject, detail: string): Promise<void> {
  const { services, waits, isOverdue } = work;
  const { ids, clock, log } = services;
  if (isOverdue) {
    const minutes = UPLOAD_WAIT_MS / 60_000;
    const what = `${detail}, which did not arrive within ${minutes} minutes. Upload it: its job starts then.`;
    throw invalidRequest([{ field: name, detail: what }]);
  }
  const waitId = ids.hash(['upload-wait', ...causeOf(work, { name, generation })]);
  await waits.put({ waitId, name, generation, dueAt: clock.now() + UPLOAD_WAIT_MS });
  log('INFO', `upload: ${name} ${detail}`, { object: name });
}

async function jobOf(work: UploadWork, object: UploadedObject): Promise<Job | undefined> {
  return work.services.jobs.get(work.services.ids.jobIdOf(causeOf(work, object)));
}

async function hasJob(work: UploadWork, object: UploadedObject): Promise<boolean> {
  const job = await jobOf(work, object);
  if (!job) return false;
  const { jobId } = job;
  work.services.log('DEBUG', `upload: ${object.name} is already job ${jobId}`, {
    job: jobId,
    object: object.name,
  });
  return true;
}

async function sidecarOf(work: Handling, image: UploadedObject): Promise<UploadedObject | undefined> {
  const candidates = await Promise.all(sidecarsFor(image.name).map((name) => work.uploads.head(name)));
  for (const found of candidates) {
    if (!found) continue;
    // The file arrived before the image and was treated as a request.
    const mayBeRequest = work.rule.sidecar === 'optional' && isAmbiguousSidecar(image.name, found.name);
    if (mayBeRequest && (await hasJob(work, found))) continue;
    return found;
  }
  return undefined;
}

interface Described {
  readonly image: UploadedObject;
  readonly arrival: Extract<Arrival, { kind: 'image' | 'refused' }>;
}

/** The image that a sidecar describes. An image that is refused counts too: its sidecar is not a request of its own. */
async function describedImage(work: Handling, names: readonly string[]): Promise<Described | undefined> {
  const candidates = await Promise.all(names.map((name) => work.uploads.head(name)));
  for (const image of candidates) {
    if (!image) continue;
    const arrival = await arrivalAt(work, image);
    if (arrival?.kind === 'image') return { image, arrival };
    if (arrival?.kind === 'refused' && hasImageExtension(image.name)) return { image, arrival };
  }
  return undefined;
}

/** The first event that finds both image and sidecar creates the job. The job id derives from the image alone. */
async function handleSidecar(
  work: Handling,
  sidecar: UploadedObject,
  { images }: Extract<Arrival, { kind: 'sidecar' | 'request' }>,
): Promise<void> {
  const described = await describedImage(work, images);
  const names = images.length === 1 ? images[0] : `${images[0]} or another supported name`;
  if (!described) return wait(work, sidecar, `describes an image that does not exist (${names})`);
  const { image, arrival } = described;
  const job = await jobOf(work, image);
  if (job) return reportUnused(work, sidecar, image, job);
  const rule = uploadRuleFor(work.rules, image.name) ?? work.rule;
  // Errors concern the image's job and are written beside the image.
  if (arrival.kind === 'image') await handleImage({ ...work, rule }, image, arrival);
}

/**
 * Reports a sidecar that came after its image had become a job with another prompt. Nothing says which sidecar a job was
 * made from, so the prompts are compared: a repeated event of the sidecar that was used reports nothing.
 */
async function reportUnused(
  work: Handling,
  sidecar: UploadedObject,
  image: UploadedObject,
  { jobId, request }: Job,
): Promise<void> {
  const { services, uploads } = work;
  services.log('INFO', `upload: ${sidecar.name} describes ${image.name}, which is already job ${jobId}`, {
    object: sidecar.name,
    job: jobId,
  });
  if ((await uploads.head(sidecar.name))?.generation !== sidecar.generation || hasPrompt(image.metadata))
    return;
  const { prompt, variables } = (await readSidecar(uploads, sidecar)) ?? {};
  if (typeof prompt !== 'string' || variables !== undefined || prompt.trim() === request.prompt?.trim())
    return;
  const detail =
    `has no effect: ${image.name} became job ${jobId} before this file arrived. For a video with this prompt, upload ` +
    'the image again; with "sidecar": "required" in the upload rule, images wait for their sidecars.';
  throw invalidRequest([{ field: sidecar.name, detail }]);
}

async function handleRequest(
  work: Handling,
  object: UploadedObject,
  arrival: Extract<Arrival, { kind: 'request' }>,
): Promise<void> {
  if (await describedImage(work, arrival.images)) return handleSidecar(work, object, arrival);
  const read = await readRequest(work.uploads, object);
  if (!read) throw invalidRequest([{ field: '', detail: missingDetail(work, object) }]);
  const errors: FieldError[] = [];
  const request = uploadedRequest(work.rule, object.name, read.body, errors);
  if (errors.length > 0) throw invalidRequest(errors);
  await makeJob(work, object, request);
}

async function handleManifest(work: Handling, object: UploadedObject): Promise<void> {
  const { services, uploads, rule, startBatch } = work;
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
  await removeErrorFile(filesOf(work), object, created ? 'this' : 'older');
  const what = created ? 'became' : 'was already';
  services.log('INFO', `upload: ${name} ${what} batch ${batch.batchId}`, {
    batch: batch.batchId,
    object: name,
  });
}
