/** The body of `:predictLongRunning` as Google's documents write it: its fields and the forms of their values. */
import { z } from 'zod';
import {
  GOOGLE_SETTINGS,
  type GoogleForm,
  type GoogleSetting,
  MODEL_SETTINGS,
} from '../catalogue/model-settings.ts';
import { isNameWithinLimits, NAME_TOO_LONG } from '../media/object-name.ts';
import { nearest } from '../near-miss.ts';
import { type FieldError, invalidRequest } from '../problem.ts';
import { checkInput } from '../request/checked-input.ts';
import { fieldOf } from '../shown.ts';

/** Google's own clients send numbers. Its documents and many programs send strings: "8" and "8s". */
const number = z.union(
  [z.number(), z.string().regex(/^\d{1,20}s?$/)],
  'must be a number of 20 digits at most',
);
/** One document of Vertex writes yes and no. */
const boolean = z.union([z.boolean(), z.enum(['true', 'false', 'yes', 'no'])], 'must be true or false');

/** What Clapper adds to `storageUri`: a slash, the operation's id and the name of the video. */
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

const FORMS = {
  number,
  boolean,
  text: z.string(),
  word: z.string(),
} as const satisfies Readonly<Record<GoogleForm, z.ZodType>>;

type FormOf<K extends GoogleSetting> = (typeof FORMS)[(typeof MODEL_SETTINGS)[K]['google']];
type SettingsShape = { readonly [K in GoogleSetting]: z.ZodOptional<FormOf<K>> };

function settingsShape(): SettingsShape;
function settingsShape(): Readonly<Record<string, z.ZodType>> {
  return Object.fromEntries(
    GOOGLE_SETTINGS.map((name) => [name, FORMS[MODEL_SETTINGS[name].google].optional()]),
  );
}

const parameters = z.strictObject({
  sampleCount: number.optional(),
  /** The name of `sampleCount` in the SDKs. Some programs send it. */
  numberOfVideos: number.optional(),
  durationSeconds: number.optional(),
  ...settingsShape(),
  storageUri: z
    .string()
    .regex(/^gs:\/\/[^/]+(?:\/.*)?$/, 'must be gs://BUCKET/FOLDER/')
    .refine((folder) => isNameWithinLimits(folder, DELIVERED_NAME_BYTES), NAME_TOO_LONG)
    .optional(),
});

const bodySchema = z.strictObject({
  instances: z.array(instance).length(1, 'must hold exactly one instance'),
  parameters: parameters.optional(),
  labels: z.record(z.string(), z.string()).optional(),
  webhookConfig: z.record(z.string(), z.unknown()).optional(),
});
export type GoogleBody = z.infer<typeof bodySchema>;

const WORDS = {
  what: "a request in Google's form",
  example: '{"instances": [{"prompt": "a cat on a sofa"}]}',
  examples: {
    instances: [{ prompt: 'a cat on a sofa' }],
    'instances.prompt': 'a cat on a sofa',
    'instances.referenceImages': [{ image: { gcsUri: 'gs://bucket/cat.png', mimeType: 'image/png' } }],
    parameters: { durationSeconds: 8 },
    'parameters.storageUri': 'gs://bucket/folder/',
    labels: { team: 'video' },
  },
};

/** @throws ProblemError 400 that names every invalid field */
export function parseGoogleBody(raw: unknown): GoogleBody {
  const checked = checkInput(bodySchema, withoutNulls(raw), { ...WORDS, unknownField });
  if ('value' in checked) return checked.value;
  // Google writes positions in brackets.
  throw invalidRequest(
    checked.errors.map(({ field, detail }) => ({ field: field.replace(/\.(\d+)(?=\.|$)/g, '[$1]'), detail })),
  );
}

/** In the JSON of protocol buffers, null means that the field is absent. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const present = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(present.map(([key, inner]) => [key, withoutNulls(inner)]));
}

/** What to write in place of a field that does not exist. */
function unknownField(path: readonly PropertyKey[], fields: readonly string[]): FieldError {
  const key = String(path.at(-1));
  const field = fieldOf(path);
  if (key === 'mask') return { field, detail: 'is not taken; masks ended with Veo 2.' };
  const place = path.length === 1 ? placeOf(key) : undefined;
  // The field would be read as one inside the instance or the parameters.
  if (place !== undefined)
    return { field: '', detail: `'${key}' does not belong at the top of the request; write it as ${place}.` };
  return {
    field,
    detail: `is not a field that this service supports${insteadOf(key, fields)}`,
  };
}

function placeOf(key: string): string | undefined {
  if (Object.hasOwn(instance.shape, key)) return `instances[0].${key}`;
  return Object.hasOwn(parameters.shape, key) ? `parameters.${key}` : undefined;
}

/**
 * Google's front end takes instances and parameters as free-form JSON. Whether it understands their other spelling, with
 * underscores, is not known.
 */
function insteadOf(key: string, fields: readonly string[]): string {
  // The AI SDK's name for it, which Vertex AI does not know.
  const meant = key === 'gcsOutputDirectory' ? 'storageUri' : nearest(key, fields);
  return meant === undefined ? '. Remove it; no field is dropped silently.' : `; write '${meant}'.`;
}
