/**
 * From the body of a request to one with every default settled, or to the list of what is wrong with it. Everything is
 * checked before anything is written or paid; a parameter that the model does not take is refused by name, never
 * dropped.
 *
 * In two steps, because some of it is known only after a look into a bucket: `parseRequest` checks what the body says
 * and names the inputs; `completeRequest` takes these as they were found and checks what depends on them.
 */
import { type Mode, type OptionalParameter, resolutionsOf, type VideoModelSpec } from './catalogue.ts';
import { checkLength, oneOf } from './field-checks.ts';
import type { Lane, StoredImage, StoredVideo, VideoRequest } from './job.ts';
import type { TimesBody } from './job-times.ts';
import { type FieldError, invalidRequest } from './problem.ts';
import { type ImageBody, parseBody, type RequestBody, type VideoBody } from './request-body.ts';
import { firstFrameOf, type RequestRules, videoModelOf } from './request-model.ts';
import { fillPrompts } from './request-prompts.ts';
import { chainSeconds } from './stages.ts';

/** What a request names and somebody has to fetch, store and look into. */
export interface GivenInputs<I = ImageBody, V = VideoBody> {
  readonly image: I | undefined;
  readonly lastFrame: I | undefined;
  readonly referenceImages: readonly I[];
  readonly firstFrameImage: I | undefined;
  readonly video: V | undefined;
}
export type FoundInputs = GivenInputs<StoredImage, StoredVideo>;

export interface ParsedRequest {
  readonly spec: VideoModelSpec;
  /** Without its inputs. */
  readonly request: VideoRequest;
  readonly inputs: GivenInputs;
  readonly lane: Lane;
  readonly times: TimesBody;
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
    },
  };
}

/** @throws ProblemError 400 when the video that was found cannot be extended like this */
export function completeRequest({ spec, request }: ParsedRequest, found: FoundInputs): VideoRequest {
  const { image, lastFrame, referenceImages, firstFrameImage, video } = found;
  const complete: VideoRequest = {
    ...request,
    ...(image ? { image } : {}),
    ...(lastFrame ? { lastFrame } : {}),
    ...(referenceImages.length > 0 ? { referenceImages: [...referenceImages] } : {}),
    ...(video ? { video } : {}),
    ...(request.firstFrame ? { firstFrame: { ...request.firstFrame, image: firstFrameImage } } : {}),
  };
  const errors = chainErrors(complete, spec);
  if (errors.length > 0) throw invalidRequest(errors);
  return complete;
}

/** Every link's input within what the model extends, and its result within what it makes. */
function chainErrors(request: VideoRequest, spec: VideoModelSpec): FieldError[] {
  const limits = spec.extension;
  if (!limits) return [];
  const first = request.video?.durationSeconds;
  if (first !== undefined && (first < limits.inputSecondsMin || first > limits.inputSecondsMax)) {
    const range = `${limits.inputSecondsMin} to ${limits.inputSecondsMax} s`;
    return [{ field: 'video', detail: `is ${first} s long; ${spec.model} extends videos of ${range}.` }];
  }
  const lengths = chainSeconds(request);
  const links = request.video ? [first ?? 0, ...lengths] : lengths;
  for (const [link, after] of links.slice(1).entries()) {
    const before = links[link] ?? 0;
    if (before <= limits.inputSecondsMax && after <= limits.totalSecondsMax) continue;
    const field = request.video ? (link === 0 ? 'video' : `extensions.${link - 1}`) : `extensions.${link}`;
    const detail =
      `would extend ${before} s to ${after} s; ${spec.model} extends up to ${limits.inputSecondsMax} s ` +
      `and ends at ${limits.totalSecondsMax} s.`;
    return [{ field, detail }];
  }
  return [];
}

function modeOf(
  body: Pick<RequestBody, 'video' | 'referenceImages' | 'lastFrame' | 'image' | 'firstFrame'>,
): Mode {
  if (body.video) return 'extension';
  if (body.referenceImages) return 'references';
  if (body.lastFrame) return 'firstLast';
  return body.image || body.firstFrame ? 'image' : 'text';
}

const MODE_FIELDS = {
  text: 'prompt',
  image: 'image',
  firstLast: 'lastFrame',
  references: 'referenceImages',
  extension: 'video',
} as const;

