/** Validates and parses the body of `generateContent` for an image model. */
import type { Surface } from '../catalogue.ts';
import { fieldViolation, invalid } from '../http/google-error.ts';
import { isObject } from '../http/router.ts';
import { parseGsUri } from '../operation/object-store.ts';
import { checkLabels, decodeBase64, type MediaSource } from '../operation/predict-request.ts';
import { checkSeed } from '../veo/generation-settings.ts';
import type { GeminiImageModel } from './image-catalogue.ts';
import { checkOutputType, oneOf } from './image-settings.ts';

export interface ContentRequest {
  /** The text of the last turn. */
  readonly prompt: string;
  /** The number of characters in all turns. */
  readonly textLength: number;
  /** The images of all turns, oldest first. */
  readonly images: readonly MediaSource[];
  readonly wantsText: boolean;
  readonly aspectRatio: string | undefined;
  readonly size: string | undefined;
  readonly seed: number | undefined;
}

type Json = Readonly<Record<string, unknown>>;

const TOP_LEVEL = [
  'contents',
  'generationConfig',
  'safetySettings',
  'systemInstruction',
  'tools',
  'toolConfig',
];
const GENERATION_CONFIG = [
  'candidateCount',
  'frequencyPenalty',
  'imageConfig',
  'maxOutputTokens',
  'mediaResolution',
  'presencePenalty',
  'responseMimeType',
  'responseModalities',
  'seed',
  'stopSequences',
  'temperature',
  'thinkingConfig',
  'topK',
  'topP',
];
const IMAGE_CONFIG: Readonly<Record<Surface, readonly string[]>> = {
  vertex: ['aspectRatio', 'imageSize', 'personGeneration', 'imageOutputOptions', 'prominentPeople'],
  developer: ['aspectRatio', 'imageSize', 'personGeneration'],
};
const PART = ['text', 'inlineData', 'fileData', 'mediaResolution', 'thought', 'thoughtSignature'];
const LEARN_MORE = 'Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini';

/** @throws GoogleError INVALID_ARGUMENT */
export function parseContentRequest(surface: Surface, model: GeminiImageModel, body: Json): ContentRequest {
  const top = fields(body, '', surface === 'vertex' ? [...TOP_LEVEL, 'labels'] : TOP_LEVEL);
  checkLabels(top['labels']);
  const turns = parseContents(surface, top['contents']);
  const config = fields(top['generationConfig'] ?? {}, 'generation_config', GENERATION_CONFIG);
  const image = fields(config['imageConfig'] ?? {}, 'generation_config.image_config', IMAGE_CONFIG[surface]);
  if (config['candidateCount'] !== undefined && config['candidateCount'] !== 1) {
    invalid(`Multiple candidates is not enabled for models/${model.id}`);
  }
  checkImageConfig(image);
  const images = turns.flatMap((turn) => turn.images);
  if (images.length > model.maxInputImages) {
    invalid(
      `The model ${model.id} supports up to ${model.maxInputImages} input images; got ${images.length}.`,
    );
  }
  return {
    prompt: turns.at(-1)?.text ?? '',
    textLength: turns.reduce((sum, turn) => sum + turn.text.length, 0),
    images,
    wantsText: checkModalities(model, config['responseModalities']),
    aspectRatio: oneOf(model.id, 'aspect ratio', image['aspectRatio'], model.aspectRatios),
    size: oneOf(model.id, 'image size', image['imageSize'], model.sizes),
    seed: checkSeed(config['seed']),
  };
}

interface Turn {
  readonly text: string;
  readonly images: readonly MediaSource[];
}

function parseContents(surface: Surface, value: unknown): readonly Turn[] {
  const contents: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  if (contents.length === 0) {
    return invalid(
      surface === 'vertex'
        ? `Unable to submit request because at least one contents field is required. ${LEARN_MORE}`
        : '* GenerateContentRequest.contents: contents is not specified\n',
    );
  }
  let lastRole: unknown;
  const turns = contents.map((item, i) => {
    const content = fields(item, `contents[${i}]`, ['role', 'parts']);
    lastRole = content['role'] ?? (surface === 'developer' ? 'user' : undefined);
    if (lastRole !== 'user' && lastRole !== 'model') return invalid('Please use a valid role: user, model.');
    return parseTurn(surface, content['parts'], i);
  });
  if (lastRole !== 'user') return invalid('Please ensure that multiturn requests end with a user role.');
  return turns;
}

function parseTurn(surface: Surface, value: unknown, turn: number): Turn {
  if (!Array.isArray(value) || value.length === 0) {
    return invalid(
      surface === 'vertex'
        ? `Unable to submit request because it must include at least one parts field, which describes the prompt input. ${LEARN_MORE}`
        : `* GenerateContentRequest.contents[${turn}].parts: contents.parts must not be empty.\n`,
    );
  }
  const texts: string[] = [];
  const images: MediaSource[] = [];
  for (const [i, item] of value.entries()) {
    const path = `contents[${turn}].parts[${i}]`;
    const part = fields(item, path, PART);
    const [kind, ...others] = ['text', 'inlineData', 'fileData'].filter((name) => part[name] !== undefined);
    if (others.length > 0) return invalid(`Invalid value at '${path}': oneof field 'data' is already set.`);
    if (kind === 'inlineData') images.push(parseInline(part[kind], path));
    else if (kind === 'fileData') images.push(parseFile(surface, part[kind], path));
    else texts.push(parseText(surface, part['text'], path));
  }
  return { text: texts.join('\n'), images };
}

