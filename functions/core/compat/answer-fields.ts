/**
 * The fields of the answers of Google's surfaces, by method and path: those that Google documents for the message, whether
 * or not an answer has them. A partial response (`fields=`) that names another one is refused, as Google does it.
 */
import type { FieldMask } from './field-mask.ts';

/** `value` has no fields. `any` is a `google.protobuf.Any` or a struct, whose fields only the answer knows. */
type Type = Message | 'value' | 'any';
interface Message {
  readonly [field: string]: Type;
}

const values = (...names: readonly string[]): Message =>
  Object.fromEntries(names.map((name) => [name, 'value']));
const any = (...names: readonly string[]): Message => Object.fromEntries(names.map((name) => [name, 'any']));

const STATUS: Message = { ...values('code', 'message'), details: 'any' };
const OPERATION: Message = { ...values('name', 'done'), ...any('metadata', 'response'), error: STATUS };
const FILE: Message = {
  ...values('name', 'displayName', 'mimeType', 'sizeBytes', 'createTime', 'updateTime', 'expirationTime'),
  ...values('sha256Hash', 'uri', 'downloadUri', 'state', 'source'),
  error: STATUS,
  videoMetadata: values('videoDuration'),
};
const MODEL: Message = {
  ...values('name', 'baseModelId', 'version', 'displayName', 'description', 'inputTokenLimit'),
  ...values('outputTokenLimit', 'supportedGenerationMethods', 'thinking', 'temperature', 'maxTemperature'),
  ...values('topP', 'topK'),
};
const PUBLISHER_MODEL: Message = {
  ...values('name', 'versionId', 'openSourceCategory', 'launchStage', 'versionState', 'frameworks'),
  ...values('publisherModelTemplate'),
  ...any('parent', 'supportedActions', 'predictSchemata'),
};
/** Google's own answer is passed on. Deeper messages have too many fields, and Google adds to them. */
const CONTENT: Message = {
  ...values('modelVersion', 'responseId', 'createTime'),
  ...any('promptFeedback', 'usageMetadata', 'modelStatus'),
  candidates: {
    ...values('finishReason', 'finishMessage', 'index', 'tokenCount', 'avgLogprobs', 'score'),
    ...any('safetyRatings', 'citationMetadata', 'groundingAttributions', 'groundingMetadata'),
    ...any('logprobsResult', 'urlContextMetadata', 'urlRetrievalMetadata', 'continuationToken'),
    content: {
      role: 'value',
      parts: {
        ...values('text', 'thought', 'thoughtSignature'),
        inlineData: values('mimeType', 'data', 'displayName'),
        fileData: values('mimeType', 'fileUri', 'displayName'),
        ...any('functionCall', 'functionResponse', 'toolCall', 'toolResponse', 'executableCode'),
        ...any('codeExecutionResult', 'videoMetadata', 'mediaResolution', 'partMetadata'),
        ...any('audioTranscription', 'mediaProcessing', 'speechMetadata'),
      },
    },
  },
};
const PREDICTIONS: Message = {
  ...values('deployedModelId', 'model', 'modelVersionId', 'modelDisplayName'),
  ...any('predictions', 'metadata'),
};
const listOf = (field: string, type: Type): Message => ({ nextPageToken: 'value', [field]: type });

const ANSWERS: readonly (readonly ['GET' | 'POST', RegExp, Message])[] = [
  ['POST', /\/operations\/[^/]+:cancel$/, {}],
  ['POST', /:(?:predictLongRunning|fetchPredictOperation)$/, OPERATION],
  ['POST', /:generateContent$/, CONTENT],
  ['POST', /:predict$/, PREDICTIONS],
  ['GET', /\/models\/[^/]+\/operations$/, { ...listOf('operations', OPERATION), unreachable: 'value' }],
  ['GET', /\/models\/[^/]+\/operations\/[^/:]+$/, OPERATION],
  ['GET', /^\/v\w+\/files$/, listOf('files', FILE)],
  ['GET', /^\/v\w+\/files\/[^/:]+$/, FILE],
  ['GET', /\/publishers\/google\/models$/, listOf('publisherModels', PUBLISHER_MODEL)],
  ['GET', /\/publishers\/google\/models\/[^/:]+$/, PUBLISHER_MODEL],
  ['GET', /^\/v1(?:beta)?\/models$/, listOf('models', MODEL)],
  ['GET', /^\/v1(?:beta)?\/models\/[^/:]+$/, MODEL],
  ['GET', /\/tunedModels$/, listOf('tunedModels', 'any')],
  ['GET', /^\/v\w+\/(?:projects\/[^/]+\/locations\/[^/]+\/)?models$/, listOf('models', 'any')],
];

/**
 * The first selected field that the answer to this request cannot have, as a path with dots. Undefined if there is none, or
 * if the path has no answer in JSON.
 */
export function unknownFieldOf(method: string, path: string, mask: FieldMask): string | undefined {
  const [, , message] =
    ANSWERS.find(([of, pattern]) => of === (method === 'HEAD' ? 'GET' : method) && pattern.test(path)) ?? [];
  return message && unknownIn(message, mask);
}

function unknownIn(message: Message, mask: FieldMask): string | undefined {
  for (const [name, below] of Object.entries(mask)) {
    const isEvery = name === '*';
    // `*` selects the field in whatever message has it.
    const types = isEvery ? Object.values(message) : Object.hasOwn(message, name) ? [message[name]] : [];
    if (types.length === 0 && !(isEvery && below === undefined)) return name;
    if (below === undefined || types.includes('any')) continue;
    const found = types.map((type) =>
      typeof type === 'object' ? unknownIn(type, below) : Object.keys(below)[0],
    );
    const [first] = found;
    if (first !== undefined && found.every((each) => each !== undefined)) return `${name}.${first}`;
  }
  return undefined;
}