function settle(
  body: RequestBody,
  spec: VideoModelSpec,
  rules: RequestRules,
  errors: FieldError[],
): VideoRequest | undefined {
  refuseUntaken(body, spec, errors);
  checkInputs(body, spec, errors);
  const prompt = body.prompt?.trim() === '' ? undefined : body.prompt;
  if (prompt === undefined && !body.image && !body.video && !body.firstFrame) {
    errors.push({ field: 'prompt', detail: 'is required unless an image is given.' });
  }
  if (prompt !== undefined) checkLength('prompt', prompt, spec, errors);
  const mode = modeOf(body);
  const durationSeconds = durationOf(body, spec, mode, errors);
  const resolution = oneOf(
    'resolution',
    body.resolution,
    resolutionsOf(spec),
    spec.defaultResolution,
    errors,
  );
  const aspectRatio = oneOf('aspectRatio', body.aspectRatio, spec.aspectRatios, '16:9', errors);
  const people = rules.restrictedRegion ? spec.personGenerationRestricted : spec.personGeneration;
  const personGeneration =
    body.personGeneration === undefined || !spec.takes.has('personGeneration')
      ? undefined
      : oneOf('personGeneration', body.personGeneration, people, 'allow_adult', errors);
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
  const extensions = extensionsOf(body, spec, errors);
  if (errors.length > 0 || durationSeconds === undefined || !resolution || !aspectRatio) return undefined;
  const { seed, negativePrompt, enhancePrompt, resizeMode, compressionQuality, rerollOnSafety, fps, labels } =
    body;
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
    },
    ...(extensions ? { extensions } : {}),
  };
}

/** Which inputs go together, and how many. */
function checkInputs(body: RequestBody, spec: VideoModelSpec, errors: FieldError[]): void {
  const mode = modeOf(body);
  if (!spec.modes.has(mode))
    errors.push({ field: MODE_FIELDS[mode], detail: `is not taken by ${spec.model}.` });
  if (body.lastFrame && !body.image && !body.firstFrame) {
    errors.push({ field: 'lastFrame', detail: 'needs image or firstFrame, the first frame.' });
  }
  const alone = (
    field: 'video' | 'referenceImages',
    others: readonly ('image' | 'lastFrame' | 'referenceImages')[],
  ): void => {
    for (const other of others) {
      if (body[field] && body[other]) errors.push({ field: other, detail: `does not go with ${field}.` });
    }
  };
  alone('video', ['image', 'lastFrame', 'referenceImages']);
  alone('referenceImages', ['image', 'lastFrame']);
  for (const [n, { referenceType }] of (body.referenceImages ?? []).entries()) {
    if (referenceType.toLowerCase() === 'asset') continue;
    const detail = `is ${JSON.stringify(referenceType)}; only asset is taken (style ended with Veo 2).`;
    errors.push({ field: `referenceImages.${n}.referenceType`, detail });
  }
  const references = body.referenceImages?.length ?? 0;
  if (references > spec.referenceImagesMax && spec.modes.has('references')) {
    errors.push({
      field: 'referenceImages',
      detail: `are ${references}; ${spec.model} takes ${spec.referenceImagesMax}.`,
    });
  }
}

function durationOf(
  body: RequestBody,
  spec: VideoModelSpec,
  mode: Mode,
  errors: FieldError[],
): number | undefined {
  const asked = body.durationSeconds;
  if (mode === 'extension') {
    const { addsSeconds = [], defaultAddsSeconds = 7 } = spec.extension ?? {};
    return oneOf('durationSeconds', asked, addsSeconds, defaultAddsSeconds, errors);
  }
  if (mode === 'references') {
    const allowed = spec.referenceDurationsSeconds ?? spec.durationsSeconds;
    return oneOf('durationSeconds', asked, allowed, spec.defaultDurationSeconds, errors);
  }
  return oneOf('durationSeconds', asked, spec.durationsSeconds, spec.defaultDurationSeconds, errors);
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
    const text = link.prompt ?? prompt;
    if (text !== undefined) checkLength(`extensions.${n}.prompt`, text, spec, errors);
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
];

function refuseUntaken(body: RequestBody, spec: VideoModelSpec, errors: FieldError[]): void {
  for (const field of OPTIONAL) {
    if (body[field] === undefined || spec.takes.has(field)) continue;
    errors.push({ field, detail: `is not taken by ${spec.model} of provider ${spec.provider}.` });
  }
}
