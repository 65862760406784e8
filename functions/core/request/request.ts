/**
 * Validates the body of a request and fills in every default, or lists all its errors. This happens before anything is
 * written or paid. A parameter that the model does not take is refused by name, never dropped.
 *
 * There are two steps, because some facts need a look into a bucket. `readRequest` validates the body and names the
 * inputs, also those of a body with other faults. `completeRequest` takes the inputs as they were found and validates what
 * depends on them.
 */
import type { VideoModelSpec } from '../catalogue/catalogue.ts';
import { defined } from '../defined.ts';
import type { Lane } from '../job/job.ts';
import type { PreviousTurn, StoredImage, StoredVideo, VideoRequest } from '../job/video-request.ts';
import { type FieldError, invalidRequest, isWithin } from '../problem.ts';
import { checkTimes, type TimesBody } from './job-times.ts';
import { type ImageBody, parseBody, type RequestBody, type VideoBody } from './request-body.ts';
import { firstFrameOf, type RequestRules, videoModelOf } from './request-model.ts';
import { settleParameters } from './request-parameters.ts';
import { fillPrompts } from './request-prompts.ts';
import {
  chainErrors,
  fitToSource,
  lengthErrors,
  referenceVideoErrors,
  sourceErrors,
} from './request-source.ts';
import { debrisErrors } from './spreadsheet-debris.ts';

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

/** A body as far as it can be read. */
export interface ReadRequest {
  /** Every fault of the body. A valid body has none. */
  readonly errors: readonly FieldError[];
  /**
   * The request. In that of a faulty body, defaults stand for the faulty values. Undefined if the model is unknown, and
   * with it what the other fields may be.
   */
  readonly parsed: ParsedRequest | undefined;
  /** The inputs in which no fault was found. They can be looked up, whatever the other faults. */
  readonly inputs: GivenInputs<ImageBody | undefined>;
}

/** @throws ProblemError 400 that names every invalid field */
export function parseRequest(raw: unknown, rules: RequestRules): ParsedRequest {
  const { errors, parsed } = readRequest(raw, rules);
  if (errors.length > 0 || !parsed) throw invalidRequest(errors);
  return parsed;
}

export function readRequest(raw: unknown, rules: RequestRules): ReadRequest {
  const { body: read, errors: misshapen, faulty } = parseBody(raw);
  if (!read) return { errors: misshapen, parsed: undefined, inputs: NO_INPUTS };
  const errors: FieldError[] = [];
  // What is missing is unknown where the variables are faulty.
  const body = rules.isGoogles || faulty.has('variables') ? read : fillPrompts(read, errors);
  checkTimes(body, rules.now, errors);
  const model = videoModelOf(body, rules, errors);
  const firstFrame = firstFrameOf(body, rules, errors);
  // Without the model's name, or what to do with a video, the limits of the other fields are unknown.
  const isKnown = ['model', 'provider', 'task'].every((field) => !faulty.has(field));
  const request = model && isKnown ? settleParameters(body, model.spec, rules, errors) : undefined;
  if (!rules.isGoogles) errors.push(...debrisErrors([], read).filter((error) => !hasError(errors, error)));
  const all = distinct([...misshapen, ...errors.filter((error) => !followsFrom(faulty, error))]);
  const inputs: GivenInputs = {
    image: body.image,
    lastFrame: body.lastFrame,
    referenceImages: (body.referenceImages ?? []).map(({ image }) => image),
    referenceVideos: (body.referenceVideos ?? []).map(({ video }) => video),
    firstFrameImage: body.firstFrame?.image,
    video: body.video,
    previousJob: body.previousJob,
  };
  const parsed = model &&
    request && {
      spec: model.spec,
      request: { ...request, ...defined({ firstFrame, aliasOf: model.aliasOf, retiredOn: model.retiredOn }) },
      lane: body.lane ?? 'interactive',
      times: { startBy: body.startBy, finishBy: body.finishBy },
      inputs,
      requested: { aspectRatio: body.aspectRatio, resolution: body.resolution },
      isScaledDown: rules.scaledDownVideos ?? false,
    };
  return { errors: all, parsed, inputs: all.length === 0 ? inputs : soundInputs(inputs, all, faulty, rules) };
}

/** A faulty field may have a stand-in, and a list that is too long would take too many look-ups. */
function soundInputs(
  inputs: GivenInputs,
  errors: readonly FieldError[],
  faulty: ReadonlySet<string>,
  { catalogue }: RequestRules,
): GivenInputs<ImageBody | undefined> {
  const { image, lastFrame, referenceImages, referenceVideos, firstFrameImage, video, previousJob } = inputs;
  const isSound = (field: string): boolean =>
    !faulty.has(field.split('.', 1)[0] ?? '') &&
    !errors.some((error) => isWithin(error.field, field) || isWithin(field, error.field));
  const ifSound = <T>(field: string, input: T | undefined): T | undefined =>
    isSound(field) ? input : undefined;
  const videoModels = catalogue.models.filter((model) => model.kind === 'video');
  const most = Math.max(...videoModels.map((model) => model.referenceImagesMax));
  const mostVideos = Math.max(...videoModels.map((model) => model.referenceVideos?.max ?? 0));
  return {
    image: ifSound('image', image),
    lastFrame: ifSound('lastFrame', lastFrame),
    referenceImages:
      referenceImages.length <= most
        ? referenceImages.map((each, n) => ifSound(`referenceImages.${n}.image`, each))
        : [],
    referenceVideos:
      isSound('referenceVideos') && referenceVideos.length <= mostVideos ? referenceVideos : [],
    firstFrameImage: ifSound('firstFrame.image', firstFrameImage),
    video: ifSound('video', video),
    previousJob: ifSound('previousJob', previousJob),
  };
}

export const NO_INPUTS: GivenInputs<never, never, never> = {
  image: undefined,
  lastFrame: undefined,
  referenceImages: [],
  referenceVideos: [],
  firstFrameImage: undefined,
  video: undefined,
};

const hasError = (errors: readonly FieldError[], { field }: FieldError): boolean =>
  errors.some((error) => error.field === field);

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
  const { complete, errors } = completed(parsed, found, { areLengthsKnown: true });
  if (errors.length > 0) throw invalidRequest(errors);
  return complete;
}

/**
 * The faults that follow from the inputs that were found.
 * @param known the faults that were found before. What depends on a value that they name is left out
 */
export function completionErrors(
  parsed: ParsedRequest,
  found: FoundInputs,
  known: readonly FieldError[],
): readonly FieldError[] {
  const isFaulty = (whole: string): boolean => known.some(({ field }) => isWithin(field, whole));
  if (['video', 'previousJob', 'task'].some(isFaulty)) return [];
  const areLengthsKnown = !['durationSeconds', 'extensions'].some(isFaulty);
  // Where one of several was not found, the places of the others are unknown.
  const isKnown = ({ field }: FieldError): boolean =>
    !isFaulty(isWithin(field, 'referenceVideos') ? 'referenceVideos' : field);
  return completed(parsed, found, { areLengthsKnown }).errors.filter(isKnown);
}

function completed(
  parsed: ParsedRequest,
  found: FoundInputs,
  { areLengthsKnown }: { readonly areLengthsKnown: boolean },
): { readonly complete: VideoRequest; readonly errors: readonly FieldError[] } {
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
  const ofLength = lengthErrors(complete, spec);
  errors.push(...sourceErrors(complete, spec, isScaledDown), ...ofLength);
  if (areLengthsKnown && ofLength.length === 0) errors.push(...chainErrors(complete, spec));
  errors.push(...referenceVideoErrors(complete, spec));
  return { complete, errors };
}
