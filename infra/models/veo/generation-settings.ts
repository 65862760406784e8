/** Checks a request against the limits of a model: durations, resolutions and combinations of inputs. */
import type { Resolution, Surface, VeoModel } from '../catalogue.ts';
import { invalid } from '../http/google-error.ts';
import { parseGsUri } from '../operation/object-store.ts';
import { type PredictInstance, type PredictRequest, unsupported } from '../operation/predict-request.ts';

/** A request that the model accepts, with its defaults filled in. */
export interface GenerationSettings {
  readonly sampleCount: number;
  /** The duration of the new frames; an extension adds them to its input. */
  readonly durationSeconds: number;
  readonly aspectRatio: '16:9' | '9:16' | undefined;
  readonly resolution: Resolution;
  readonly seed: number | undefined;
  /** `gs://BUCKET[/PREFIX]` without a trailing slash. */
  readonly storageUri: string | undefined;
}

type Parameters = Readonly<Record<string, unknown>>;

/** @throws GoogleError INVALID_ARGUMENT */
export function checkSettings(
  surface: Surface,
  model: VeoModel,
  request: PredictRequest,
): GenerationSettings {
  const { instance, parameters } = request;
  checkInputs(surface, model, instance);
  checkSimpleParameters(surface, parameters);
  if (surface === 'developer') checkDeveloperInputs(instance, parameters);
  const resolution = checkResolution(surface, model, parameters['resolution'], instance);
  return {
    sampleCount: checkSampleCount(parameters['sampleCount']),
    durationSeconds: checkDuration(surface, parameters['durationSeconds'], instance, resolution),
    aspectRatio: checkAspectRatio(parameters['aspectRatio']),
    resolution,
    seed: checkSeed(parameters['seed']),
    storageUri: checkStorageUri(parameters['storageUri']),
  };
}

function checkInputs(surface: Surface, model: VeoModel, instance: PredictInstance): void {
  const { prompt, image, lastFrame, referenceImages, video } = instance;
  const hasReferences = referenceImages.length > 0;
  if (prompt.trim() === '' && image === undefined && video === undefined) {
    invalid('A prompt, an image or a video is required.');
  }
  const refuseFeature = (feature: string): never =>
    invalid(
      surface === 'developer' ? unsupported(feature) : `${feature} is not supported by model ${model.id}.`,
    );
  if (lastFrame !== undefined && !model.hasLastFrame) refuseFeature('lastFrame');
  if (hasReferences && !model.hasReferenceImages) refuseFeature('referenceImages');
  if (video !== undefined && !model.hasExtension) refuseFeature('video');
  if (lastFrame !== undefined && image === undefined) invalid('lastFrame needs image as the first frame.');
  if (referenceImages.length > 3) invalid('At most 3 reference images of type asset are supported.');
  if (hasReferences && prompt.trim() === '') invalid('A prompt is required with reference images.');
  if (hasReferences && image !== undefined) invalid('Image and reference images cannot be both set.');
  if (video !== undefined && (image !== undefined || hasReferences)) {
    invalid('Video and image cannot be both set.');
  }
}

function checkSampleCount(value: unknown): number {
  if (value === undefined) return 1;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 4) return value;
  return invalid('sampleCount must be an integer between 1 and 4, inclusive.');
}

function checkDuration(
  surface: Surface,
  value: unknown,
  instance: PredictInstance,
  resolution: Resolution,
): number {
  const seconds = surface === 'developer' && typeof value === 'string' ? Number(value) : value;
  if (seconds !== undefined && (typeof seconds !== 'number' || !Number.isInteger(seconds))) {
    return invalid(`Invalid value at 'parameters.durationSeconds' (TYPE_INT32), ${JSON.stringify(value)}`);
  }
  return surface === 'vertex'
    ? vertexDuration(seconds, instance)
    : developerDuration(seconds, instance, resolution);
}

function vertexDuration(seconds: number | undefined, instance: PredictInstance): number {
  const [feature, supported]: [string, readonly number[]] =
    instance.video !== undefined
      ? ['video_extension', [7]]
      : instance.referenceImages.length > 0
        ? ['reference_to_video', [8]]
        : [instance.image === undefined ? 'text_to_video' : 'image_to_video', [8, 4, 6]];
  const chosen = seconds ?? supported[0] ?? 8;
  if (supported.includes(chosen)) return chosen;
  return invalid(
    `Unsupported output video duration ${chosen} seconds, supported durations are [${supported.join(',')}] ` +
      `for feature ${feature}.`,
  );
}

