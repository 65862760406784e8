/** Validates and parses the body of Imagen's `predict`. */
import type { Surface } from '../catalogue.ts';
import { fieldViolation, invalid } from '../http/google-error.ts';
import { isObject } from '../http/router.ts';
import { checkLabels, refuseUnknown } from '../operation/predict-request.ts';
import { checkSeed, checkStorageUri } from '../veo/generation-settings.ts';
import type { ImagenModel } from './image-catalogue.ts';
import { checkOutputType, oneOf } from './image-settings.ts';

export interface ImagenRequest {
  readonly prompt: string;
  readonly sampleCount: number;
  readonly aspectRatio: string;
  readonly size: string;
  readonly seed: number | undefined;
  /** `gs://BUCKET[/PREFIX]` without a trailing slash. */
  readonly storageUri: string | undefined;
  readonly includeRaiReason: boolean;
  readonly includeSafetyAttributes: boolean;
  readonly enhancePrompt: boolean;
}

type Json = Readonly<Record<string, unknown>>;

const TOP_LEVEL: Readonly<Record<Surface, readonly string[]>> = {
  vertex: ['instances', 'parameters', 'labels'],
  developer: ['instances', 'parameters'],
};
const COMMON_PARAMETERS = [
  'aspectRatio',
  'guidanceScale',
  'includeRaiReason',
  'includeSafetyAttributes',
  'language',
  'outputOptions',
  'personGeneration',
  'safetySetting',
  'sampleCount',
  'sampleImageSize',
];
const PARAMETERS: Readonly<Record<Surface, readonly string[]>> = {
  vertex: [...COMMON_PARAMETERS, 'addWatermark', 'enhancePrompt', 'negativePrompt', 'seed', 'storageUri'],
  developer: COMMON_PARAMETERS,
};
const MAX_SAMPLES = 4;

/** @throws GoogleError INVALID_ARGUMENT */
export function parseImagenRequest(surface: Surface, model: ImagenModel, body: Json): ImagenRequest {
  refuseUnknown(surface, body, '', TOP_LEVEL[surface]);
  checkLabels(body['labels']);
  const prompt = parsePrompt(surface, body['instances']);
  const parameters = body['parameters'] ?? {};
  if (!isObject(parameters)) return invalid("Invalid value at 'parameters': must be an object.");
  refuseUnknown(surface, parameters, 'parameters', PARAMETERS[surface]);
  checkEnumValues(parameters);
  checkOutput(parameters['outputOptions']);
  const seed = checkSeed(parameters['seed']);
  const hasWatermark = flag(parameters, 'addWatermark', true);
  if (seed !== undefined && hasWatermark) {
    return invalid(failed('Seed is not supported when watermark is enabled.'));
  }
  if (parameters['negativePrompt'] !== undefined) {
    return invalid(failed(`negativePrompt is not supported by model ${model.id}.`));
  }
  const size = oneOf(model.id, 'sampleImageSize', parameters['sampleImageSize'], model.sizes);
  return {
    prompt,
    sampleCount: checkSampleCount(parameters['sampleCount']),
    aspectRatio: oneOf(model.id, 'aspect ratio', parameters['aspectRatio'], model.aspectRatios) ?? '1:1',
    size: size ?? model.sizes[0] ?? '1K',
    seed,
    storageUri: checkStorageUri(parameters['storageUri']),
    includeRaiReason: flag(parameters, 'includeRaiReason', false),
    includeSafetyAttributes: flag(parameters, 'includeSafetyAttributes', false),
    enhancePrompt: flag(parameters, 'enhancePrompt', true),
  };
}

const failed = (cause: string): string => `Image generation failed with the following error: ${cause}`;

function parsePrompt(surface: Surface, instances: unknown): string {
  if (!Array.isArray(instances) || instances.length === 0) {
    return invalid('instances is required and must hold one instance.', [
      fieldViolation('instances', 'required'),
    ]);
  }
  if (instances.length > 1) return invalid('Only one instance is supported per request.');
  const instance: unknown = instances[0];
  if (!isObject(instance)) return invalid("Invalid value at 'instances[0]': must be an object.");
  refuseUnknown(surface, instance, 'instances[0]', ['prompt']);
  const prompt = instance['prompt'];
  if (typeof prompt !== 'string' || prompt.trim() === '') return invalid(failed('Text prompt is required.'));
  return prompt;
}

/** The default is four. */
function checkSampleCount(value: unknown): number {
  if (value === undefined) return MAX_SAMPLES;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_SAMPLES)
    return value;
  return invalid(
    `${JSON.stringify(value)} is an invalid sampleCount: it must be between 1 and ${MAX_SAMPLES}.`,
  );
}

function flag(parameters: Json, name: string, absent: boolean): boolean {
  const value = parameters[name];
  if (value === undefined) return absent;
  return typeof value === 'boolean' ? value : invalid(`Invalid value at 'parameters.${name}' (TYPE_BOOL).`);
}

const ENUM_PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  personGeneration: ['dont_allow', 'allow_adult', 'allow_all'],
  safetySetting: ['block_low_and_above', 'block_medium_and_above', 'block_only_high', 'block_none'],
  language: ['auto', 'en', 'hi', 'ja', 'ko', 'pt', 'es', 'zh', 'zh-cn', 'zh-tw'],
};

/** The documents use lower case and the client library sends some in upper case: both are valid. */
function checkEnumValues(parameters: Json): void {
  for (const [name, values] of Object.entries(ENUM_PARAMETERS)) {
    const value = parameters[name];
    if (value === undefined || (typeof value === 'string' && values.includes(value.toLowerCase()))) continue;
    invalid(`Unsupported ${name} ${JSON.stringify(value)}, supported values are [${values.join(',')}].`);
  }
  const guidance = parameters['guidanceScale'];
  if (guidance !== undefined && typeof guidance !== 'number') {
    invalid("Invalid value at 'parameters.guidanceScale' (TYPE_FLOAT).");
  }
}

function checkOutput(output: unknown): void {
  if (output === undefined) return;
  if (!isObject(output)) invalid("Invalid value at 'parameters.outputOptions': must be an object.");
  refuseUnknown('vertex', output, 'parameters.outputOptions', ['mimeType', 'compressionQuality']);
  checkOutputType(output['mimeType']);
}
