/** The body of `POST /v1/jobs`: its fields, with Google's names, and their types. `request.ts` says what they mean. */
import { z } from 'zod';
import { SETTINGS_IN_REQUEST } from '../catalogue/model-settings.ts';
import { IMAGE_PROVIDERS, PROVIDERS, VIDEO_MIME_TYPE, VIDEO_TASKS } from '../catalogue/vocabulary.ts';
import { LANES } from '../job/job.ts';
import { isNameWithinLimits, NAME_TOO_LONG } from '../media/object-name.ts';
import type { FieldError } from '../problem.ts';

const gcsUri = z
  .string()
  .regex(/^gs:\/\/[^/]+\/.+$/, 'must be gs://bucket/name')
  .refine((uri) => isNameWithinLimits(uri), NAME_TOO_LONG);
const jobId = z.string().regex(/^job_[\w-]{1,64}$/, 'must be the id of a job');
/** An int64, as text or number. Today's generations have 16 digits. */
export const objectGeneration = z.coerce
  .string()
  .regex(/^\d{1,18}$/, 'must be the generation of an object, digits only');
/** Any text: the content of the image decides, and a refusal names both. */
const imageMimeType = z.string().optional();
const image = z.union(
  [
    z.strictObject({
      gcsUri,
      mimeType: imageMimeType,
      /** The job copies exactly this generation. Without it the model reads whatever is there at that time. */
      generation: objectGeneration.optional(),
    }),
    z.strictObject({ bytesBase64Encoded: z.string(), mimeType: imageMimeType }),
  ],
  'must be {gcsUri} or {bytesBase64Encoded}, with an optional mimeType such as image/png',
);
export type ImageBody = z.infer<typeof image>;

const video = z.union(
  [
    z.strictObject({ job: jobId, index: z.int().min(0).default(0) }),
    z.strictObject({ gcsUri, mimeType: z.literal(VIDEO_MIME_TYPE).default(VIDEO_MIME_TYPE) }),
  ],
  'must be {job, index} of one of your finished jobs, or {gcsUri} of an MP4',
);
export type VideoBody = z.infer<typeof video>;

const LINKS_MAX = 100;

/** RFC 3339 with an offset, read as milliseconds since the epoch. */
const instant = z.iso
  .datetime({ offset: true, error: 'must be a time like 2026-11-21T18:00:00Z' })
  .pipe(z.coerce.date())
  .transform((date) => date.getTime());

const requestBodySchema = z.strictObject({
  prompt: z.string().optional(),
  /** Values for `{placeholders}` in prompts. */
  variables: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  model: z.string().optional(),
  provider: z.enum(PROVIDERS).optional(),
  firstFrame: z
    .strictObject({
      prompt: z.string(),
      model: z.string().optional(),
      provider: z.enum(IMAGE_PROVIDERS).optional(),
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
  task: z.enum(VIDEO_TASKS).optional(),
  previousJob: jobId.optional(),
  extensions: z
    .array(z.strictObject({ prompt: z.string().optional(), durationSeconds: z.int().optional() }))
    .min(1)
    // More than any model makes. Every link is validated before the total duration is known.
    .max(LINKS_MAX, `must have at most ${LINKS_MAX} links`)
    .optional(),
  durationSeconds: z.int().optional(),
  sampleCount: z.int().optional(),
  ...SETTINGS_IN_REQUEST,
  rerollOnSafety: z.int().min(0).max(5).optional(),
  lane: z.enum(LANES).optional(),
  startBy: instant.optional(),
  finishBy: instant.optional(),
});
export type RequestBody = z.infer<typeof requestBodySchema>;

export const FIELDS: Readonly<Record<string, z.ZodType>> = requestBodySchema.shape;

/** Fields whose value is one image. */
export const IMAGE_FIELDS: ReadonlySet<string> = new Set(
  Object.entries(FIELDS).flatMap(([name, schema]) =>
    schema instanceof z.ZodOptional && schema.unwrap() === image ? [name] : [],
  ),
);

/** The field of this name in any case, because object metadata and headers lose the case of their names. */
export const requestFieldNamed = (name: string): string | undefined =>
  Object.keys(FIELDS).find((field) => field.toLowerCase() === name.toLowerCase());

/** The value of a field that is written as text: the text itself where the field takes it, otherwise JSON. */
export function readField(field: string, text: string): unknown {
  if (FIELDS[field]?.safeParse(text).success) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export const REQUEST_FIELDS: ReadonlySet<string> = new Set(Object.keys(FIELDS));

const NO_OBJECT = 'A request must be a JSON object, like {"prompt": "a cat"}.';
const A_LIST =
  'A request must be one JSON object; this is a list. Send several requests as a batch: as rows of ' +
  'POST /v1/batches, or as a .jsonl file with one request a line.';

/** The body, or an error for every field that is unknown or of the wrong type. */
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
  // The message of the key's own rule, not that the key is invalid.
  const [inner] = issue.code === 'invalid_key' ? issue.issues : [];
  if (inner) return [{ field: issue.path.join('.'), detail: `${inner.message}.` }];
  const message = issue.message.endsWith('.') ? issue.message : `${issue.message}.`;
  return [{ field: issue.path.join('.'), detail: message }];
}
