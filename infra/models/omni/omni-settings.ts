/** Checks a request against the limits of an Omni model: inputs of each task, durations, resolutions, delivery. */
import type { Surface } from '../catalogue.ts';
import { invalid } from '../http/google-error.ts';
import type { OmniTask } from '../operation/interaction.ts';
import { parseGsUri } from '../operation/object-store.ts';
import type { InteractionRequest, VideoFormat } from './interaction-request.ts';
import {
  DEFAULT_SECONDS,
  MAX_BETWEEN_FRAMES_SECONDS,
  MAX_EXTENSION_SECONDS,
  MIN_SECONDS,
  type OmniModel,
  type OmniResolution,
} from './omni-catalogue.ts';

/** A request that the model accepts, with its defaults filled in. */
export interface OmniSettings {
  readonly task: OmniTask;
  /** The duration of the new frames; undefined when the input determines it. */
  readonly durationSeconds: number | undefined;
  readonly aspectRatio: '16:9' | '9:16' | undefined;
  readonly resolution: OmniResolution;
  readonly delivery: 'inline' | 'uri';
  /** `gs://BUCKET[/PREFIX]` without a trailing slash. */
  readonly storageUri: string | undefined;
}

interface TaskInputs {
  readonly needsText: boolean;
  readonly images: readonly [min: number, max: number];
  /** Whether the task needs a video, in the input or from the previous interaction. */
  readonly hasVideo: boolean;
  /** When set, the task takes so many videos as references. It then needs an image or a video. */
  readonly maxReferenceVideos?: number;
}

/** Google's page on the first preview: at most 10 images a prompt. The pages on its successors have no number. */
const MAX_REFERENCES = 10;
/** Google's page on Omni. */
const MAX_REFERENCE_VIDEOS = 3;

const TASK_INPUTS: Readonly<Record<OmniTask, TaskInputs>> = {
  text_to_video: { needsText: true, images: [0, 0], hasVideo: false },
  // The second image is the last frame.
  image_to_video: { needsText: true, images: [1, 2], hasVideo: false },
  reference_to_video: {
    needsText: true,
    images: [0, MAX_REFERENCES],
    hasVideo: false,
    maxReferenceVideos: MAX_REFERENCE_VIDEOS,
  },
  edit: { needsText: true, images: [0, MAX_REFERENCES], hasVideo: true },
  extend: { needsText: true, images: [0, 0], hasVideo: true },
  upscale: { needsText: false, images: [0, 0], hasVideo: true },
};

/** @throws GoogleError INVALID_ARGUMENT */
export function checkOmniSettings(
  host: Surface,
  model: OmniModel,
  request: InteractionRequest,
): OmniSettings {
  const { format } = request;
  if (request.isBackground && !request.isStored) {
    return invalid('background needs store: a result that is not stored could not be fetched.');
  }
  const task = request.task ?? inferTask(request);
  checkInputs(task, model, request);
  return {
    task,
    durationSeconds: checkDuration(task, model, request),
    aspectRatio: format.aspectRatio,
    resolution: checkResolution(model, format.resolution),
    ...checkDelivery(host, format),
  };
}

/** The default task: a video is edited, one image is the first frame, several images are references. */
function inferTask({ images, videos, previousId }: InteractionRequest): OmniTask {
  if (videos.length > 0 || previousId !== undefined) return 'edit';
  if (images.length === 0) return 'text_to_video';
  return images.length === 1 ? 'image_to_video' : 'reference_to_video';
}

function checkInputs(task: OmniTask, model: OmniModel, request: InteractionRequest): void {
  const { needsText, images, hasVideo, maxReferenceVideos = 0 } = TASK_INPUTS[task];
  if (needsText && request.prompt.trim() === '') invalid('A text prompt is required in input.');
  if (task === 'extend' && !model.hasExtension) invalid(`Task extend is not supported by model ${model.id}.`);
  const [min, max] = images;
  const count = request.images.length;
  if (count < min || count > max) {
    const range = min === max ? String(min) : `${min} to ${max}`;
    invalid(`Task ${task} takes ${range} images, not ${count}.`);
  }
  if (hasLastFrame(task, request) && !model.hasLastFrame)
    invalid(`A last frame is not supported by model ${model.id}.`);
  const videos = request.videos.length + (request.previousId === undefined ? 0 : 1);
  if (maxReferenceVideos > 0) {
    if (request.previousId !== undefined) invalid(`Task ${task} takes no previous_interaction_id.`);
    if (videos > maxReferenceVideos)
      invalid(`Task ${task} takes at most ${maxReferenceVideos} videos, not ${videos}.`);
    if (count + videos === 0) invalid(`Task ${task} needs an image or a video.`);
    return;
  }
  if (!hasVideo && videos > 0) invalid(`Task ${task} takes no video.`);
  if (hasVideo && videos !== 1) {
    invalid(`Task ${task} takes one video: in input, or of the interaction in previous_interaction_id.`);
  }
}

const hasLastFrame = (task: OmniTask, { images }: Pick<InteractionRequest, 'images'>): boolean =>
  task === 'image_to_video' && images.length === 2;

function checkDuration(task: OmniTask, model: OmniModel, request: InteractionRequest): number | undefined {
  const seconds = request.format.durationSeconds;
  if (task === 'edit' || task === 'upscale') {
    return seconds === undefined ? undefined : invalid(`duration is not supported for task ${task}.`);
  }
  const chosen = seconds ?? DEFAULT_SECONDS;
  const limit =
    task === 'extend'
      ? MAX_EXTENSION_SECONDS
      : hasLastFrame(task, request)
        ? MAX_BETWEEN_FRAMES_SECONDS
        : model.maxSeconds;
  const longest = Math.min(limit, model.maxSeconds);
  if (chosen >= MIN_SECONDS && chosen <= longest) return chosen;
  return invalid(
    `Unsupported duration ${chosen}s: model ${model.id} makes ${MIN_SECONDS}s to ${longest}s for task ${task}.`,
  );
}

function checkResolution(model: OmniModel, resolution: OmniResolution | undefined): OmniResolution {
  const chosen = resolution ?? '720p';
  if (model.resolutions.includes(chosen)) return chosen;
  return invalid(
    `Unsupported resolution ${chosen}, supported resolutions of model ${model.id} are [${model.resolutions.join(',')}].`,
  );
}

function checkDelivery(host: Surface, format: VideoFormat): Pick<OmniSettings, 'delivery' | 'storageUri'> {
  const { delivery = 'inline', gcsUri } = format;
  if (host === 'developer') {
    if (gcsUri !== undefined) return invalid('gcs_uri is not supported by the Gemini API.');
    return { delivery, storageUri: undefined };
  }
  if (delivery === 'inline') {
    if (gcsUri !== undefined) return invalid('gcs_uri needs delivery uri.');
    return { delivery, storageUri: undefined };
  }
  if (gcsUri === undefined) return invalid('gcs_uri is required when delivery is uri.');
  const location = parseGsUri(gcsUri);
  if (location === undefined) return invalid('gcs_uri must be gs://BUCKET or gs://BUCKET/PREFIX.');
  const prefix = location.name.replace(/\/+$/, '');
  return { delivery, storageUri: `gs://${location.bucket}${prefix === '' ? '' : `/${prefix}`}` };
}
