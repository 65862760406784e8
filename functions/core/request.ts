/**
 * From the body of a request to one with every default settled, or to the list of what is wrong with it. Everything is
 * checked before anything is written or paid; a parameter that the model does not take is refused by name, never
 * dropped.
 *
 * In two steps, because some of it is known only after a look into a bucket: `parseRequest` checks what the body says
 * and names the inputs; `completeRequest` takes these as they were found and checks what depends on them.
 */
import {
  limitsIn,
  type Mode,
  type OptionalParameter,
  type PersonGeneration,
  resolutionsOf,
  type VideoModelSpec,
} from './catalogue.ts';
import { checkLength, oneOf } from './field-checks.ts';
import type { Lane, PreviousTurn, StoredImage, StoredVideo, VideoRequest } from './job.ts';
import type { TimesBody } from './job-times.ts';
import { type FieldError, invalidRequest } from './problem.ts';
import { type ImageBody, parseBody, type RequestBody, type VideoBody } from './request-body.ts';
import { checkInputs, modeOf, taskOf } from './request-inputs.ts';
import { firstFrameOf, type RequestRules, videoModelOf } from './request-model.ts';
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
  const request = settle(body, spec, rules, errors);
  if (errors.length > 0 || !request) throw invalidRequest(errors);
  return {
    spec,
    request: { ...request, ...(firstFrame ? { firstFrame } : {}), ...(aliasOf ? { aliasOf } : {}) },
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
    ...(image ? { image } : {}),
    ...(lastFrame ? { lastFrame } : {}),
    ...(referenceImages.length > 0 ? { referenceImages: [...referenceImages] } : {}),
    ...(video ? { video } : {}),
    ...(previousJob ? { previousTurn: previousJob } : {}),
    ...(request.firstFrame ? { firstFrame: { ...request.firstFrame, image: firstFrameImage } } : {}),
  };
  const errors: FieldError[] = [];
  const complete = fitToSource(given, spec, asked, errors);
  errors.push(...sourceErrors(complete, spec, isScaledDown), ...chainErrors(complete, spec));
  if (errors.length > 0) throw invalidRequest(errors);
  return complete;
}

function settle(
  body: RequestBody,
  spec: VideoModelSpec,
  rules: RequestRules,
  errors: FieldError[],
): VideoRequest | undefined {
  refuseUntaken(body, spec, errors);
  checkTopic(body, spec, rules, errors);
  checkInputs(body, spec, rules.catalogue, errors);
  const prompt = body.prompt?.trim() === '' ? undefined : body.prompt;
  if (prompt === undefined) checkNoPrompt(body, spec, errors);
  if (prompt !== undefined) checkLength('prompt', prompt, spec, errors);
  if (body.negativePrompt !== undefined && spec.takes.has('negativePrompt'))
    checkLength('negativePrompt', body.negativePrompt, spec, errors);
  const mode = modeOf(body);
  const task = taskOf(body);
  const durationSeconds = durationOf(body, spec, mode, errors);
  if (mode === 'upscale' && body.resolution === undefined) {
    errors.push({ field: 'resolution', detail: 'is needed by task upscale: what the video is enlarged to.' });
  }
  const resolution = oneOf(
    'resolution',
    body.resolution,
    resolutionsOf(spec),
    spec.defaultResolution,
    errors,
  );
  const { aspectRatios } = limitsIn(spec, mode);
  const aspectRatio = oneOf('aspectRatio', body.aspectRatio, aspectRatios, '16:9', errors);
  const personGeneration = peopleOf(body, spec, mode, rules, errors);
  if (body.seed !== undefined && spec.takes.has('seed') && body.seed > spec.seedMax) {
    errors.push({ field: 'seed', detail: `is ${body.seed}; ${spec.model} takes 0 to ${spec.seedMax}.` });
  }
  const sampleCount = sampleCountOf(body, spec, errors);
  const only = spec.highResolutionDurationsSeconds;
  const high = resolution === '1080p' || resolution === '4k';
  if (only && high && durationSeconds !== undefined && !only.includes(durationSeconds)) {
    errors.push({ field: 'resolution', detail: `${resolution} is made at ${only.join(', ')} seconds only.` });
  }
  const extendable = spec.extension?.resolutions;
  if (
    extendable &&
    (mode === 'extension' || body.extensions) &&
    resolution &&
    !extendable.includes(resolution)
  ) {
    errors.push({
      field: 'resolution',
      detail: `${resolution} is not made by extensions; allowed: ${extendable.join(', ')}.`,
    });
  }
  const extensions = extensionsOf({ ...body, prompt }, spec, errors);
  if (errors.length > 0 || durationSeconds === undefined || !resolution || !aspectRatio) return undefined;
  const { seed, negativePrompt, enhancePrompt, resizeMode, compressionQuality, rerollOnSafety } = body;
  const { fps, labels, pubsubTopic } = body;
  return {
    ...{
      provider: spec.provider,
      model: spec.model,
      prompt,
      durationSeconds,
      aspectRatio,
      resolution,
      sampleCount,
    },
    // Vertex's reference says it is required of Veo 3 models; sound is what Google's own default gives.
    generateAudio: body.generateAudio ?? true,
    ...{
      seed,
      negativePrompt,
      enhancePrompt,
      personGeneration,
      resizeMode,
      compressionQuality,
      rerollOnSafety,
      fps,
      labels,
      pubsubTopic,
    },
    ...(task ? { task } : {}),
    ...(extensions ? { extensions } : {}),
  };
}

