/**
 * The stages of a job: the model calls it takes, in order. They follow from the request alone; what one stage needs of
 * the one before is read from the attempts that landed.
 */

import { type Catalogue, findModel, type ModelSpec } from '../catalogue/catalogue.ts';
import {
  type ImageSize,
  imageMimeTypeOf,
  type ProviderName,
  VIDEO_MIME_TYPE,
  type VideoTask,
} from '../catalogue/vocabulary.ts';
import type { EndedAttempt } from './attempt-record.ts';
import type { Job } from './job.ts';
import type { StoredImage, StoredVideo, VideoRequest } from './video-request.ts';

/** A picture, made from words or from another picture. */
export interface ImageStage {
  readonly kind: 'image';
  readonly provider: ProviderName;
  readonly model: string;
  readonly prompt: string;
  readonly image: StoredImage | undefined;
  readonly aspectRatio: VideoRequest['aspectRatio'];
  /** The model's own where absent. */
  readonly imageSize: ImageSize | undefined;
  readonly personGeneration: VideoRequest['personGeneration'];
}

/** A video, new or made from another: longer, different, or larger. */
export interface VideoStage {
  readonly kind: 'video' | VideoTask;
  readonly provider: ProviderName;
  readonly model: string;
  readonly prompt: string | undefined;
  readonly image: StoredImage | undefined;
  readonly lastFrame: StoredImage | undefined;
  readonly referenceImages: readonly StoredImage[];
  readonly video: StoredVideo | undefined;
  /** Instead of `video`: the provider's operation that made it, of which this is the next turn. */
  readonly previousOperationName: string | undefined;
  /** Of a new video its length, of an extension what it adds, of any other the length that it keeps. */
  readonly durationSeconds: number;
  readonly sampleCount: number;
  readonly settings: Pick<
    VideoRequest,
    | 'aspectRatio'
    | 'resolution'
    | 'generateAudio'
    | 'seed'
    | 'negativePrompt'
    | 'enhancePrompt'
    | 'personGeneration'
    | 'resizeMode'
    | 'compressionQuality'
    | 'fps'
    | 'labels'
    | 'pubsubTopic'
  >;
}

export type Stage = ImageStage | VideoStage;

/** What a request does with the video that it starts from; nothing when it starts from none. */
export const taskOfRequest = ({ task, video }: Pick<VideoRequest, 'task' | 'video'>): VideoTask | undefined =>
  task ?? (video ? 'extend' : undefined);

type Stages = readonly [Stage, ...Stage[]];

/** Asked for several times in every step of a job, and the same for the same request. */
const known = new WeakMap<VideoRequest, Stages>();

/** Every stage, without what only an earlier one can give. */
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
  const { provider, model, image, lastFrame, referenceImages = [], video, previousTurn } = request;
  const { aspectRatio, resolution, generateAudio, seed, negativePrompt, enhancePrompt } = request;
  const { personGeneration, resizeMode, compressionQuality, fps, labels, pubsubTopic } = request;
  return {
    ...own,
    provider,
    model,
    image,
    lastFrame,
    referenceImages,
    video,
    previousOperationName: previousTurn?.operationName,
    settings: {
      aspectRatio,
      resolution,
      generateAudio,
      seed,
      negativePrompt,
      enhancePrompt,
      personGeneration,
      resizeMode,
      compressionQuality,
      fps,
      labels,
      pubsubTopic,
    },
  };
}

/** Every attempt that has landed, in the order of the stages: those of the job it retries come first. */
export const landedAttempts = ({ attempts, retryOf }: Pick<Job, 'attempts' | 'retryOf'>): EndedAttempt[] => [
  ...(retryOf?.landed ?? []),
  ...attempts
    .filter(({ outcome }) => outcome === 'landed')
    // One that was given up and made again may land after all: the stage has gone on from the other one.
    .filter(({ stage }, n, landed) => landed.findIndex((each) => each.stage === stage) === n),
];

/** Index of the stage that the job is at: one for every attempt that has landed. */
export const stageIndexOf = (job: Pick<Job, 'attempts' | 'retryOf'>): number => landedAttempts(job).length;

/** The stage that the job is at, complete with what the stage before it has made. */
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
  return { ...stage, video: { gcsUri: made.uri, mimeType: VIDEO_MIME_TYPE, durationSeconds, sourceUri } };
}

/** The stage that an attempt is for: the job may have gone on meanwhile. */
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

/** How long the video of the whole chain is, in seconds, after each of its links. */
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