function parseText(surface: Surface, value: unknown, path: string): string {
  if (value !== undefined && typeof value !== 'string') {
    return invalid(`Invalid value at '${path}.text' (TYPE_STRING), ${JSON.stringify(value)}`);
  }
  if (value !== undefined && value !== '') return value;
  return invalid(
    surface === 'vertex'
      ? `Unable to submit request because it has an empty text parameter. Add a value to the parameter and try again. ${LEARN_MORE}`
      : `* GenerateContentRequest.${path}.data: required oneof field 'data' must have one initialized field\n`,
  );
}

function parseInline(value: unknown, path: string): MediaSource {
  const blob = fields(value, `${path}.inline_data`, ['mimeType', 'data', 'displayName']);
  const field = `${path}.inline_data`;
  const mimeType = requireMimeType(blob['mimeType']);
  return { kind: 'inline', field, bytes: decodeBase64(blob['data'], `${field}.data`), mimeType };
}

function parseFile(surface: Surface, value: unknown, path: string): MediaSource {
  const field = `${path}.file_data`;
  const file = fields(value, field, ['mimeType', 'fileUri', 'displayName']);
  const uri = file['fileUri'];
  // The Developer API accepts URIs of its Files API here; this server has no uploads to it.
  const location = surface === 'vertex' && typeof uri === 'string' ? parseGsUri(uri) : undefined;
  if (typeof uri !== 'string' || location === undefined || location.name === '') {
    return invalid(`Invalid or unsupported file uri: ${typeof uri === 'string' ? uri : ''}`);
  }
  return { kind: 'gcs', field, uri, location, mimeType: requireMimeType(file['mimeType']) };
}

function requireMimeType(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  return invalid(
    `Unable to submit request because it must have a mimeType parameter. Add a value to the parameter and try again. ${LEARN_MORE}`,
  );
}

/** Whether the reply contains text beside the image: unless the request lists IMAGE only. */
function checkModalities(model: GeminiImageModel, value: unknown): boolean {
  if (value === undefined) return true;
  if (!Array.isArray(value)) return invalid("Invalid value at 'generation_config.response_modalities'.");
  const modalities = value.map((item: unknown) => (typeof item === 'string' ? item.toUpperCase() : ''));
  for (const [i, modality] of modalities.entries()) {
    if (['TEXT', 'IMAGE', 'AUDIO', 'VIDEO'].includes(modality)) continue;
    const path = `generation_config.response_modalities[${i}]`;
    return invalid(
      `Invalid value at '${path}' (type.googleapis.com/google.ai.generativelanguage.v1beta.GenerationConfig.Modality), ${JSON.stringify(value[i])}`,
    );
  }
  const isPossible = modalities.every((modality) => modality === 'TEXT' || modality === 'IMAGE');
  if (modalities.length === 0) return true;
  if (isPossible && modalities.includes('IMAGE')) return modalities.includes('TEXT');
  return invalid(
    `The requested combination of response modalities (${modalities.join(', ')}) is not supported by the model. ` +
      `models/${model.id} accepts the following combination of response modalities:\n* IMAGE\n* TEXT, IMAGE\n`,
  );
}

function checkImageConfig(image: Json): void {
  const people = image['personGeneration'];
  if (people !== undefined && !['ALLOW_ALL', 'ALLOW_ADULT', 'ALLOW_NONE'].includes(String(people))) {
    const path = 'generation_config.image_config.person_generation';
    invalid(`Invalid value at '${path}', ${JSON.stringify(people)}`, [fieldViolation(path, 'unknown value')]);
  }
  const output = image['imageOutputOptions'];
  if (output === undefined) return;
  const path = 'generation_config.image_config.image_output_options';
  checkOutputType(fields(output, path, ['mimeType', 'compressionQuality'])['mimeType']);
}

/** Returns the object with camel-case names. Like all of Google's JSON APIs, it also accepts snake case. */
function fields(value: unknown, path: string, known: readonly string[]): Json {
  if (!isObject(value)) return invalid(`Invalid value at '${path}': must be an object.`);
  const out: Record<string, unknown> = {};
  for (const [written, content] of Object.entries(value)) {
    const name = written.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (!known.includes(name)) {
      const place = path === '' ? '' : ` at '${path}'`;
      const message = `Invalid JSON payload received. Unknown name "${written}"${place}: Cannot find field.`;
      return invalid(message, [fieldViolation(path, message)]);
    }
    out[name] = content;
  }
  return out;
}
