/**
 * The settings of the video models, one row for each. Requests, stored jobs, stages, Google's own bodies and the
 * adapters take their keys from these rows. A carrier that lacks a key does not compile, which
 * `test/core/catalogue/dropped-settings.test.ts` proves. `docs/extending.md` lists what else a new setting needs.
 */
import { z } from 'zod';
import type { WithEveryKey } from '../pick.ts';
import {
  ASPECT_RATIOS,
  COMPRESSION_QUALITIES,
  PERSON_GENERATIONS,
  PROVIDERS,
  type ProviderName,
  RESIZE_MODES,
  RESOLUTIONS,
} from './vocabulary.ts';

/**
 * How `parameters` of Google's own bodies write a setting. `number` and `boolean` may come as strings; `word` comes in
 * upper or lower case.
 */
export type GoogleForm = 'number' | 'boolean' | 'text' | 'word';

interface SettingRow {
  /** In a request. Values that depend on the model are validated later, so that the error can name what it takes. */
  readonly request: z.ZodType;
  /** A valid value, for messages. */
  readonly example: unknown;
  /** In a stored job, with the default filled in. Looser than `request`: a record outlives the rules of its day. */
  readonly job: z.ZodType;
  /** In `parameters` of Google's own bodies. Absent where these have the setting elsewhere. */
  readonly google?: GoogleForm;
  /** The providers whose API has the setting. Their adapters send it. */
  readonly providers: readonly ProviderName[];
}

/** The largest seed of any model: unsigned 32 bits. */
export const SEED_MAX = 4_294_967_295;
/** The only frame rate that Veo makes. */
export const VEO_FRAMES_PER_SECOND = 24;

/** Google Cloud's rules for labels. */
const labels = z
  .record(
    z
      .string()
      .regex(
        /^[a-z][a-z0-9_-]{0,62}$/,
        'is not a valid label key: use a lower-case letter, then at most 62 lower-case letters, digits, _ and -',
      ),
    z
      .string()
      .regex(/^[a-z0-9_-]{0,63}$/, 'must have at most 63 characters: lower-case letters, digits, _ and -'),
  )
  .refine((map) => Object.keys(map).length <= 64, 'must have at most 64 labels');

export const MODEL_SETTINGS = {
  aspectRatio: {
    request: z.string().optional(),
    example: '16:9',
    job: z.enum(ASPECT_RATIOS),
    google: 'text',
    providers: PROVIDERS,
  },
  resolution: {
    request: z.string().optional(),
    example: '720p',
    job: z.enum(RESOLUTIONS),
    google: 'word',
    providers: PROVIDERS,
  },
  seed: {
    request: z.int().min(0).max(SEED_MAX).optional(),
    example: 42,
    job: z.number().optional(),
    google: 'number',
    providers: ['vertex', 'omni'],
  },
  negativePrompt: {
    request: z.string().optional(),
    example: 'people, text',
    job: z.string().optional(),
    google: 'text',
    providers: ['vertex', 'gemini'],
  },
  enhancePrompt: {
    request: z.boolean().optional(),
    example: true,
    job: z.boolean().optional(),
    google: 'boolean',
    providers: ['vertex', 'gemini'],
  },
  generateAudio: {
    request: z.boolean().optional(),
    example: false,
    job: z.boolean(),
    google: 'boolean',
    providers: ['vertex'],
  },
  personGeneration: {
    request: z.string().optional(),
    example: 'allow_adult',
    job: z.enum(PERSON_GENERATIONS).optional(),
    google: 'word',
    providers: ['vertex', 'gemini'],
  },
  resizeMode: {
    request: z.enum(RESIZE_MODES).optional(),
    example: 'pad',
    job: z.enum(RESIZE_MODES).optional(),
    google: 'word',
    providers: ['vertex'],
  },
  compressionQuality: {
    request: z.enum(COMPRESSION_QUALITIES).optional(),
    example: 'optimized',
    job: z.enum(COMPRESSION_QUALITIES).optional(),
    google: 'word',
    providers: ['vertex'],
  },
  fps: {
    request: z.literal(VEO_FRAMES_PER_SECOND).optional(),
    example: VEO_FRAMES_PER_SECOND,
    job: z.number().optional(),
    google: 'number',
    providers: ['vertex'],
  },
  // Google groups costs by labels. In Google's bodies they stand beside `parameters`.
  labels: {
    request: labels.optional(),
    example: { team: 'video' },
    job: z.record(z.string(), z.string()).optional(),
    providers: ['vertex', 'omni'],
  },
  // Google publishes the state of the operation there, with the identity of our service.
  pubsubTopic: {
    request: z
      .string()
      .regex(/^projects\/[^/]+\/topics\/[^/]+$/, 'must be projects/PROJECT/topics/TOPIC')
      .optional(),
    example: 'projects/my-project/topics/veo',
    job: z.string().optional(),
    google: 'text',
    providers: ['vertex'],
  },
} as const satisfies Readonly<Record<string, SettingRow>>;

