/**
 * From the body of a request to one with every default settled, or to the list of what is wrong with it. Everything is
 * checked before anything is written or paid; a parameter that the model does not take is refused by name, never
 * dropped.
 *
 * In two steps, because some of it is known only after a look into a bucket: `parseRequest` checks what the body says
 * and names the inputs; `completeRequest` takes these as they were found and checks what depends on them.
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

/** What a request names and somebody has to fetch, store and look into. */
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
  /** What the body itself said of things that otherwise follow from the video it starts from. */
  readonly asked: Pick<RequestBody, 'aspectRatio' | 'resolution'>;
  /** {@link RequestRules.scaledDownVideos} */
  readonly isScaledDown: boolean;
}

/** @throws ProblemError 400 naming every field that is wrong */
export function parseRequest(raw: unknown, rules: RequestRules): ParsedRequest {
  const parsed = parseBody(raw);
  if ('errors' in parsed) throw invalidRequest(parsed.errors);
  const errors: FieldError[] = [];
  const body = fillPrompts(parsed.body, errors);
  const model = videoModelOf(body, rules, errors);
  if (!model) throw invalidRequest(errors);
  const { spec, aliasOf } = model;
  const firstFrame = firstFrameOf(body, rules, errors);
  const request = settleParameters(body, spec, rules, errors);
  if (errors.length > 0 || !request) throw invalidRequest(errors);
  return {
    spec,
    request: { ...request, ...defined({ firstFrame, aliasOf }) },
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
    asked: { aspectRatio: body.aspectRatio, resolution: body.resolution },
    isScaledDown: rules.scaledDownVideos ?? false,
  };
}

/** @throws ProblemError 400 when the video that was found cannot be extended, edited or enlarged like this */
export function completeRequest(parsed: ParsedRequest, found: FoundInputs): VideoRequest {
  const { spec, request, asked, isScaledDown } = parsed;
  const { image, lastFrame, referenceImages, firstFrameImage, video, previousJob } = found;
  const given: VideoRequest = {
    ...request,
    ...defined({ image, lastFrame }),
    ...(referenceImages.length > 0 ? { referenceImages: [...referenceImages] } : {}),
    ...defined({ video, previousTurn: previousJob }),
    ...(request.firstFrame ? { firstFrame: { ...request.firstFrame, image: firstFrameImage } } : {}),
  };
  const errors: FieldError[] = [];
  const complete = fitToSource(given, spec, asked, errors);
  errors.push(...sourceErrors(complete, spec, isScaledDown), ...chainErrors(complete, spec));
  if (errors.length > 0) throw invalidRequest(errors);
  return complete;
}
