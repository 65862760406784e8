/**
 * The stages of a job: its model calls, in order. They follow from the request alone. What a stage needs from the stage
 * before it comes from the landed attempts.
 */
import { type Catalogue, findModel, type ModelSpec } from '../catalogue/catalogue.ts';
import { type ModelSettings, SETTINGS } from '../catalogue/model-settings.ts';
import {
  type AspectRatio,
  type ImageSize,
  imageMimeTypeOf,
  type PersonGeneration,
  type ProviderName,
  VIDEO_MIME_TYPE,
  type VideoTask,
} from '../catalogue/vocabulary.ts';
import { pick } from '../pick.ts';
import type { EndedAttempt } from './attempt-record.ts';
import type { Job } from './job.ts';
import type { StoredImage, StoredVideo, VideoRequest } from './video-request.ts';

/** The settings of an image model. */
export interface ImageSettings {
  readonly aspectRatio: AspectRatio;
  /** Absent: the model's default. */
  readonly imageSize: ImageSize | undefined;
  readonly personGeneration: PersonGeneration | undefined;
}

/** Makes an image, from words or from another image. */
export interface ImageStage extends ImageSettings {
  readonly kind: 'image';
  readonly provider: ProviderName;
  readonly model: string;
  readonly prompt: string;
  readonly image: StoredImage | undefined;
}

/** Makes a new video, or extends, edits or upscales one. */
export interface VideoStage {
  readonly kind: 'video' | VideoTask;
  readonly provider: ProviderName;
  readonly model: string;
  readonly prompt: string | undefined;
  readonly image: StoredImage | undefined;
  readonly lastFrame: StoredImage | undefined;
  readonly referenceImages: readonly StoredImage[];
  readonly referenceVideos: readonly StoredVideo[];
  readonly video: StoredVideo | undefined;
  /** The provider's operation that made the video. Without `video`, this stage is its next turn. */
  readonly previousOperationName: string | undefined;
  /** The duration of a new video, what an extension adds, or the duration that an edit or upscale keeps. */
  readonly durationSeconds: number;
  readonly sampleCount: number;
  readonly settings: ModelSettings;
}

export type Stage = ImageStage | VideoStage;

/** What a request does with the video that it starts from; undefined when it starts from none. */
export const taskOfRequest = ({ task, video }: Pick<VideoRequest, 'task' | 'video'>): VideoTask | undefined =>
  task ?? (video ? 'extend' : undefined);

type Stages = readonly [Stage, ...Stage[]];

/** Every step of a job needs the stages several times, and they depend on the request alone. */
const known = new WeakMap<VideoRequest, Stages>();

/** Every stage, without the inputs that an earlier stage makes. */
export function stagesOf(request: VideoRequest): Stages {
  const stages = known.get(request) ?? makeStages(request);
  known.set(request, stages);
  return stages;
}

function makeStages(request: VideoRequest): Stages {
  const { firstFrame, extensions = [] } = request;
  const image: ImageStage[] = firstFrame ? [imageStage(request, firstFrame)] : [];
  const video = videoStage(request, {
    kind: taskOfRequest(request) ?? 'video',
    prompt: request.prompt,
    durationSeconds: request.durationSeconds,
    sampleCount: request.sampleCount,
  });
  const extend = extensions.map(
    ({ prompt, durationSeconds }): VideoStage => ({
      ...videoStage(request, {
        kind: 'extend',
        prompt: prompt ?? request.prompt,
        durationSeconds,
        sampleCount: 1,
      }),
      image: undefined,
      lastFrame: undefined,
      referenceImages: [],
      referenceVideos: [],
      video: undefined,
      previousOperationName: undefined,
    }),
  );
  const [first = video, ...rest] = [...image, video, ...extend];
  return [first, ...rest];
}

function imageStage(
  { aspectRatio, personGeneration }: VideoRequest,
  { provider, model, prompt, image, imageSize }: NonNullable<VideoRequest['firstFrame']>,
): ImageStage {
  return { kind: 'image', provider, model, prompt, image, aspectRatio, imageSize, personGeneration };
}

function videoStage(
  request: VideoRequest,
  own: Pick<VideoStage, 'kind' | 'prompt' | 'durationSeconds' | 'sampleCount'>,
): VideoStage {
  const { provider, model, image, lastFrame, video, previousTurn } = request;
  const { referenceImages = [], referenceVideos = [] } = request;
  return {
    ...own,
    provider,
    model,
    image,
    lastFrame,
    referenceImages,
    referenceVideos,
    video,
    previousOperationName: previousTurn?.operationName,
    settings: pick(request, SETTINGS),
  };
}

/** The landed attempts in the order of the stages. Those of the job that this one retries come first. */
export const landedAttempts = ({ attempts, retryOf }: Pick<Job, 'attempts' | 'retryOf'>): EndedAttempt[] => [
  ...(retryOf?.landed ?? []),
  ...attempts
    .filter(({ outcome }) => outcome === 'landed')
    // An attempt that was given up and made again may still land. The job continues from the first to land.
    .filter(({ stage }, n, landed) => landed.findIndex((each) => each.stage === stage) === n),
];

/** Index of the job's current stage: the number of landed attempts. */
export const stageIndexOf = (job: Pick<Job, 'attempts' | 'retryOf'>): number => landedAttempts(job).length;

/** The job's current stage, with the result of the stage before it as input. */
export function currentStage(job: Pick<Job, 'request' | 'attempts' | 'retryOf'>): Stage {
  const stages = stagesOf(job.request);
  const index = Math.min(stageIndexOf(job), stages.length - 1);
  const stage = stages[index] ?? stages[0];
  const landed = landedAttempts(job).at(-1);
  const [made] = landed?.videos ?? [];
  if (!made || index === 0 || stage.kind === 'image') return stage;
  if (stage.kind === 'video') {
    return { ...stage, image: { gcsUri: made.uri, mimeType: imageMimeTypeOf(made.contentType) } };
  }
  const [sourceUri] = landed?.sourceUris ?? [];
  const durationSeconds = made.durationSeconds ?? 0;
  return {
    ...stage,
    video: { gcsUri: made.uri, mimeType: VIDEO_MIME_TYPE, durationSeconds, sourceUri },
    previousOperationName: landed?.operation?.name,
  };
}

/** The stage of an attempt. The job's current stage may be a later one. */
export const stageOf = (
  job: Pick<Job, 'request' | 'attempts' | 'retryOf'>,
  attempt: { stage: number },
): Stage => stagesOf(job.request)[attempt.stage] ?? currentStage(job);

/** @throws Error for a model that the catalogue does not have */
export function specOf(
  catalogue: Catalogue,
  { provider, model }: Pick<Stage, 'provider' | 'model'>,
): ModelSpec {
  const spec = findModel(catalogue, model, provider);
  if (!spec) throw new Error(`The catalogue has no ${provider}/${model}.`);
  return spec;
}

/** The duration of the video in seconds, after each link of the chain. */
export function chainSeconds(
  request: Pick<VideoRequest, 'task' | 'video' | 'previousTurn' | 'durationSeconds' | 'extensions'>,
): number[] {
  const source = request.video ?? request.previousTurn;
  const extended = taskOfRequest(request) === 'extend' ? (source?.durationSeconds ?? 0) : 0;
  const lengths = [extended + request.durationSeconds];
  for (const { durationSeconds } of request.extensions ?? [])
    lengths.push((lengths.at(-1) ?? 0) + durationSeconds);
  return lengths;
}
