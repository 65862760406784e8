/**
 * From the body of `POST /v1/jobs` to a request with every default settled, or to the list of what is wrong with it.
 * Everything is checked before anything is written or paid; a parameter that the model does not take is refused by
 * name, never dropped.
 */
import { z } from 'zod';
import {
  DEFAULT_MODEL,
  findModel,
  isRetired,
  MODELS,
  type ModelSpec,
  type OptionalParameter,
  resolutionsOf,
} from './catalogue.ts';
import { decodeBase64, IMAGE_BYTES_MAX, type ImageMimeType, sniffImage } from './image.ts';
import type { VideoRequest } from './job.ts';
import { type FieldError, invalidRequest } from './problem.ts';

const imageMimeType = z.enum(['image/png', 'image/jpeg']);
const imageSchema = z.union(
  [
    z.strictObject({
      gcsUri: z.string().regex(/^gs:\/\/[^/]+\/.+$/, 'must be gs://bucket/name'),
      mimeType: imageMimeType,
    }),
    z.strictObject({ bytesBase64Encoded: z.string().min(1), mimeType: imageMimeType }),
  ],
  'must be {gcsUri, mimeType} or {bytesBase64Encoded, mimeType} with mimeType image/png or image/jpeg',
);

const bodySchema = z.strictObject({
  prompt: z.string().optional(),
  model: z.string().optional(),
  provider: z.enum(['vertex', 'gemini']).optional(),
  image: imageSchema.optional(),
  lastFrame: imageSchema.optional(),
  durationSeconds: z.int().optional(),
  aspectRatio: z.string().optional(),
  resolution: z.string().optional(),
  sampleCount: z.int().optional(),
  generateAudio: z.boolean().optional(),
  seed: z.int().min(0).max(4_294_967_295).optional(),
  negativePrompt: z.string().optional(),
  enhancePrompt: z.boolean().optional(),
  personGeneration: z.string().optional(),
  resizeMode: z.enum(['pad', 'crop']).optional(),
  compressionQuality: z.enum(['optimized', 'lossless']).optional(),
});
type Body = z.infer<typeof bodySchema>;

/** A picture as it was given: in a bucket already, or as bytes still to be put there. */
export type GivenImage =
  | { readonly gcsUri: string; readonly mimeType: ImageMimeType }
  | { readonly bytes: Uint8Array; readonly mimeType: ImageMimeType };

export interface ParsedRequest {
  readonly spec: ModelSpec;
  /** Without its pictures: they are given places in the input bucket first. */
  readonly request: Omit<VideoRequest, 'image' | 'lastFrame'>;
  readonly image: GivenImage | undefined;
  readonly lastFrame: GivenImage | undefined;
}

export interface RequestRules {
  /** `YYYY-MM-DD`, UTC. */
  readonly today: string;
  /** Retired models run all the same: for the simulated ones. */
  readonly allowRetired: boolean;
  /** Whether our identity may read this `gs://` name for this caller. */
  readonly mayRead: (gcsUri: string) => boolean;
}

/** @throws ProblemError 400 naming every field that is wrong */
export function parseRequest(body: unknown, rules: RequestRules): ParsedRequest {
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) throw invalidRequest(parsed.error.issues.flatMap(fieldErrors));
  const errors: FieldError[] = [];
  const spec = modelOf(parsed.data, rules, errors);
  if (!spec) throw invalidRequest(errors);
  const image = imageOf('image', parsed.data.image, spec, rules, errors);
  const lastFrame = imageOf('lastFrame', parsed.data.lastFrame, spec, rules, errors);
  const request = settle(parsed.data, spec, errors);
  if (errors.length > 0 || !request) throw invalidRequest(errors);
  return { spec, request, image, lastFrame };
}

function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      field: [...issue.path, key].join('.'),
      detail: 'is not a field of a job request; see the README for the fields.',
    }));
  }
  return [{ field: issue.path.join('.'), detail: sentence(issue.message) }];
}

const sentence = (text: string): string => (text.endsWith('.') ? text : `${text}.`);

function modelOf(
  { model = DEFAULT_MODEL, provider }: Body,
  rules: RequestRules,
  errors: FieldError[],
): ModelSpec | undefined {
  const spec = findModel(model, provider);
  if (!spec) {
    const known = MODELS.filter((each) => !isRetired(each, rules.today)).map((each) => each.model);
    const where = provider === undefined ? '' : ` of provider ${provider}`;
    errors.push({
      field: 'model',
      detail: `'${model}' is not a known model${where}; known: ${known.join(', ')}.`,
    });
    return undefined;
  }
  if (spec.retirement && isRetired(spec, rules.today) && !rules.allowRetired) {
    const { date, replacement } = spec.retirement;
    errors.push({ field: 'model', detail: `'${model}' was retired on ${date}; use ${replacement}.` });
    return undefined;
  }
  return spec;
}