/** Extensions, interpolation, reference images, 1080p and 4k require 8 s; an extension still adds 7 s. */
function developerDuration(
  seconds: number | undefined,
  instance: PredictInstance,
  resolution: Resolution,
): number {
  if (instance.video !== undefined) {
    if (seconds === undefined || seconds === 7 || seconds === 8) return 7;
    return invalid('`durationSeconds` must be 8 for video extension.');
  }
  const chosen = seconds ?? 8;
  if (chosen !== 4 && chosen !== 6 && chosen !== 8) {
    return invalid(
      'The number value for `durationSeconds` is out of bound. Please provide a value between 4 and 8, inclusive.',
    );
  }
  const isInterpolation = instance.lastFrame !== undefined;
  const needsEight = instance.referenceImages.length > 0 || isInterpolation || resolution !== '720p';
  if (needsEight && chosen !== 8) {
    return invalid('`durationSeconds` must be 8 with interpolation, reference images, 1080p or 4k.');
  }
  return chosen;
}

function checkResolution(
  surface: Surface,
  model: VeoModel,
  value: unknown,
  instance: PredictInstance,
): Resolution {
  if (value === undefined) return '720p';
  const known = model.resolutions.find((resolution) => resolution === value);
  if (known === undefined) {
    return invalid(
      `Unsupported output resolution ${JSON.stringify(value)}, supported resolutions are [${model.resolutions.join(',')}].`,
    );
  }
  if (surface === 'developer' && instance.video !== undefined && known !== '720p') {
    return invalid('Video extension supports 720p only.');
  }
  return known;
}

function checkAspectRatio(value: unknown): '16:9' | '9:16' | undefined {
  if (value === undefined || value === '16:9' || value === '9:16') return value;
  return invalid(
    `Unsupported aspect ratio ${JSON.stringify(value)}, supported aspect ratios are [16:9,9:16].`,
  );
}

export function checkSeed(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
  return invalid('seed must be an integer between 0 and 4294967295, inclusive.');
}

/** Without a trailing slash. */
export function checkStorageUri(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const location = typeof value === 'string' ? parseGsUri(value) : undefined;
  if (location === undefined) return invalid('storageUri must be gs://BUCKET or gs://BUCKET/PREFIX.');
  const prefix = location.name.replace(/\/+$/, '');
  return prefix === '' ? `gs://${location.bucket}` : `gs://${location.bucket}/${prefix}`;
}

/** The Developer API supports one personGeneration in each mode, and one aspect ratio with reference images. */
function checkDeveloperInputs({ image, referenceImages }: PredictInstance, parameters: Parameters): void {
  const hasReferences = referenceImages.length > 0;
  const people = parameters['personGeneration'];
  const supported = image !== undefined || hasReferences ? 'allow_adult' : 'allow_all';
  if (people !== undefined && people !== supported)
    invalid(`${String(people)} for personGeneration is currently not supported.`);
  if (hasReferences && parameters['aspectRatio'] === '9:16')
    invalid('Aspect ratio 9:16 is not supported with referenceImages.');
}

function checkSimpleParameters(surface: Surface, parameters: Parameters): void {
  const people = parameters['personGeneration'];
  if (people === 'allow_all' && surface === 'vertex') {
    invalid('personGeneration allow_all needs your project to be allowlisted.');
  }
  if (people !== undefined && people !== 'allow_adult' && people !== 'dont_allow' && people !== 'allow_all') {
    invalid(
      `Unsupported personGeneration ${JSON.stringify(people)}, supported values are [allow_adult,dont_allow].`,
    );
  }
  for (const name of ['generateAudio', 'enhancePrompt']) {
    const value = parameters[name];
    if (value !== undefined && typeof value !== 'boolean')
      invalid(`Invalid value at 'parameters.${name}' (TYPE_BOOL).`);
  }
  const negative = parameters['negativePrompt'];
  if (negative !== undefined && typeof negative !== 'string') {
    invalid("Invalid value at 'parameters.negativePrompt' (TYPE_STRING).");
  }
  if (parameters['fps'] !== undefined && parameters['fps'] !== 24)
    invalid('Unsupported fps, supported values are [24].');
  checkEnumValue(parameters, 'compressionQuality', ['optimized', 'lossless']);
  checkEnumValue(parameters, 'resizeMode', ['pad', 'crop']);
  const topic = parameters['pubsubTopic'];
  if (topic !== undefined && (typeof topic !== 'string' || !/^projects\/[^/]+\/topics\/[^/]+$/.test(topic))) {
    invalid('pubsubTopic must be projects/PROJECT/topics/TOPIC.');
  }
}

/** The documents use lower case and the client library sends upper case: both are valid. */
function checkEnumValue(parameters: Parameters, name: string, values: readonly string[]): void {
  const value = parameters[name];
  if (value === undefined || (typeof value === 'string' && values.includes(value.toLowerCase()))) return;
  invalid(`Unsupported ${name} ${JSON.stringify(value)}, supported values are [${values.join(',')}].`);
}
