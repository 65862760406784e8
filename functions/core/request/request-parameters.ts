/** Validates the parameters of a request by what its model takes in the request's mode, and fills in the defaults. */
import { isBlank } from '../blank.ts';
import { limitsIn, OPTIONAL_FIELDS, resolutionsOf, type VideoModelSpec } from '../catalogue/catalogue.ts';
import { type ModelSettings, SETTINGS } from '../catalogue/model-settings.ts';
import {
  DEFAULT_ASPECT_RATIO,
  type Mode,
  type PersonGeneration,
  type Resolution,
} from '../catalogue/vocabulary.ts';
import { defined } from '../defined.ts';
import type { VideoRequest } from '../job/video-request.ts';
import { pick } from '../pick.ts';
import type { FieldError } from '../problem.ts';
import { shown } from '../shown.ts';
import { type Cause, checkLength, oneOf } from './field-checks.ts';
import type { RequestBody } from './request-body.ts';
import { checkInputs, fieldOfMode, modeOf, taskOf } from './request-inputs.ts';
import type { RequestRules } from './request-model.ts';

/** The request without its inputs. Where a parameter is invalid, the default stands for it. */
export function settleParameters(
  body: RequestBody,
  spec: VideoModelSpec,
  rules: RequestRules,
  errors: FieldError[],
): VideoRequest {
  refuseUntaken(body, spec, errors);
  checkTopic(body, spec, rules, errors);
  checkInputs(body, spec, rules.catalogue, errors);
  const prompt = body.prompt === undefined || isBlank(body.prompt) ? undefined : body.prompt;
  if (prompt === undefined) checkNoPrompt(body, spec, errors);
  if (prompt !== undefined) checkLength('prompt', prompt, spec, errors);
  if (body.negativePrompt !== undefined && spec.takes.has('negativePrompt'))
    checkLength('negativePrompt', body.negativePrompt, spec, errors);
  const mode = modeOf(body);
  const task = taskOf(body);
  const durationSeconds = durationOf(body, spec, mode, errors);
  const resolution = resolutionOf(body, spec, mode, durationSeconds, errors);
  const { aspectRatios } = limitsIn(spec, mode);
  const aspectRatio = oneOf(
    'aspectRatio',
    body.aspectRatio,
    aspectRatios,
    DEFAULT_ASPECT_RATIO,
    errors,
    causeOf(body, mode, spec.aspectRatios),
  );
  const personGeneration = peopleOf(body, spec, mode, rules, errors);
  if (body.seed !== undefined && spec.takes.has('seed') && body.seed > spec.seedMax) {
    errors.push({ field: 'seed', detail: `is ${body.seed}; ${spec.model} takes 0 to ${spec.seedMax}.` });
  }
  const sampleCount = sampleCountOf(body, spec, errors);
  const extensions = extensionsOf({ ...body, prompt }, spec, errors);
  const settings: ModelSettings = {
    // Settings without a rule of their own pass as they are.
    ...pick(body, SETTINGS),
    aspectRatio: aspectRatio ?? DEFAULT_ASPECT_RATIO,
    resolution: resolution ?? spec.defaultResolution,
    // Vertex's reference requires it of Veo 3 models. Google's own default is sound.
    generateAudio: body.generateAudio ?? true,
    personGeneration,
  };
  return {
    provider: spec.provider,
    model: spec.model,
    prompt,
    durationSeconds: durationSeconds ?? spec.defaultDurationSeconds,
    sampleCount,
    ...settings,
    rerollOnSafety: body.rerollOnSafety,
    ...defined({ task, extensions }),
  };
}

/** Without a prompt, an image or a video must say what to make. */
function checkNoPrompt(body: RequestBody, spec: VideoModelSpec, errors: FieldError[]): void {
  const needed = promptNeed(body, spec);
  if (needed === undefined) return;
  const detail = body.prompt === undefined ? `is ${needed}` : `is empty; it is ${needed}`;
  errors.push({ field: 'prompt', detail });
}

/** Why the request needs a prompt, if it does. */
function promptNeed(body: RequestBody, spec: VideoModelSpec): string | undefined {
  const task = taskOf(body);
  if (body.previousJob !== undefined) return 'required with previousJob; say what the next turn makes.';
  if (task === 'edit' && body.video) return 'required by task edit; say what to change.';
  if (!body.image && !body.video && !body.firstFrame)
    return 'required unless image, firstFrame or video is given.';
  return spec.needsPrompt && task !== 'upscale'
    ? `required by ${spec.model}, also with an image or a video.`
    : undefined;
}

/** Google publishes to the topic with the identity of our service, so the operator allows each topic. */
function checkTopic(
  { pubsubTopic }: RequestBody,
  spec: VideoModelSpec,
  { pubsubTopics }: RequestRules,
  errors: FieldError[],
): void {
  if (pubsubTopic === undefined || !spec.takes.has('pubsubTopic') || pubsubTopics?.includes(pubsubTopic))
    return;
  const detail =
    `is '${pubsubTopic}', which is not allowed. Google would publish with the identity of this service, so the ` +
    'operator must allow the topic (CLAPPER_ALLOWED_PUBSUB_TOPICS).';
  errors.push({ field: 'pubsubTopic', detail });
}

/** For a model that makes no extensions, which has been refused by name already. */
const NO_EXTENSION = { addsSeconds: [], defaultAddsSeconds: 0 };

