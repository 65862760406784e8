/**
 * Validates the body of a request and fills in every default, or lists all its errors. This happens before anything is
 * written or paid. A parameter that the model does not take is refused by name, never dropped.
 *
 * There are two steps, because some facts need a look into a bucket. `parseRequest` validates the body and names the
 * inputs. `completeRequest` takes the inputs as they were found and validates what depends on them.
 */
import type { VideoModelSpec } from '../catalogue/catalogue.ts';
import { defined } from '../defined.ts';
import type { Lane } from '../job/job.ts';
import type { PreviousTurn, StoredImage, StoredVideo, VideoRequest } from '../job/video-request.ts';
import { type FieldError, invalidRequest } from '../problem.ts';
import type { TimesBody } from './job-times.ts';
import { type ImageBody, parseBody, type RequestBody, type VideoBody } from './request-body.ts';
import { firstFrameOf, type RequestRules, videoModelOf } from './request-model.ts';
import { settleParameters } from './request-parameters.ts';
import { fillPrompts } from './request-prompts.ts';
import { chainErrors, fitToSource, sourceErrors } from './request-source.ts';

/** The inputs that a request names. The caller of this module fetches, stores and inspects them. */
export interface GivenInputs<I = ImageBody, V = VideoBody, P = string> {
  readonly image: I | undefined;
  readonly lastFrame: I | undefined;
  readonly referenceImages: readonly I[];
  readonly firstFrameImage: I | undefined;
  readonly video: V | undefined;
  readonly previousJob?: P | undefined;
}
export type FoundInputs = GivenInputs<StoredImage, StoredVideo, PreviousTurn>;

export interface ParsedRequest {
  readonly spec: VideoModelSpec;
  /** Without its inputs. */
  readonly request: VideoRequest;
  readonly inputs: GivenInputs;
  readonly lane: Lane;
  readonly times: TimesBody;
  /** Values of the body that would otherwise follow from the video that it starts from. */
  readonly requested: Pick<RequestBody, 'aspectRatio' | 'resolution'>;
  /** {@link RequestRules.scaledDownVideos} */
  readonly isScaledDown: boolean;
}

/** @throws ProblemError 400 that names every invalid field */
export function parseRequest(raw: unknown, rules: RequestRules): ParsedRequest {
  const parsed = parseBody(raw);
  if ('errors' in parsed) throw invalidRequest(parsed.errors);
  const errors: FieldError[] = [];
  const body = fillPrompts(parsed.body, errors);
  const model = videoModelOf(body, rules, errors);
  if (!model) throw invalidRequest(errors);
  const { spec, aliasOf, retiredOn } = model;
  const firstFrame = firstFrameOf(body, rules, errors);
  const request = settleParameters(body, spec, rules, errors);
  if (errors.length > 0 || !request) throw invalidRequest(errors);
  return {
    spec,
    request: { ...request, ...defined({ firstFrame, aliasOf, retiredOn }) },
    lane: body.lane ?? 'interactive',
    times: { startBy: body.startBy, finishBy: body.finishBy },
    inputs: {
      image: body.image,
      lastFrame: body.lastFrame,
      referenceImages: (body.referenceImages ?? []).map(({ image }) => image),
      firstFrameImage: body.firstFrame?.image,
      video: body.video,
      previousJob: body.previousJob,
    },
    requested: { aspectRatio: body.aspectRatio, resolution: body.resolution },
    isScaledDown: rules.scaledDownVideos ?? false,
  };
}

/** @throws ProblemError 400 when the model cannot extend, edit or upscale the video that was found */
export function completeRequest(parsed: ParsedRequest, found: FoundInputs): VideoRequest {
  const { spec, request, requested, isScaledDown } = parsed;
  const { image, lastFrame, referenceImages, firstFrameImage, video, previousJob } = found;
  const given: VideoRequest = {
    ...request,
    ...defined({
      image,
      lastFrame,
      referenceImages: referenceImages.length > 0 ? [...referenceImages] : undefined,
      video,
      previousTurn: previousJob,
      firstFrame: request.firstFrame && { ...request.firstFrame, image: firstFrameImage },
    }),
  };
  const errors: FieldError[] = [];
  const complete = fitToSource(given, spec, requested, errors);
  errors.push(...sourceErrors(complete, spec, isScaledDown), ...chainErrors(complete, spec));
  if (errors.length > 0) throw invalidRequest(errors);
  return complete;
}
