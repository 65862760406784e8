/** Validates and parses the body of `predictLongRunning`. `generation-settings.ts` checks the limits of the model. */
import type { Surface } from '../catalogue.ts';
import { fieldViolation, invalid } from '../http/google-error.ts';
import { isObject } from '../http/router.ts';
import { type GcsLocation, parseGsUri } from './object-store.ts';

export type MediaSource =
  | { readonly kind: 'inline'; readonly field: string; readonly bytes: Buffer; readonly mimeType: string }
  | {
      readonly kind: 'gcs';
      readonly field: string;
      readonly uri: string;
      readonly location: GcsLocation;
      readonly mimeType: string;
    }
  /** A generated file of the Developer API. */
  | { readonly kind: 'file'; readonly field: string; readonly fileId: string };

export interface PredictInstance {
  readonly prompt: string;
  readonly image: MediaSource | undefined;
  readonly lastFrame: MediaSource | undefined;
  readonly referenceImages: readonly MediaSource[];
  readonly video: MediaSource | undefined;
}

export interface PredictRequest {
  readonly instance: PredictInstance;
  /** Contains known names only; the values are not validated yet. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

type Json = Readonly<Record<string, unknown>>;

const TOP_LEVEL: Readonly<Record<Surface, readonly string[]>> = {
  vertex: ['instances', 'parameters', 'labels'],
  developer: ['instances', 'parameters', 'webhookConfig'],
};
const INSTANCE_FIELDS = ['prompt', 'image', 'lastFrame', 'referenceImages', 'video'];
const COMMON_PARAMETERS = [
  'aspectRatio',
  'durationSeconds',
  'enhancePrompt',
  'negativePrompt',
  'personGeneration',
  'resolution',
  'sampleCount',
  'seed',
];
const PARAMETERS: Readonly<Record<Surface, readonly string[]>> = {
  vertex: [
    ...COMMON_PARAMETERS,
    'compressionQuality',
    'fps',
    'generateAudio',
    'pubsubTopic',
    'resizeMode',
    'storageUri',
  ],
  developer: COMMON_PARAMETERS,
};

/** @throws GoogleError INVALID_ARGUMENT that names the field */
export function parsePredictRequest(surface: Surface, body: Json): PredictRequest {
  refuseUnknown(surface, body, '', TOP_LEVEL[surface]);
  const {
    instances,
    parameters = {},
    labels,
  } = {
    instances: body['instances'],
    parameters: body['parameters'],
    labels: body['labels'],
  };
  if (!Array.isArray(instances) || instances.length === 0) {
    return invalid('instances is required and must hold one instance.', [
      fieldViolation('instances', 'required'),
    ]);
  }
  if (instances.length > 1) return invalid('Only one instance is supported per request.');
  const instance: unknown = instances[0];
  if (!isObject(instance)) return invalid("Invalid value at 'instances[0]': must be an object.");
  if (!isObject(parameters)) return invalid("Invalid value at 'parameters': must be an object.");
  refuseUnknown(surface, parameters, 'parameters', PARAMETERS[surface]);
  checkLabels(labels);
  checkWebhook(body['webhookConfig']);
  return { instance: parseInstance(surface, instance), parameters };
}

function parseInstance(surface: Surface, instance: Json): PredictInstance {
  refuseUnknown(surface, instance, 'instances[0]', INSTANCE_FIELDS);
  const prompt = instance['prompt'] ?? '';
  if (typeof prompt !== 'string') return invalid("Invalid value at 'instances[0].prompt' (TYPE_STRING).");
  const references = instance['referenceImages'] ?? [];
  if (!Array.isArray(references))
    return invalid("Invalid value at 'instances[0].referenceImages': must be a list.");
  return {
    prompt,
    image: parseImage(surface, instance['image'], 'instances[0].image'),
    lastFrame: parseImage(surface, instance['lastFrame'], 'instances[0].lastFrame'),
    referenceImages: references.map((item: unknown, i) =>
      parseReference(surface, item, `instances[0].referenceImages[${i}]`),
    ),
    video: parseVideo(surface, instance['video']),
  };
}

function parseReference(surface: Surface, value: unknown, field: string): MediaSource {
  if (!isObject(value)) return invalid(`Invalid value at '${field}': must be an object.`);
  refuseUnknown(surface, value, field, ['image', 'referenceType']);
  const type = value['referenceType'];
  if (typeof type !== 'string' || type.toLowerCase() !== 'asset') {
    return invalid(`Unsupported reference type at '${field}.referenceType'; supported types are [asset].`);
  }
  return parseImage(surface, value['image'], `${field}.image`) ?? invalid(`'${field}.image' is required.`);
}

function parseImage(surface: Surface, value: unknown, field: string): MediaSource | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value)) return invalid(`Invalid value at '${field}': must be an object.`);
  const sources = surface === 'vertex' ? ['bytesBase64Encoded', 'gcsUri'] : ['bytesBase64Encoded'];
  refuseUnknown(surface, value, field, [...sources, 'mimeType']);
  return parseBytesOrUri(value, field, 'bytesBase64Encoded', 'gcsUri', 'mimeType');
}