type Rows = typeof MODEL_SETTINGS;
export type Setting = keyof Rows;
export type SettingOf<P extends ProviderName> = {
  [K in Setting]: P extends Rows[K]['providers'][number] ? K : never;
}[Setting];
export type GoogleSetting = {
  [K in Setting]: Rows[K] extends { readonly google: GoogleForm } ? K : never;
}[Setting];

/** Every video model takes these. Any other is refused by name where a model does not take it. */
type CommonSetting = 'aspectRatio' | 'resolution';
export type OptionalSetting = Exclude<Setting, CommonSetting>;

type Shape<C extends 'request' | 'job'> = { readonly [K in Setting]: Rows[K][C] };

function shapeOf<C extends 'request' | 'job'>(column: C): Shape<C>;
function shapeOf(column: 'request' | 'job'): Readonly<Record<string, z.ZodType>> {
  return Object.fromEntries(Object.entries(MODEL_SETTINGS).map(([name, row]) => [name, row[column]]));
}

/** Fields of a request. */
export const SETTINGS_IN_REQUEST = shapeOf('request');
/** A valid value of each. */
export const SETTING_EXAMPLES: Readonly<Record<string, unknown>> = Object.fromEntries(
  Object.entries(MODEL_SETTINGS).map(([name, { example }]) => [name, example]),
);
/** Fields of a stored request. */
export const SETTINGS_IN_JOB = shapeOf('job');

const settingsSchema = z.object(SETTINGS_IN_JOB);
/** The settings of one model call, as a job stores them. Code that leaves a key out does not compile. */
export type ModelSettings = WithEveryKey<z.infer<typeof settingsSchema>>;
export const SETTINGS: readonly Setting[] = settingsSchema.keyof().options;

const isOptional = (setting: Setting): setting is OptionalSetting =>
  setting !== 'aspectRatio' && setting !== 'resolution';
export const OPTIONAL_SETTINGS: readonly OptionalSetting[] = SETTINGS.filter(isOptional);

const isInParameters = (setting: Setting): setting is GoogleSetting => 'google' in MODEL_SETTINGS[setting];
/** The settings that are in `parameters` of Google's own bodies. */
export const GOOGLE_SETTINGS: readonly GoogleSetting[] = SETTINGS.filter(isInParameters);

/** The settings that the provider's API has, in the order of the rows. */
export function settingsOf<P extends ProviderName>(provider: P): readonly SettingOf<P>[];
export function settingsOf(provider: ProviderName): readonly Setting[] {
  return SETTINGS.filter((setting) => {
    const { providers }: SettingRow = MODEL_SETTINGS[setting];
    return providers.includes(provider);
  });
}

/**
 * Every one of these settings, and no other. An adapter writes `{...} satisfies Sent<SettingOf<'vertex'>>` over what it
 * sends, so that the compiler names a setting that is missing.
 */
export type Sent<K extends string> = Readonly<Record<K, unknown>>;
