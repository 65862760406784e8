/** The body of `POST /v1/jobs` as it may be written: types and shapes, with Google's names. Its meaning is in `request.ts`. */
import { z } from 'zod';
import { isNameWithinLimits, NAME_TOO_LONG } from '../media/object-name.ts';
import type { FieldError } from '../problem.ts';

const gcsUri = z
  .string()
  .regex(/^gs:\/\/[^/]+\/.+$/, 'must be gs://bucket/name')
  .refine((uri) => isNameWithinLimits(uri), NAME_TOO_LONG);
const jobId = z.string().regex(/^job_[\w-]{1,64}$/, 'must be the id of a job');
/** An int64, as text or number; all there are have 16 digits. */
export const objectGeneration = z.coerce
  .string()
  .regex(/^\d{1,18}$/, 'must be the generation of an object, digits only');
const imageMimeType = z.enum(['image/png', 'image/jpeg']);
const image = z.union(
  [
    z.strictObject({
      gcsUri,
      mimeType: imageMimeType,
      /** Exactly this one, which the job then has a copy of; otherwise whatever stands there when the model reads it. */
      generation: objectGeneration.optional(),
    }),
    z.strictObject({ bytesBase64Encoded: z.string().min(1), mimeType: imageMimeType }),
  ],
  'must be {gcsUri, mimeType} or {bytesBase64Encoded, mimeType} with mimeType image/png or image/jpeg',
);
export type ImageBody = z.infer<typeof image>;

const video = z.union(
  [
    z.strictObject({ job: jobId, index: z.int().min(0).default(0) }),
    z.strictObject({ gcsUri, mimeType: z.literal('video/mp4').default('video/mp4') }),
  ],
  'must be {job, index} of one of your finished jobs, or {gcsUri} of an MP4',
);
export type VideoBody = z.infer<typeof video>;

const LINKS_MAX = 100;

/** RFC 3339 with an offset; milliseconds since the epoch from here on. */
const instant = z.iso
  .datetime({ offset: true, error: 'must be a time like 2026-11-21T18:00:00Z' })
  .pipe(z.coerce.date())
  .transform((date) => date.getTime());

const requestBodySchema = z.strictObject({
  prompt: z.string().optional(),
  /** Values for `{placeholders}` in prompts. */
  variables: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  model: z.string().optional(),
  provider: z.enum(['vertex', 'gemini', 'omni']).optional(),
  firstFrame: z
    .strictObject({
      prompt: z.string(),
      model: z.string().optional(),
      provider: z.enum(['vertex', 'gemini']).optional(),
      image: image.optional(),
      imageSize: z.string().optional(),
    })
    .optional(),
  image: image.optional(),
  lastFrame: image.optional(),
  referenceImages: z
    .array(
      z.strictObject({ image, referenceType: z.enum(['asset', 'ASSET', 'style', 'STYLE']).default('asset') }),
    )
    .min(1)
    .optional(),
  video: video.optional(),
  task: z.enum(['extend', 'edit', 'upscale']).optional(),
  previousJob: jobId.optional(),
  extensions: z
    .array(z.strictObject({ prompt: z.string().optional(), durationSeconds: z.int().optional() }))
    .min(1)
    // More than any model makes; each is looked at before the length of all is known.
    .max(LINKS_MAX, `may be ${LINKS_MAX} at most`)
    .optional(),
  durationSeconds: z.int().optional(),
  aspectRatio: z.string().optional(),
  resolution: z.string().optional(),
  sampleCount: z.int().optional(),
  generateAudio: z.boolean().optional(),
  // Unsigned 32 bits.
  seed: z.int().min(0).max(4_294_967_295).optional(),
  negativePrompt: z.string().optional(),
  enhancePrompt: z.boolean().optional(),
  personGeneration: z.string().optional(),
  resizeMode: z.enum(['pad', 'crop']).optional(),
  compressionQuality: z.enum(['optimized', 'lossless']).optional(),
  // The only rate there is.
  fps: z.literal(24).optional(),
  // Google Cloud's rules for labels.
  labels: z
    .record(
      z
        .string()
        .regex(
          /^[a-z][a-z0-9_-]{0,62}$/,
          'is no name of a label: a lower-case letter, then at most 62 more, digits, _ and -',
        ),
      z.string().regex(/^[a-z0-9_-]{0,63}$/, 'has to be at most 63 lower-case letters, digits, _ and -'),
    )
    .refine((labels) => Object.keys(labels).length <= 64, 'may be 64 at most')
    .optional(),
  pubsubTopic: z
    .string()
    .regex(/^projects\/[^/]+\/topics\/[^/]+$/, 'must be projects/PROJECT/topics/TOPIC')
    .optional(),
  rerollOnSafety: z.int().min(0).max(5).optional(),
  lane: z.enum(['interactive', 'batch']).optional(),
  startBy: instant.optional(),
  finishBy: instant.optional(),
});
export type RequestBody = z.infer<typeof requestBodySchema>;

const FIELDS: Readonly<Record<string, z.ZodType>> = requestBodySchema.shape;

/** The field of this name, in whatever case: metadata of objects and headers have lost theirs. */
export const requestFieldNamed = (name: string): string | undefined =>
  Object.keys(FIELDS).find((field) => field.toLowerCase() === name.toLowerCase());

/** A field's value from where everything is text: JSON, unless the text itself is what the field takes. */
export function readField(field: string, text: string): unknown {
  if (FIELDS[field]?.safeParse(text).success) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Names of the fields of a request. */
export const REQUEST_FIELDS: ReadonlySet<string> = new Set(Object.keys(requestBodySchema.shape));

const NO_OBJECT = 'A request has to be a JSON object, like {"prompt": "a cat"}.';
const A_LIST =
  'A request has to be one JSON object, and this is a list. Several requests are a batch: the rows of ' +
  'POST /v1/batches, or a .jsonl file with one of them in each line.';

/** The body, or everything that is wrong with its shape. */
export function parseBody(
  body: unknown,
): { readonly body: RequestBody } | { readonly errors: readonly FieldError[] } {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return { errors: [{ field: '', detail: Array.isArray(body) ? A_LIST : NO_OBJECT }] };
  const parsed = requestBodySchema.safeParse(body);
  return parsed.success ? { body: parsed.data } : { errors: parsed.error.issues.flatMap(fieldErrors) };
}

function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      field: [...issue.path, key].join('.'),
      detail: 'is not a field of a job request; see the README for the fields.',
    }));
  }
  // What is wrong with a name is said of the name, and not that something is.
  const [inner] = issue.code === 'invalid_key' ? issue.issues : [];
  if (inner) return [{ field: issue.path.join('.'), detail: `${inner.message}.` }];
  const message = issue.message.endsWith('.') ? issue.message : `${issue.message}.`;
  return [{ field: issue.path.join('.'), detail: message }];
}
