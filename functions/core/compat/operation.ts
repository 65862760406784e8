/** A job as the long-running operation of the surface that it came from. */

import type { LatencyProfile } from '../catalogue/catalogue.ts';
import type { LandedVideo } from '../job/attempt-record.ts';
import { isTerminal, type Job, liveAttemptOf } from '../job/job.ts';
import { CANCELLED_STATUS, rpcStatusOf } from './google-error.ts';
import { fileIdOf, operationNameOf } from './names.ts';

/** JSON of an operation. `done` is absent until it is true, as with Google. */
export interface Operation {
  readonly name: string;
  readonly metadata: OperationMetadata;
  readonly done?: true;
  readonly error?: { readonly code: number; readonly message: string };
  readonly response?: Readonly<Record<string, unknown>>;
}

interface OperationMetadata {
  readonly '@type': string;
  readonly jobId: string;
  readonly state: Job['status'];
  /** An estimate from the model's usual latency; 100 when done. */
  readonly progressPercent: number;
  /** Why it waits, while it does. */
  readonly queueReason?: string;
  readonly createTime: string;
  readonly updateTime: string;
  /** What was asked for, and what really runs. */
  readonly requestedModel: string;
  readonly model: string;
  readonly provider: string;
  readonly changes: readonly string[];
  readonly estimateUsd: number;
  /** Why it failed, beyond what google.rpc codes can say. */
  readonly failure?: { readonly reason: string; readonly retryable: boolean; readonly charged: string };
}

/** How a surface shows a finished video. */
type VideoView = (video: LandedVideo, index: number) => Readonly<Record<string, unknown>>;

const METADATA_TYPE = 'type.googleapis.com/clapper.v1.GenerateVideoMetadata';
const DEVELOPER_TYPE = 'type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse';
const VERTEX_TYPE = 'type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse';
/** Most of the last hundredth is landing; a job at work is never all done. */
const PROGRESS_MAX = 99;

interface Filtered {
  readonly count: number;
  readonly reasons: readonly string[];
}

export interface OperationContext {
  readonly now: number;
  readonly latency: LatencyProfile;
  /** Of the request that asks: the URIs of its answer are on the same host. */
  readonly origin: string;
  /** RFC 3339 of milliseconds since the epoch. */
  readonly timestamp: (ms: number) => string;
}

/** @returns nothing for a job that did not come from one of Google's surfaces */
export function operationOf(job: Job, context: OperationContext): Operation | undefined {
  const name = operationNameOf(job);
  const { compat } = job.request;
  if (name === undefined || !compat) return undefined;
  const running = { name, metadata: metadataOf(job, compat, context) };
  if (!isTerminal(job)) return running;
  const done = { ...running, done: true } as const;
  if (job.status === 'cancelled') return { ...done, error: CANCELLED_STATUS };
  const filtered = filteredOf(job);
  if (job.status === 'failed' && !filtered) return { ...done, error: rpcStatusOf(job.error) };
  const videos = job.status === 'succeeded' ? job.videos : [];
  const response =
    compat.surface === 'developer'
      ? developerResponse(videos, filtered, (_video, index) => ({
          uri: `${context.origin}/v1beta/files/${fileIdOf({ jobId: job.jobId, index })}:download?alt=media`,
        }))
      : vertexResponse(videos, filtered);
  return { ...done, response };
}

/** What a safety filter withheld of a finished job, in part or in whole. */
function filteredOf(job: Job): Filtered | undefined {
  if (job.status === 'succeeded')
    return job.filteredCount > 0 ? { count: job.filteredCount, reasons: job.filteredReasons } : undefined;
  const last = job.attempts.at(-1);
  const { filteredCount = 0, filteredReasons = [] } = last ?? {};
  // A refusal of the words themselves is an error, as with Google; this is for videos that were made and not shown.
  if (job.status !== 'failed' || last?.outcome !== 'filtered' || filteredCount === 0) return undefined;
  return { count: filteredCount, reasons: filteredReasons };
}

function developerResponse(
  videos: readonly LandedVideo[],
  filtered: Filtered | undefined,
  view: VideoView,
): Record<string, unknown> {
  return {
    '@type': DEVELOPER_TYPE,
    generateVideoResponse: {
      ...(videos.length === 0
        ? {}
        : { generatedSamples: videos.map((video, index) => ({ video: view(video, index) })) }),
      ...(filtered ? reported(filtered) : {}),
    },
  };
}

const reported = ({ count, reasons }: Filtered) => ({
  raiMediaFilteredCount: count,
  ...(reasons.length === 0 ? {} : { raiMediaFilteredReasons: reasons }),
});

/** The videos come last, so that bytes can be streamed in their place. Without a folder to be put in they are bytes. */
function vertexResponse(
  videos: readonly LandedVideo[],
  filtered: Filtered | undefined,
): Record<string, unknown> {
  const delivered = videos.flatMap(({ deliveredUri }) =>
    deliveredUri === undefined ? [] : [{ gcsUri: deliveredUri, mimeType: 'video/mp4' }],
  );
  return {
    '@type': VERTEX_TYPE,
    ...reported(filtered ?? { count: 0, reasons: [] }),
    ...(videos.length === 0 ? {} : { videos: delivered }),
  };
}

/** The videos that a reply on the Vertex surface has to hold whole. */
export function videosInReply(job: Job): readonly LandedVideo[] {
  if (job.status !== 'succeeded' || job.request.compat?.surface !== 'vertex') return [];
  return job.videos.filter(({ deliveredUri }) => deliveredUri === undefined);
}

function metadataOf(
  job: Job,
  compat: NonNullable<Job['request']['compat']>,
  { now, latency, timestamp }: OperationContext,
): OperationMetadata {
  const { jobId, status, request, estimateUsd } = job;
  return {
    '@type': METADATA_TYPE,
    jobId,
    state: status,
    progressPercent: progressPercent(job, now, latency),
    ...(job.status === 'queued'
      ? { queueReason: job.reason ?? `Waits for its turn at ${request.model}.` }
      : {}),
    createTime: timestamp(job.createdAt),
    updateTime: timestamp(job.updatedAt),
    requestedModel: compat.model,
    model: request.model,
    provider: request.provider,
    changes: compat.changes,
    estimateUsd,
    ...(job.status === 'failed'
      ? { failure: { reason: job.error.code, retryable: job.error.retryable, charged: job.error.charged } }
      : {}),
  };
}

function progressPercent(job: Job, now: number, { typicalMs }: LatencyProfile): number {
  if (isTerminal(job)) return 100;
  const submittedAt = liveAttemptOf(job)?.submittedAt;
  if (submittedAt === undefined) return 0;
  return Math.max(0, Math.min(PROGRESS_MAX, Math.floor(((now - submittedAt) * 100) / typicalMs)));
}
