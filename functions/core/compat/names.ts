/**
 * Names on Google's surfaces, and the jobs behind them. An operation's id is the job's id without its prefix; a file's
 * is that of the job, followed by the number of the video: letters and digits only, since Google's SDK takes the first
 * `[a-z0-9]+` after `files/` for it.
 */
import type { Job } from '../job/job.ts';

const OPERATION_ID = /^[a-z2-7]{26}$/;
const FILE_ID = /^([a-z2-7]{26})(0|[1-9]\d?)$/;
const FILE_IN_URI = /(?:^|\/)files\/([a-z0-9]+)/;
const VERTEX_OPERATION =
  /^(?:(projects\/[\w.:-]+\/locations\/[a-z0-9-]+)\/)?publishers\/google\/models\/([\w.-]+)\/operations\/([\w-]+)$/;

/** One video of a job, by its place in the job's list. */
export interface VideoRef {
  readonly jobId: string;
  readonly index: number;
}

const jobIdOf = (operationId: string): string => `job_${operationId}`;
const operationIdOf = (jobId: string): string => jobId.replace(/^job_/, '');

/** The job of an operation of ours, whether there is one or not. */
export const jobIdOfOperation = (operationId: string): string | undefined =>
  OPERATION_ID.test(operationId) ? jobIdOf(operationId) : undefined;

export const fileIdOf = ({ jobId, index }: VideoRef): string => `${operationIdOf(jobId)}${index}`;

export function videoOfFile(fileId: string): VideoRef | undefined {
  const [, id, index] = FILE_ID.exec(fileId) ?? [];
  return id === undefined ? undefined : { jobId: jobIdOf(id), index: Number(index) };
}

/** The video that a URI of the Developer API names, whatever host and version it has. */
export function videoOfFileUri(uri: string): VideoRef | undefined {
  const [, fileId = ''] = FILE_IN_URI.exec(uri) ?? [];
  return videoOfFile(fileId);
}

/** The name of the job's operation on the surface that it came from; nothing for a job of our own API. */
export function operationNameOf({ jobId, request }: Pick<Job, 'jobId' | 'request'>): string | undefined {
  const { compat } = request;
  if (!compat) return undefined;
  const id = operationIdOf(jobId);
  const name = `models/${compat.model}/operations/${id}`;
  if (compat.surface === 'developer') return name;
  return `${compat.parent === undefined ? '' : `${compat.parent}/`}publishers/google/${name}`;
}

export interface VertexOperationName {
  /** Absent in express mode, where the key stands for a project. */
  readonly parent: string | undefined;
  readonly model: string;
  readonly id: string;
}

export function parseVertexOperation(name: string): VertexOperationName | undefined {
  const [, parent, model, id] = VERTEX_OPERATION.exec(name) ?? [];
  return model === undefined || id === undefined ? undefined : { parent, model, id };
}

/** `storageUri` as a folder, with one slash at its end. */
export const folderOf = (storageUri: string): string => `${storageUri.replace(/\/+$/, '')}/`;

/** Where a job's video is put in the folder that the request names, as Vertex would: a folder per operation. */
export const deliveryUriOf = (folder: string, jobId: string, index: number): string =>
  `${folder}${operationIdOf(jobId)}/sample_${index}.mp4`;

const OUTPUT = /^gs:\/\/([^/]+)\/jobs\/(job_[a-z2-7]{26})\/[^/]+\/./;
const DELIVERED = /\/([a-z2-7]{26})\/sample_\d+\.mp4$/;

/** The job that may have made this object, judging by its name; its own list of videos has to confirm it. */
export function jobIdOfOutput(gcsUri: string, outputBucket: string): string | undefined {
  const [, bucket, jobId] = OUTPUT.exec(gcsUri) ?? [];
  if (bucket === outputBucket) return jobId;
  const [, id] = DELIVERED.exec(gcsUri) ?? [];
  return id === undefined ? undefined : jobIdOf(id);
}
