/** What follows from the video that a request starts from, once it is found: aspect ratio, duration and limits. */
import { isLarger, resolutionsOf, type VideoModelSpec } from '../catalogue/catalogue.ts';
import type { AspectRatio } from '../catalogue/vocabulary.ts';
import { chainSeconds, taskOfRequest } from '../job/stages.ts';
import type { StoredVideo, VideoRequest } from '../job/video-request.ts';
import type { FieldError } from '../problem.ts';
import { extensionInputErrors } from './extension-input.ts';
import type { RequestBody } from './request-body.ts';

/** Tools and models end a video at a frame or an audio packet, and so a little late. */
const CUT_TOLERANCE_SECONDS = 0.1;

/** The request with the properties of its video. A requested value that does not fit the video is an error. */
export function fitToSource(
  request: VideoRequest,
  spec: VideoModelSpec,
  requested: Pick<RequestBody, 'aspectRatio' | 'resolution'>,
  errors: FieldError[],
): VideoRequest {
  const source = request.video ?? request.previousTurn;
  if (!source) return request;
  const task = taskOfRequest(request);
  const nearest = requested.aspectRatio === undefined ? orientationOf(request.video) : undefined;
  const aspectRatio = source.aspectRatio ?? nearest ?? request.aspectRatio;
  if (requested.aspectRatio !== undefined && aspectRatio !== request.aspectRatio) {
    errors.push({
      field: 'aspectRatio',
      detail: `is ${request.aspectRatio}; the video is ${aspectRatio}. Leave it out to keep that.`,
    });
  }
  if (task === 'extend') return { ...request, aspectRatio };
  const kept =
    requested.resolution === undefined &&
    source.resolution &&
    resolutionsOf(spec).includes(source.resolution);
  const resolution = kept && source.resolution ? source.resolution : request.resolution;
  if (task === 'upscale' && source.resolution && !isLarger(resolution, source.resolution)) {
    const detail = `is ${resolution}; the video is ${source.resolution}. Name a larger resolution.`;
    errors.push({ field: 'resolution', detail });
  }
  return { ...request, aspectRatio, resolution, durationSeconds: source.durationSeconds };
}

/** The aspect ratio for an edit of a video that has neither of Google's. */
function orientationOf(video: StoredVideo | undefined): AspectRatio | undefined {
  const { picture } = video ?? {};
  return picture && (picture.width < picture.height ? '9:16' : '16:9');
}

/** Why the model cannot extend the video that the request starts from, apart from its duration. */
export function sourceErrors(
  request: VideoRequest,
  spec: VideoModelSpec,
  isScaledDown: boolean,
): FieldError[] {
  const source = request.video ?? request.previousTurn;
  if (!source || taskOfRequest(request) !== 'extend') return [];
  const field = request.video ? 'video' : 'previousJob';
  return extensionInputErrors({ field, source, isScaledDown }, spec);
}

/** Whether the model takes the duration of the video that the request starts from. */
export function lengthErrors(request: VideoRequest, spec: VideoModelSpec): FieldError[] {
  const task = taskOfRequest(request);
  const seconds = (request.video ?? request.previousTurn)?.durationSeconds;
  const limits = task === 'edit' || task === 'upscale' ? spec.editing : spec.extension;
  if (!limits || seconds === undefined) return [];
  if (seconds >= limits.inputSecondsMin && seconds <= limits.inputSecondsMax) return [];
  const range = `${limits.inputSecondsMin} to ${limits.inputSecondsMax} s`;
  const detail = `is ${seconds} s long; ${spec.model} ${task}s videos of ${range}.`;
  return [{ field: sourceField(request), detail }];
}

const sourceField = ({ previousTurn }: VideoRequest): string => (previousTurn ? 'previousJob' : 'video');

/** Checks that the model takes the duration of every link's input and makes that of its result. */
export function chainErrors(request: VideoRequest, spec: VideoModelSpec): FieldError[] {
  const seconds = (request.video ?? request.previousTurn)?.durationSeconds;
  const isExtended = taskOfRequest(request) === 'extend';
  return linkErrors(
    request,
    spec,
    isExtended ? { field: sourceField(request), seconds: seconds ?? 0 } : undefined,
  );
}

/** @param first the video that the first link extends */
function linkErrors(
  request: VideoRequest,
  spec: VideoModelSpec,
  first: { readonly field: string; readonly seconds: number } | undefined,
): FieldError[] {
  const limits = spec.extension;
  if (!limits) return [];
  const lengths = chainSeconds(request);
  const links = first ? [first.seconds, ...lengths] : lengths;
  for (const [link, after] of links.slice(1).entries()) {
    const before = links[link] ?? 0;
    const field = first ? (link === 0 ? first.field : `extensions.${link - 1}`) : `extensions.${link}`;
    const { inputSecondsMax, uploadSecondsMax = inputSecondsMax, totalSecondsMax } = limits;
    // Later links, and the next turn of an earlier job, continue an operation.
    const inputMax = field === 'video' ? uploadSecondsMax : inputSecondsMax;
    if (before <= inputMax + CUT_TOLERANCE_SECONDS && after <= totalSecondsMax) continue;
    const orElse =
      inputMax < inputSecondsMax ? ' Continue a finished job with previousJob to extend longer ones.' : '';
    const detail =
      `would extend ${before} s to ${after} s; ${spec.model} extends up to ${inputMax} s ` +
      `and ends at ${totalSecondsMax} s.${orElse}`;
    return [{ field, detail }];
  }
  return [];
}

export function referenceVideoErrors(
  { referenceVideos = [] }: VideoRequest,
  { model, referenceVideos: limits }: VideoModelSpec,
): FieldError[] {
  if (!limits) return [];
  return referenceVideos.flatMap(({ durationSeconds }, n) => {
    if (durationSeconds <= limits.secondsMax + CUT_TOLERANCE_SECONDS) return [];
    const detail =
      `is ${Number(durationSeconds.toFixed(3))} s long; ${model} takes reference videos of up to ` +
      `${limits.secondsMax} s. Cut it.`;
    return [{ field: `referenceVideos.${n}.video`, detail }];
  });
}
