/** The body of `POST /v1/jobs`: its fields, with Google's names, and their types. `request.ts` says what they mean. */
import { z } from 'zod';
import { SETTING_EXAMPLES, SETTINGS_IN_REQUEST } from '../catalogue/model-settings.ts';
import { IMAGE_PROVIDERS, PROVIDERS, VIDEO_MIME_TYPE, VIDEO_TASKS } from '../catalogue/vocabulary.ts';
import { LANES } from '../job/job.ts';
import { isNameWithinLimits, NAME_TOO_LONG } from '../media/object-name.ts';
import { nearest } from '../near-miss.ts';
import type { FieldError } from '../problem.ts';
import { checkInput } from './checked-input.ts';

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
  variables: z
    .record(
      z.string(),
      z.union([z.string(), z.number(), z.boolean()], 'must be text, a number, true or false'),
    )
    .optional(),
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
  referenceVideos: z.array(z.strictObject({ video })).min(1).optional(),
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

const IMAGE_EXAMPLE = { gcsUri: 'gs://bucket/cat.png', mimeType: 'image/png' };
/** A valid value of every field. It also stands in for a faulty one, so that the other fields can be checked. */
export const FIELD_EXAMPLES: Readonly<Record<string, unknown>> = {
  prompt: 'a cat on a sofa',
  variables: { animal: 'cat' },
  model: 'veo-3.1-generate-001',
  provider: 'vertex',
  firstFrame: { prompt: 'a cat on a sofa' },
  image: IMAGE_EXAMPLE,
  lastFrame: IMAGE_EXAMPLE,
  referenceImages: [{ image: IMAGE_EXAMPLE }],
  referenceVideos: [{ video: { gcsUri: 'gs://bucket/wave.mp4' } }],
  video: { gcsUri: 'gs://bucket/cat.mp4' },
  task: 'extend',
  previousJob: 'job_aaaaaaaaaaaaaaaaaaaaaaaaaa',
  extensions: [{ prompt: 'the cat jumps' }],
  durationSeconds: 8,
  sampleCount: 1,
  ...SETTING_EXAMPLES,
  rerollOnSafety: 1,
  lane: 'batch',
  startBy: '2026-11-21T18:00:00Z',
  finishBy: '2026-11-21T18:00:00Z',
};

const WORDS = {
  what: 'a job request',
  example: '{"prompt": "a cat on a sofa"}',
  examples: {
    ...FIELD_EXAMPLES,
    'firstFrame.prompt': 'a cat on a sofa',
    'firstFrame.model': 'gemini-3.1-flash-image',
    'firstFrame.imageSize': '1K',
    'extensions.prompt': 'the cat jumps',
    'extensions.durationSeconds': 7,
    'video.index': 0,
    'image.gcsUri': 'gs://bucket/cat.png',
  },
  seeFields: '; see the README for the fields.',
};

const A_LIST =
  'A job request must be one JSON object; this is a list. Send several requests as a batch: as rows of ' +
  'POST /v1/batches, or as a .jsonl file with one request a line.';

export interface ParsedBody {
  /** Absent if nothing of the request can be checked. A field in `faulty` has a stand-in or is absent. */
  readonly body?: RequestBody;
  /** Every text that is ill-formed and every field that is unknown or of the wrong type. */
  readonly errors: readonly FieldError[];
  /** The fields that these errors are about, also under their right names. Other faults may follow from them. */
  readonly faulty: ReadonlySet<string>;
}

export function parseBody(given: unknown): ParsedBody {
  const faulty = new Set<string>();
  if (Array.isArray(given)) return { errors: [{ field: '', detail: A_LIST }], faulty };
  const checked = checkInput(requestBodySchema, given, WORDS);
  if ('value' in checked) return { body: checked.value, errors: [], faulty };
  const { errors } = checked;
  if (typeof given !== 'object' || given === null) return { errors, faulty };
  for (const { field } of errors) {
    const [root = ''] = field.split('.', 1);
    const known = REQUEST_FIELDS.has(root) ? root : nearest(root, [...REQUEST_FIELDS]);
    if (known !== undefined) faulty.add(known);
  }
  const sound = Object.entries(given).filter(([name]) => REQUEST_FIELDS.has(name) && !faulty.has(name));
  const standIns = [...faulty]
    .filter((name) => STAND_INS.has(name))
    .map((name) => [name, FIELD_EXAMPLES[name]]);
  const rest = requestBodySchema.safeParse(Object.fromEntries([...sound, ...standIns]));
  return rest.success ? { body: rest.data, errors, faulty } : { errors, faulty };
}

/** Fields that decide what a request makes, and so what its other fields may be. */
const STAND_INS: ReadonlySet<string> = new Set([
  'prompt',
  'firstFrame',
  'image',
  'lastFrame',
  'referenceImages',
  'referenceVideos',
  'video',
  'previousJob',
  'extensions',
]);