function settle(body: Body, spec: ModelSpec, errors: FieldError[]): ParsedRequest['request'] | undefined {
  refuseUntaken(body, spec, errors);
  const prompt = body.prompt?.trim() === '' ? undefined : body.prompt;
  if (prompt === undefined && !body.image) {
    errors.push({ field: 'prompt', detail: 'is required unless an image is given.' });
  }
  if (prompt !== undefined && prompt.length > spec.promptCharactersMax) {
    errors.push({
      field: 'prompt',
      detail: `has ${prompt.length} characters; ${spec.model} takes ${spec.promptCharactersMax}.`,
    });
  }
  if (body.lastFrame && !body.image)
    errors.push({ field: 'lastFrame', detail: 'needs image, the first frame.' });
  if (body.lastFrame && !spec.lastFrame)
    errors.push({ field: 'lastFrame', detail: `is not taken by ${spec.model}.` });

  const durationSeconds = oneOf(
    'durationSeconds',
    body.durationSeconds,
    spec.durationsSeconds,
    spec.defaultDurationSeconds,
    errors,
  );
  const resolution = oneOf('resolution', body.resolution, resolutionsOf(spec), '720p', errors);
  const aspectRatio = oneOf('aspectRatio', body.aspectRatio, spec.aspectRatios, '16:9', errors);
  const personGeneration =
    body.personGeneration === undefined
      ? undefined
      : oneOf('personGeneration', body.personGeneration, spec.personGeneration, 'allow_adult', errors);
  const sampleCount = body.sampleCount ?? 1;
  if (sampleCount < 1 || sampleCount > spec.sampleCountMax) {
    const range = spec.sampleCountMax === 1 ? 'only 1' : `1 to ${spec.sampleCountMax}`;
    errors.push({ field: 'sampleCount', detail: `is ${sampleCount}; ${spec.model} makes ${range}.` });
  }
  const only = spec.highResolutionDurationsSeconds;
  if (
    only &&
    resolution !== undefined &&
    resolution !== '720p' &&
    durationSeconds !== undefined &&
    !only.includes(durationSeconds)
  ) {
    errors.push({ field: 'resolution', detail: `${resolution} is made at ${only.join(', ')} seconds only.` });
  }
  if (
    errors.length > 0 ||
    durationSeconds === undefined ||
    resolution === undefined ||
    aspectRatio === undefined
  )
    return undefined;
  const { seed, negativePrompt, enhancePrompt, resizeMode, compressionQuality } = body;
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
    ...{ seed, negativePrompt, enhancePrompt, personGeneration, resizeMode, compressionQuality },
  };
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

function refuseUntaken(body: Body, spec: ModelSpec, errors: FieldError[]): void {
  for (const field of OPTIONAL) {
    if (body[field] === undefined || spec.takes.has(field)) continue;
    errors.push({ field, detail: `is not taken by ${spec.model} of provider ${spec.provider}.` });
  }
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

function imageOf(
  field: string,
  given: z.infer<typeof imageSchema> | undefined,
  spec: ModelSpec,
  rules: RequestRules,
  errors: FieldError[],
): GivenImage | undefined {
  if (!given) return undefined;
  if ('gcsUri' in given) {
    if (!rules.mayRead(given.gcsUri)) {
      const detail = 'is not in a bucket and folder that this caller may read from.';
      errors.push({ field: `${field}.gcsUri`, detail });
    }
    return given;
  }
  const bytes = decodeBase64(given.bytesBase64Encoded);
  const at = `${field}.bytesBase64Encoded`;
  if (!bytes) errors.push({ field: at, detail: 'is not base64.' });
  else if (bytes.length > IMAGE_BYTES_MAX) {
    errors.push({ field: at, detail: `has ${bytes.length} bytes; ${spec.model} takes ${IMAGE_BYTES_MAX}.` });
  } else {
    const found = sniffImage(bytes);
    if (found === given.mimeType) return { bytes, mimeType: given.mimeType };
    const detail = `holds ${found ?? 'neither PNG nor JPEG'}, but mimeType says ${given.mimeType}.`;
    errors.push({ field: at, detail });
  }
  return undefined;
}