/** Where there are no words, a picture or a video has to say what to make. */
function checkNoPrompt(body: RequestBody, spec: VideoModelSpec, errors: FieldError[]): void {
  const task = taskOf(body);
  if (body.previousJob !== undefined)
    errors.push({ field: 'prompt', detail: 'is required with previousJob: it is the next turn.' });
  else if (task === 'edit' && body.video)
    errors.push({ field: 'prompt', detail: 'is required by task edit: it says what becomes different.' });
  else if (!body.image && !body.video && !body.firstFrame)
    errors.push({ field: 'prompt', detail: 'is required unless an image is given.' });
  else if (spec.needsPrompt && task !== 'upscale')
    errors.push({ field: 'prompt', detail: `is required by ${spec.model}, whatever else it is given.` });
}

/** Google publishes to it with the service's identity, so that not every caller may name any topic. */
function checkTopic(
  { pubsubTopic }: RequestBody,
  spec: VideoModelSpec,
  { pubsubTopics }: RequestRules,
  errors: FieldError[],
): void {
  if (pubsubTopic === undefined || !spec.takes.has('pubsubTopic') || pubsubTopics?.includes(pubsubTopic))
    return;
  const detail =
    `is '${pubsubTopic}', to which this service does not publish: Google would publish with the service's ` +
    'identity, so its operator has to allow the topic (CLAPPER_ALLOWED_PUBSUB_TOPICS).';
  errors.push({ field: 'pubsubTopic', detail });
}

function durationOf(
  body: RequestBody,
  spec: VideoModelSpec,
  mode: Mode,
  errors: FieldError[],
): number | undefined {
  const asked = body.durationSeconds;
  if (mode === 'edit' || mode === 'upscale') {
    if (asked !== undefined) {
      const detail = `does not go with task ${mode}: the video keeps its length.`;
      errors.push({ field: 'durationSeconds', detail });
    }
    // Known once the video is found.
    return 0;
  }
  if (mode === 'extension') {
    const { addsSeconds = [], defaultAddsSeconds = 7 } = spec.extension ?? {};
    return oneOf('durationSeconds', asked, addsSeconds, defaultAddsSeconds, errors);
  }
  const { durationsSeconds } = limitsIn(spec, mode);
  return oneOf('durationSeconds', asked, durationsSeconds, spec.defaultDurationSeconds, errors);
}

