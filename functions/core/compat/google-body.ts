/** The body of `:predictLongRunning` as Google's documents write it: its shape, and values as they have been written. */
import { z } from 'zod';
import { isNameWithinLimits, NAME_TOO_LONG } from '../media/object-name.ts';
import { type FieldError, invalidRequest } from '../problem.ts';

/** Google's own clients send numbers, its documents and many programs strings: "8", and "8s". */
const number = z.union(
  [z.number(), z.string().regex(/^\d{1,20}s?$/)],
  'must be a number of 20 digits at most',
);
/** One document of Vertex says yes and no. */
const bool = z.union([z.boolean(), z.enum(['true', 'false', 'yes', 'no'])], 'must be true or false');

/** What is put behind `storageUri`: a slash, the operation's id, and the name of the video. */
const DELIVERED_NAME_BYTES = 64;

const image = z.union(
  [
    z.strictObject({ bytesBase64Encoded: z.string().min(1), mimeType: z.string().optional() }),
    z.strictObject({ gcsUri: z.string().min(1), mimeType: z.string().optional() }),
    z.strictObject({
      inlineData: z.strictObject({ data: z.string().min(1), mimeType: z.string().optional() }),
    }),
  ],
  'must be {bytesBase64Encoded, mimeType}, {gcsUri, mimeType} or {inlineData: {data, mimeType}}',
);
export type GoogleImage = z.infer<typeof image>;

const video = z.union(
  [
    z.strictObject({
      uri: z.string().min(1),
      encoding: z.string().optional(),
      mimeType: z.string().optional(),
    }),
    z.strictObject({ gcsUri: z.string().min(1), mimeType: z.string().optional() }),
    z.strictObject({ bytesBase64Encoded: z.string().min(1), mimeType: z.string().optional() }),
    z.strictObject({ encodedVideo: z.string().min(1), encoding: z.string().optional() }),
    z.strictObject({
      inlineData: z.strictObject({ data: z.string().min(1), mimeType: z.string().optional() }),
    }),
  ],
  'must be {uri} or {encodedVideo} as the Developer API writes it, or {gcsUri} or {bytesBase64Encoded}',
);
export type GoogleVideo = z.infer<typeof video>;

const instance = z.strictObject({
  prompt: z.string().optional(),
  image: image.optional(),
  lastFrame: image.optional(),
  referenceImages: z.array(z.strictObject({ image, referenceType: z.string().optional() })).optional(),
  video: video.optional(),
});

const parameters = z.strictObject({
  sampleCount: number.optional(),
  /** What the SDKs call it; some programs send it as it is. */
  numberOfVideos: number.optional(),
  durationSeconds: number.optional(),
  seed: number.optional(),
  fps: number.optional(),
  aspectRatio: z.string().optional(),
  resolution: z.string().optional(),
  personGeneration: z.string().optional(),
  negativePrompt: z.string().optional(),
  enhancePrompt: bool.optional(),
  generateAudio: bool.optional(),
  storageUri: z
    .string()
    .regex(/^gs:\/\/[^/]+(?:\/.*)?$/, 'must be gs://BUCKET/FOLDER/')
    .refine((folder) => isNameWithinLimits(folder, DELIVERED_NAME_BYTES), NAME_TOO_LONG)
    .optional(),
  pubsubTopic: z.string().optional(),
  compressionQuality: z.string().optional(),
  resizeMode: z.string().optional(),
});

const bodySchema = z.strictObject({
  instances: z.array(instance).length(1, 'must hold one instance: a request is one prompt'),
  parameters: parameters.optional(),
  labels: z.record(z.string(), z.string()).optional(),
  webhookConfig: z.record(z.string(), z.unknown()).optional(),
});
export type GoogleBody = z.infer<typeof bodySchema>;

/** @throws ProblemError 400 naming every field that is wrong */
export function parseGoogleBody(raw: unknown): GoogleBody {
  const parsed = bodySchema.safeParse(withoutNulls(raw));
  if (parsed.success) return parsed.data;
  throw invalidRequest(parsed.error.issues.flatMap(fieldErrors));
}

/** In protocol buffers' JSON a null is a field that is not there. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const present = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(present.map(([key, inner]) => [key, withoutNulls(inner)]));
}

function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      field: pathOf([...issue.path, key]),
      detail:
        key === 'mask'
          ? 'is not taken: masks ended with Veo 2.'
          : `is not a field that this service can carry out${insteadOf(key)}; nothing is dropped in silence.`,
    }));
  }
  return [{ field: pathOf(issue.path), detail: `${issue.message}.` }];
}

/**
 * Instances and parameters are free-form to Google's front end, so that its other spelling of every name, with
 * underscores, is not known to be understood there.
 */
function insteadOf(key: string): string {
  const camelCase = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return camelCase === key ? '' : `; write '${camelCase}'`;
}

const pathOf = (path: readonly PropertyKey[]): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
