/**
 * From the body of a request to one with every default settled, or to the list of what is wrong with it. Everything is
 * checked before anything is written or paid; a parameter that the model does not take is refused by name, never
 * dropped.
 *
 * In two steps, because some of it is known only after a look into a bucket: `parseRequest` checks what the body says
 * and names the inputs; `completeRequest` takes these as they were found and checks what depends on them.
 */
import {
  type Catalogue,
  findModel,
  findRetired,
  type ImageModelSpec,
  isRetired,
  type Mode,
  type ModelSpec,
  type OptionalParameter,
  type ProviderName,
  resolutionsOf,
  type VideoModelSpec,
} from './catalogue.ts';
import type { StoredImage, StoredVideo, VideoRequest } from './job.ts';
import { type FieldError, invalidRequest } from './problem.ts';
import { type ImageBody, parseBody, type RequestBody, type VideoBody } from './request-body.ts';
import { chainSeconds } from './stages.ts';
import { fillTemplate } from './template.ts';

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
}

export interface RequestRules {
  readonly catalogue: Catalogue;
  /** `YYYY-MM-DD`, UTC. */
  readonly today: string;
  /** Retired models run all the same: for the simulated ones. */
  readonly allowRetired: boolean;
  /** A retired id runs on its successor instead of being refused. */
  readonly aliasRetired: boolean;
  readonly restrictedRegion: boolean;
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

/** With `variables`, every prompt is a template. */
function fillPrompts(body: RequestBody, errors: FieldError[]): RequestBody {
  const { variables } = body;
  if (!variables) return body;
  const used = new Set<string>();
  const fill = (field: string, template: string): string => {
    const filled = fillTemplate(template, variables);
    for (const name of filled.used) used.add(name);
    for (const name of filled.missing)
      errors.push({ field: `variables.${name}`, detail: `is needed by ${field}.` });
    for (const fault of filled.faults) errors.push({ field, detail: fault });
    return filled.text;
  };
  const { prompt, negativePrompt, firstFrame, extensions } = body;
  const next: RequestBody = {
    ...body,
    ...(prompt === undefined ? {} : { prompt: fill('prompt', prompt) }),
    ...(negativePrompt === undefined ? {} : { negativePrompt: fill('negativePrompt', negativePrompt) }),
    ...(firstFrame
      ? { firstFrame: { ...firstFrame, prompt: fill('firstFrame.prompt', firstFrame.prompt) } }
      : {}),
    ...(extensions
      ? {
          extensions: extensions.map((link, n) =>
            link.prompt === undefined
              ? link
              : { ...link, prompt: fill(`extensions.${n}.prompt`, link.prompt) },
          ),
        }
      : {}),
  };
  for (const name of Object.keys(variables)) {
    if (!used.has(name)) errors.push({ field: `variables.${name}`, detail: 'is in none of the prompts.' });
  }
  return next;
}

interface Chosen<S extends ModelSpec> {
  readonly spec: S;
  readonly aliasOf?: { readonly model: string; readonly retiredOn: string };
}

function videoModelOf(
  body: RequestBody,
  rules: RequestRules,
  errors: FieldError[],
): Chosen<VideoModelSpec> | undefined {
  const { model = rules.catalogue.defaultModel, provider } = body;
  const chosen = modelOf('model', model, provider, rules, errors);
  if (!chosen) return undefined;
  if (chosen.spec.kind === 'video') return { ...chosen, spec: chosen.spec };
  errors.push({ field: 'model', detail: `'${model}' makes pictures; name it in firstFrame.model.` });
  return undefined;
}

function modelOf(
  field: string,
  model: string,
  provider: ProviderName | undefined,
  rules: RequestRules,
  errors: FieldError[],
): Chosen<ModelSpec> | undefined {
  const { catalogue, today } = rules;
  const spec = findModel(catalogue, model, provider);
  if (spec && (!isRetired(spec, today) || rules.allowRetired)) return { spec };
  const retirement = spec?.retirement ?? findRetired(catalogue, model, provider)?.retirement;
  if (!retirement) {
    const known = catalogue.models.filter((each) => !isRetired(each, today)).map((each) => each.model);
    const where = provider === undefined ? '' : ` of provider ${provider}`;
    errors.push({ field, detail: `'${model}' is not a known model${where}; known: ${known.join(', ')}.` });
    return undefined;
  }
  const { date, replacement, runsOn } = retirement;
  const successor = rules.aliasRetired ? findModel(catalogue, runsOn.model, runsOn.provider) : undefined;
  if (successor && !isRetired(successor, today))
    return { spec: successor, aliasOf: { model, retiredOn: date } };
  errors.push({ field, detail: `'${model}' was retired on ${date}; use ${replacement}.` });
  return undefined;
}

const DEFAULT_IMAGE_MODEL = 'gemini-3.1-flash-image';

function firstFrameOf(
  { firstFrame, image, video, referenceImages, aspectRatio }: RequestBody,
  rules: RequestRules,
  errors: FieldError[],
): VideoRequest['firstFrame'] {
  if (!firstFrame) return undefined;
  if (image)
    errors.push({
      field: 'image',
      detail: 'and firstFrame are both the first frame; to edit a picture, put it in firstFrame.image.',
    });
  if (video || referenceImages)
    errors.push({
      field: 'firstFrame',
      detail: 'goes with a new video only, not with video or referenceImages.',
    });
  const { model = DEFAULT_IMAGE_MODEL, provider, prompt } = firstFrame;
  const spec = modelOf('firstFrame.model', model, provider, rules, errors)?.spec;
  if (!spec) return undefined;
  if (spec.kind !== 'image') {
    errors.push({ field: 'firstFrame.model', detail: `'${model}' makes videos, not pictures.` });
    return undefined;
  }
  checkFirstFrame(firstFrame, spec, aspectRatio, errors);
  return { provider: spec.provider, model: spec.model, prompt };
}

function checkFirstFrame(
  { prompt, image }: NonNullable<RequestBody['firstFrame']>,
  spec: ImageModelSpec,
  aspectRatio: string | undefined,
  errors: FieldError[],
): void {
  if (prompt.trim() === '') errors.push({ field: 'firstFrame.prompt', detail: 'is empty.' });
  checkLength('firstFrame.prompt', prompt, spec, errors);
  if (image && !spec.edits)
    errors.push({
      field: 'firstFrame.image',
      detail: `is not taken by ${spec.model}: it does not edit pictures.`,
    });
  oneOf('aspectRatio', aspectRatio, spec.aspectRatios, '16:9', errors);
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
  const { seed, negativePrompt, enhancePrompt, resizeMode, compressionQuality, rerollOnSafety } = body;
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
];

function refuseUntaken(body: RequestBody, spec: VideoModelSpec, errors: FieldError[]): void {
  for (const field of OPTIONAL) {
    if (body[field] === undefined || spec.takes.has(field)) continue;
    errors.push({ field, detail: `is not taken by ${spec.model} of provider ${spec.provider}.` });
  }
}

function checkLength(
  field: string,
  text: string,
  { model, promptCharactersMax }: ModelSpec,
  errors: FieldError[],
): void {
  if (text.length <= promptCharactersMax) return;
  errors.push({ field, detail: `has ${text.length} characters; ${model} takes ${promptCharactersMax}.` });
}

function oneOf<T extends string | number>(
  field: string,
  given: string | number | undefined,
  allowed: readonly T[],
  fallback: T,
  errors: FieldError[],
): T | undefined {
  if (given === undefined) return fallback;
  const match = allowed.find((value) => value === given);
  if (match === undefined)
    errors.push({ field, detail: `is ${JSON.stringify(given)}; allowed: ${allowed.join(', ')}.` });
  return match;
}