/** Every stage of the job is told the same, so that each has to take it. */
function peopleOf(
  { personGeneration: asked, extensions }: RequestBody,
  spec: VideoModelSpec,
  mode: Mode,
  { restrictedRegion }: RequestRules,
  errors: FieldError[],
): PersonGeneration | undefined {
  if (asked === undefined || !spec.takes.has('personGeneration')) return undefined;
  const modes = extensions ? ([mode, 'extension'] as const) : ([mode] as const);
  const allowed = modes.map((each) =>
    restrictedRegion ? spec.personGenerationRestricted : limitsIn(spec, each).personGeneration,
  );
  const match = spec.personGeneration.find((value) => value === asked);
  if (match !== undefined && allowed.every((values) => values.includes(match))) return match;
  const taken = modes.map((each, n) => `${allowed[n]?.join(', ')} in mode ${each}`).join('; ');
  const field = 'personGeneration';
  errors.push({ field, detail: `is ${JSON.stringify(asked)}; ${spec.model} takes ${taken}.` });
  return undefined;
}

function sampleCountOf(
  { sampleCount = 1, extensions }: RequestBody,
  spec: VideoModelSpec,
  errors: FieldError[],
): number {
  if (sampleCount < 1 || sampleCount > spec.sampleCountMax) {
    const range = spec.sampleCountMax === 1 ? 'only 1' : `1 to ${spec.sampleCountMax}`;
    errors.push({ field: 'sampleCount', detail: `is ${sampleCount}; ${spec.model} makes ${range}.` });
  } else if (extensions && sampleCount > 1) {
    errors.push({
      field: 'sampleCount',
      detail: `is ${sampleCount}; a chain of extensions goes on from one video.`,
    });
  }
  return sampleCount;
}

function extensionsOf(
  { extensions, prompt }: RequestBody,
  spec: VideoModelSpec,
  errors: FieldError[],
): VideoRequest['extensions'] {
  if (!extensions) return undefined;
  const { addsSeconds = [], defaultAddsSeconds = 7 } = spec.extension ?? {};
  if (!spec.extension) errors.push({ field: 'extensions', detail: `are not taken by ${spec.model}.` });
  return extensions.map((link, n) => {
    checkLinkPrompt(`extensions.${n}.prompt`, link.prompt, prompt, spec, errors);
    const asked = spec.extension ? link.durationSeconds : undefined;
    const durationSeconds = oneOf(
      `extensions.${n}.durationSeconds`,
      asked,
      addsSeconds,
      defaultAddsSeconds,
      errors,
    );
    return { prompt: link.prompt, durationSeconds: durationSeconds ?? defaultAddsSeconds };
  });
}

/** Refused here: its provider would refuse it too, but after the links before it were paid. */
function checkLinkPrompt(
  field: string,
  own: string | undefined,
  prompt: string | undefined,
  spec: VideoModelSpec,
  errors: FieldError[],
): void {
  const text = own ?? prompt;
  if (own?.trim() === '')
    errors.push({ field, detail: 'is empty; leave it out to go on with the prompt of the request.' });
  else if (text !== undefined) checkLength(field, text, spec, errors);
  else if (spec.needsPrompt)
    errors.push({ field, detail: `is required by ${spec.model} where the request has no prompt.` });
}

const OPTIONAL: readonly OptionalParameter[] = [
  'seed',
  'negativePrompt',
  'enhancePrompt',
  'generateAudio',
  'personGeneration',
  'resizeMode',
  'compressionQuality',
  'fps',
  'labels',
  'pubsubTopic',
  'previousJob',
];

function refuseUntaken(body: RequestBody, spec: VideoModelSpec, errors: FieldError[]): void {
  for (const field of OPTIONAL) {
    if (body[field] === undefined || spec.takes.has(field)) continue;
    errors.push({ field, detail: `is not taken by ${spec.model} of provider ${spec.provider}.` });
  }
}
