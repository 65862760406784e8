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
import { checkTimes, type TimesBody } from './job-times.ts';
import { type ImageBody, parseBody, type RequestBody, type VideoBody } from './request-body.ts';
import { firstFrameOf, type RequestRules, videoModelOf } from './request-model.ts';
import { settleParameters } from './request-parameters.ts';
import { fillPrompts } from './request-prompts.ts';
import { chainErrors, fitToSource, referenceVideoErrors, sourceErrors } from './request-source.ts';

/** The inputs that a request names. The caller of this module fetches, stores and inspects them. */
export interface GivenInputs<I = ImageBody, V = VideoBody, P = string> {
  readonly image: I | undefined;
  readonly lastFrame: I | undefined;
  readonly referenceImages: readonly I[];
  readonly referenceVideos: readonly V[];
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
  const { body: read, errors: misshapen, faulty } = parseBody(raw);
  if (!read) throw invalidRequest(misshapen);
  const errors: FieldError[] = [];
  // What is missing is unknown where the variables are faulty.
  const body = rules.bracesAreText || faulty.has('variables') ? read : fillPrompts(read, errors);
  checkTimes(body, rules.now, errors);
  const model = videoModelOf(body, rules, errors);
  const firstFrame = firstFrameOf(body, rules, errors);
  // Without the model's name, or what to do with a video, the limits of the other fields are unknown.
  const isKnown = ['model', 'provider', 'task'].every((field) => !faulty.has(field));
  const request = model && isKnown ? settleParameters(body, model.spec, rules, errors) : undefined;
  const all = distinct([...misshapen, ...errors.filter((error) => !followsFrom(faulty, error))]);
  if (all.length > 0 || !model || !request) throw invalidRequest(all);
  return {
    spec: model.spec,
    request: { ...request, ...defined({ firstFrame, aliasOf: model.aliasOf, retiredOn: model.retiredOn }) },
    lane: body.lane ?? 'interactive',
    times: { startBy: body.startBy, finishBy: body.finishBy },
    inputs: {
      image: body.image,
      lastFrame: body.lastFrame,
      referenceImages: (body.referenceImages ?? []).map(({ image }) => image),
      referenceVideos: (body.referenceVideos ?? []).map(({ video }) => video),
      firstFrameImage: body.firstFrame?.image,
      video: body.video,
      previousJob: body.previousJob,
    },
    requested: { aspectRatio: body.aspectRatio, resolution: body.resolution },
    isScaledDown: rules.scaledDownVideos ?? false,
  };
}

/** The first frame and the video may refuse one value alike. */
const distinct = (errors: readonly FieldError[]): FieldError[] => [
  ...new Map(errors.map((error) => [`${error.field}: ${error.detail}`, error])).values(),
];

/** Whether the error may be the consequence of a field that is faulty itself. */
function followsFrom(faulty: ReadonlySet<string>, { field }: FieldError): boolean {
  const [root = ''] = field.split('.', 1);
  if (faulty.has(root)) return true;
  const areVariablesKnown = ['prompt', 'negativePrompt', 'firstFrame', 'extensions'].every(
    (name) => !faulty.has(name),
  );
  return root === 'variables' && !areVariablesKnown;
}

/** @throws ProblemError 400 when the model cannot extend, edit or upscale the video that was found */
export function completeRequest(parsed: ParsedRequest, found: FoundInputs): VideoRequest {
  const { spec, request, requested, isScaledDown } = parsed;
  const { image, lastFrame, referenceImages, referenceVideos, firstFrameImage, video, previousJob } = found;
  const given: VideoRequest = {
    ...request,
    ...defined({
      image,
      lastFrame,
      referenceImages: referenceImages.length > 0 ? [...referenceImages] : undefined,
      referenceVideos: referenceVideos.length > 0 ? [...referenceVideos] : undefined,
      video,
      previousTurn: previousJob,
      firstFrame: request.firstFrame && { ...request.firstFrame, image: firstFrameImage },
    }),
  };
  const errors: FieldError[] = [];
  const complete = fitToSource(given, spec, requested, errors);
  errors.push(
    ...sourceErrors(complete, spec, isScaledDown),
    ...chainErrors(complete, spec),
    ...referenceVideoErrors(complete, spec),
  );
  if (errors.length > 0) throw invalidRequest(errors);
  return complete;
}