function parseVideo(surface: Surface, value: unknown): MediaSource | undefined {
  const field = 'instances[0].video';
  if (value === undefined) return undefined;
  if (!isObject(value)) return invalid(`Invalid value at '${field}': must be an object.`);
  if (surface === 'vertex') {
    refuseUnknown(surface, value, field, ['bytesBase64Encoded', 'gcsUri', 'mimeType']);
    return parseBytesOrUri(value, field, 'bytesBase64Encoded', 'gcsUri', 'mimeType');
  }
  refuseUnknown(surface, value, field, ['encodedVideo', 'encoding', 'uri']);
  const uri = value['uri'];
  if (uri === undefined) return parseBytesOrUri(value, field, 'encodedVideo', undefined, 'encoding');
  const fileId = typeof uri === 'string' ? /\/?files\/([a-z0-9]+)/.exec(uri)?.[1] : undefined;
  return fileId === undefined
    ? invalid(`Invalid value at '${field}.uri': must be the URI of a generated video.`)
    : { kind: 'file', field, fileId };
}

function parseBytesOrUri(
  value: Json,
  field: string,
  bytesName: string,
  uriName: string | undefined,
  typeName: string,
): MediaSource {
  const encoded = value[bytesName];
  const uri = uriName === undefined ? undefined : value[uriName];
  if ((encoded === undefined) === (uri === undefined)) {
    return invalid(`'${field}' needs exactly one of ${[bytesName, uriName].filter(Boolean).join(', ')}.`);
  }
  const mimeType = value[typeName];
  if (typeof mimeType !== 'string') return invalid(`'${field}.${typeName}' is required.`);
  if (uri === undefined)
    return { kind: 'inline', field, bytes: decodeBase64(encoded, `${field}.${bytesName}`), mimeType };
  const location = typeof uri === 'string' ? parseGsUri(uri) : undefined;
  if (typeof uri !== 'string' || location === undefined || location.name === '') {
    return invalid(`Invalid value at '${field}.${uriName}': must be gs://BUCKET/OBJECT.`);
  }
  return { kind: 'gcs', field, uri, location, mimeType };
}

/** @throws GoogleError when the value is empty or is not base64 */
export function decodeBase64(value: unknown, field: string): Buffer {
  const failed = (): never =>
    invalid(`Invalid value at '${field}' (TYPE_BYTES), Base64 decoding failed.`, [
      fieldViolation(field, 'not base64'),
    ]);
  if (typeof value !== 'string' || value === '') return failed();
  const bytes = Buffer.from(value, 'base64');
  // Buffer.from skips invalid characters: then it returns fewer bytes than the length of the text implies.
  const unpadded = value.replace(/={1,2}$/, '').length;
  return bytes.length === Math.floor((unpadded * 3) / 4) ? bytes : failed();
}

/** Accepted and never called: the simulation calls only the webhooks of interactions. */
function checkWebhook(config: unknown): void {
  if (config === undefined) return;
  if (!isObject(config)) invalid("Invalid value at 'webhook_config': must be an object.");
  refuseUnknown('vertex', config, 'webhook_config', ['uris', 'userMetadata']);
  const uris = config['uris'] ?? [];
  if (Array.isArray(uris) && uris.every((uri) => typeof uri === 'string' && URL.canParse(uri))) return;
  invalid("Invalid value at 'webhook_config.uris': must be a list of URIs.");
}

const LABEL_KEY = /^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$/u;
const LABEL_VALUE = /^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$/u;

/** @throws GoogleError */
export function checkLabels(labels: unknown): void {
  if (labels === undefined) return;
  if (!isObject(labels)) invalid("Invalid value at 'labels': must be a map of strings.");
  for (const [key, value] of Object.entries(labels)) {
    if (!LABEL_KEY.test(key) || typeof value !== 'string' || !LABEL_VALUE.test(value)) {
      invalid(`Invalid label "${key}": keys and values are lower-case letters, digits, - and _, at most 63.`);
    }
  }
}

/** @throws GoogleError that names the first field of `value` that is not in `known` */
export function refuseUnknown(surface: Surface, value: Json, path: string, known: readonly string[]): void {
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue;
    if (surface === 'developer' && path !== '') invalid(unsupported(name));
    const place = path === '' ? '' : ` at '${path}'`;
    const message = `Invalid JSON payload received. Unknown name "${name}"${place}: Cannot find field.`;
    invalid(message, [fieldViolation(path, message)]);
  }
}

/** The Developer API's message for a field or value that a model does not support. */
export const unsupported = (name: string): string =>
  `\`${name}\` isn't supported by this model. Please remove it or refer to the Gemini API documentation ` +
  'for supported usage.';