/** The field that leaves fewer values than the model takes otherwise. */
function causeOf<T>(body: RequestBody, mode: Mode, otherwise: readonly T[]): Cause<T> | undefined {
  const field = fieldOfMode(body, mode);
  return field === undefined ? undefined : { field, otherwise };
}

function durationOf(
  body: RequestBody,
  spec: VideoModelSpec,
  mode: Mode,
  errors: FieldError[],
): number | undefined {
  const requested = body.durationSeconds;
  if (mode === 'edit' || mode === 'upscale') {
    if (requested !== undefined) {
      const detail = `does not go with task ${mode}; the video keeps its duration. Leave it out.`;
      errors.push({ field: 'durationSeconds', detail });
    }
    // The duration is known once the video is found.
    return 0;
  }
  if (mode === 'extension') {
    const { addsSeconds, defaultAddsSeconds } = spec.extension ?? NO_EXTENSION;
    const cause = causeOf(body, mode, spec.durationsSeconds);
    return oneOf('durationSeconds', requested, addsSeconds, defaultAddsSeconds, errors, cause);
  }
  const { durationsSeconds } = limitsIn(spec, mode);
  const cause = causeOf(body, mode, spec.durationsSeconds);
  return oneOf('durationSeconds', requested, durationsSeconds, spec.defaultDurationSeconds, errors, cause);
}

/** Every stage of the job gets the same value, so every stage must take it. */
function peopleOf(
  body: RequestBody,
  spec: VideoModelSpec,
  mode: Mode,
  { restrictedRegion }: RequestRules,
  errors: FieldError[],
): PersonGeneration | undefined {
  const { personGeneration: requested, extensions } = body;
  if (requested === undefined || !spec.takes.has('personGeneration')) return undefined;
  const modes = extensions ? ([mode, 'extension'] as const) : ([mode] as const);
  const allowed = modes.map((each) =>
    restrictedRegion ? spec.personGenerationRestricted : limitsIn(spec, each).personGeneration,
  );
  const match = spec.personGeneration.find((value) => value === requested);
  if (match !== undefined && allowed.every((values) => values.includes(match))) return match;
  const taken = modes.map((each, n) => {
    const cause = each === 'extension' && mode !== 'extension' ? 'extensions' : fieldOfMode(body, each);
    return `${allowed[n]?.join(', ')} ${cause === undefined ? 'with a prompt alone' : `with ${cause}`}`;
  });
  const field = 'personGeneration';
  errors.push({ field, detail: `is ${shown(requested)}; ${spec.model} takes ${taken.join('; ')}.` });
  return undefined;
}

function resolutionOf(
  { resolution: requested, extensions }: RequestBody,
  spec: VideoModelSpec,
  mode: Mode,
  durationSeconds: number | undefined,
  errors: FieldError[],
): Resolution | undefined {
  const field = 'resolution';
  if (mode === 'upscale' && requested === undefined)
    errors.push({ field, detail: 'is required by task upscale; name the resolution to upscale to.' });
  const resolution = oneOf(field, requested, resolutionsOf(spec), spec.defaultResolution, errors);
  const only = spec.highResolutionDurationsSeconds;
  const isHigh = resolution === '1080p' || resolution === '4k';
  if (only && isHigh && durationSeconds !== undefined && !only.includes(durationSeconds))
    errors.push({
      field,
      detail: `is ${resolution}, which is made at ${only.join(', ')} seconds only; durationSeconds is ${durationSeconds}.`,
    });
  const extendable = spec.extension?.resolutions;
  const isExtended = mode === 'extension' || extensions !== undefined;
  if (extendable && isExtended && resolution && !extendable.includes(resolution)) {
    const cause = mode === 'extension' ? 'video' : 'extensions';
    const detail = `is ${resolution}, which extensions do not make; with ${cause} it must be ${extendable.join(' or ')}.`;
    errors.push({ field, detail });
  }
  return resolution;
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
      detail: `is ${sampleCount}; with extensions it must be 1, because each extends one video.`,
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
  const { addsSeconds, defaultAddsSeconds } = spec.extension ?? NO_EXTENSION;
  if (!spec.extension) errors.push({ field: 'extensions', detail: `are not taken by ${spec.model}.` });
  return extensions.map((link, n) => {
    checkLinkPrompt(`extensions.${n}.prompt`, link.prompt, prompt, spec, errors);
    const requested = spec.extension ? link.durationSeconds : undefined;
    const durationSeconds = oneOf(
      `extensions.${n}.durationSeconds`,
      requested,
      addsSeconds,
      defaultAddsSeconds,
      errors,
    );
    return { prompt: link.prompt, durationSeconds: durationSeconds ?? defaultAddsSeconds };
  });
}

/** The provider would refuse the prompt too, but only after the links before it were paid. */
function checkLinkPrompt(
  field: string,
  own: string | undefined,
  prompt: string | undefined,
  spec: VideoModelSpec,
  errors: FieldError[],
): void {
  const text = own ?? prompt;
  if (own?.trim() === '')
    errors.push({ field, detail: 'is empty; leave it out to continue with the prompt of the request.' });
  else if (text !== undefined) checkLength(field, text, spec, errors);
  else if (spec.needsPrompt)
    errors.push({ field, detail: `is required by ${spec.model} where the request has no prompt.` });
}

function refuseUntaken(body: RequestBody, spec: VideoModelSpec, errors: FieldError[]): void {
  for (const field of OPTIONAL_FIELDS) {
    if (body[field] === undefined || spec.takes.has(field)) continue;
    errors.push({ field, detail: `is not taken by ${spec.model} of provider ${spec.provider}.` });
  }
}
