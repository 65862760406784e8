/** A job as a long-running operation of the surface that it came from. */
import type { LatencyProfile } from '../catalogue/catalogue.ts';
import { defined } from '../defined.ts';
import type { LandedVideo } from '../job/attempt-record.ts';
import { isTerminal, type Job, liveAttemptOf } from '../job/job.ts';
import { CANCELLED_STATUS, rpcStatusOf } from './google-error.ts';
import { fileIdOf, operationNameOf } from './names.ts';

/** The JSON of an operation. As with Google, `done` is absent until it is true. */
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
  /** An estimate by the model's typical latency; 100 when done. */
  readonly progressPercent: number;
  /** Why the job waits; present while it is queued. */
  readonly queueReason?: string;
  readonly createTime: string;
  readonly updateTime: string;
  /** The model of the request. `model` is the one that runs. */
  readonly requestedModel: string;
  readonly model: string;
  readonly provider: string;
  readonly changes: readonly string[];
  readonly estimateUsd: number;
  /** Why the job failed, in more detail than a google.rpc code. */
  readonly failure?: { readonly reason: string; readonly retryable: boolean; readonly charged: string };
}

/** The JSON of a finished video on a surface. */
type VideoView = (video: LandedVideo, index: number) => Readonly<Record<string, unknown>>;

const METADATA_TYPE = 'type.googleapis.com/clapper.v1.GenerateVideoMetadata';
const DEVELOPER_TYPE = 'type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse';
const VERTEX_TYPE = 'type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse';
/** A running job never shows 100: landing the videos comes last. */
const PROGRESS_MAX = 99;

interface Filtered {
  readonly count: number;
  readonly reasons: readonly string[];
}

export interface OperationContext {
  readonly now: number;
  readonly latency: LatencyProfile;
  /** The origin of the HTTP request. The URIs of the answer are on the same host. */
  readonly origin: string;
  /** Formats milliseconds since the epoch as RFC 3339. */
  readonly timestamp: (ms: number) => string;
}

/** @returns undefined for a job that did not come from one of Google's surfaces */
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

/** What a safety filter withheld from a finished job, in part or in whole. */
function filteredOf(job: Job): Filtered | undefined {
  if (job.status === 'succeeded')
    return job.filteredCount > 0 ? { count: job.filteredCount, reasons: job.filteredReasons } : undefined;
  const last = job.attempts.at(-1);
  const { filteredCount = 0, filteredReasons = [] } = last ?? {};
  // As with Google, a refused prompt is an error. These are videos that were made and withheld.
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
      ...defined({
        generatedSamples:
          videos.length === 0 ? undefined : videos.map((video, index) => ({ video: view(video, index) })),
      }),
      ...(filtered && reported(filtered)),
    },
  };
}

const reported = ({ count, reasons }: Filtered) => ({
  raiMediaFilteredCount: count,
  ...defined({ raiMediaFilteredReasons: reasons.length === 0 ? undefined : reasons }),
});

/** The videos come last, because the handler streams their bytes in place of them. With a folder they are URIs. */
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
    ...defined({ videos: videos.length === 0 ? undefined : delivered }),
  };
}

/** The videos whose bytes a reply on the Vertex surface must contain. */
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
    ...defined({
      queueReason:
        job.status === 'queued' ? (job.reason ?? `Waits in the queue of ${request.model}.`) : undefined,
    }),
    createTime: timestamp(job.createdAt),
    updateTime: timestamp(job.updatedAt),
    requestedModel: compat.model,
    model: request.model,
    provider: request.provider,
    changes: compat.changes,
    estimateUsd,
    ...defined({
      failure:
        job.status === 'failed'
          ? { reason: job.error.code, retryable: job.error.retryable, charged: job.error.charged }
          : undefined,
    }),
  };
}

function progressPercent(job: Job, now: number, { typicalMs }: LatencyProfile): number {
  if (isTerminal(job)) return 100;
  const submittedAt = liveAttemptOf(job)?.submittedAt;
  if (submittedAt === undefined) return 0;
  return Math.max(0, Math.min(PROGRESS_MAX, Math.floor(((now - submittedAt) * 100) / typicalMs)));
}
