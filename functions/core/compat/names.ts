/**
 * Names on Google's surfaces and the jobs behind them. An operation's id is the job's id without its prefix. A file's id
 * is the same followed by the index of the video. It has letters and digits only, because Google's SDK reads the first
 * `[a-z0-9]+` after `files/` as the id.
 */
import type { Job } from '../job/job.ts';

const OPERATION_ID = /^[a-z2-7]{26}$/;
const FILE_ID = /^([a-z2-7]{26})(0|[1-9]\d?)$/;
const FILE_IN_URI = /(?:^|\/)files\/([a-z0-9]+)/;
const VERTEX_OPERATION =
  /^(?:(projects\/[\w.:-]+\/locations\/[a-z0-9-]+)\/)?publishers\/google\/models\/([\w.-]+)\/operations\/([\w-]+)$/;

/** One video of a job, by its index in the job's list. */
export interface VideoRef {
  readonly jobId: string;
  readonly index: number;
}

const jobIdOf = (operationId: string): string => `job_${operationId}`;
const operationIdOf = (jobId: string): string => jobId.replace(/^job_/, '');

/** The job id of an operation id; undefined for a malformed one. The job may not exist. */
export const jobIdOfOperation = (operationId: string): string | undefined =>
  OPERATION_ID.test(operationId) ? jobIdOf(operationId) : undefined;

export const fileIdOf = ({ jobId, index }: VideoRef): string => `${operationIdOf(jobId)}${index}`;

export function videoOfFile(fileId: string): VideoRef | undefined {
  const [, id, index] = FILE_ID.exec(fileId) ?? [];
  return id === undefined ? undefined : { jobId: jobIdOf(id), index: Number(index) };
}

/** The video that a URI of the Developer API names. Host and version do not matter. */
export function videoOfFileUri(uri: string): VideoRef | undefined {
  const [, fileId = ''] = FILE_IN_URI.exec(uri) ?? [];
  return videoOfFile(fileId);
}

/** The operation's name on the surface that the job came from; undefined for a job of our own API. */
export function operationNameOf({ jobId, request }: Pick<Job, 'jobId' | 'request'>): string | undefined {
  const { compat } = request;
  if (!compat) return undefined;
  const id = operationIdOf(jobId);
  const name = `models/${compat.model}/operations/${id}`;
  if (compat.surface === 'developer') return name;
  return `${compat.parent === undefined ? '' : `${compat.parent}/`}publishers/google/${name}`;
}

export interface VertexOperationName {
  /** Absent in express mode, where the key identifies the project. */
  readonly parent: string | undefined;
  readonly model: string;
  readonly id: string;
}

export function parseVertexOperation(name: string): VertexOperationName | undefined {
  const [, parent, model, id] = VERTEX_OPERATION.exec(name) ?? [];
  return model === undefined || id === undefined ? undefined : { parent, model, id };
}

/** `storageUri` as a folder, with one slash at the end. */
export const folderOf = (storageUri: string): string => `${storageUri.replace(/\/+$/, '')}/`;

/** The name of a job's video in the folder of the request. One folder per operation, as Vertex does it. */
export const deliveryUriOf = (folder: string, jobId: string, index: number): string =>
  `${folder}${operationIdOf(jobId)}/sample_${index}.mp4`;

const OUTPUT = /^gs:\/\/([^/]+)\/jobs\/(job_[a-z2-7]{26})\/[^/]+\/./;
const DELIVERED = /\/([a-z2-7]{26})\/sample_\d+\.mp4$/;

/** The job that the object's name points to. The caller must confirm it with the job's list of videos. */
export function jobIdOfOutput(gcsUri: string, outputBucket: string): string | undefined {
  const [, bucket, jobId] = OUTPUT.exec(gcsUri) ?? [];
  if (bucket === outputBucket) return jobId;
  const [, id] = DELIVERED.exec(gcsUri) ?? [];
  return id === undefined ? undefined : jobIdOf(id);
}
