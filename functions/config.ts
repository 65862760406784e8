/** Parses the environment variables once. A function with missing or invalid ones fails at its start and lists them. */
import { z } from 'zod';
import { isOriginPattern } from './core/access/cors-origins.ts';
import { SCHEDULES_WORDS, schedulesSchema } from './core/batch/schedules.ts';
import { uploadRulesSchema } from './core/batch/upload-rules.ts';
import { catalogueOverridesSchema } from './core/catalogue/catalogue-overrides.ts';
import { checkInput, faultsAsText, type InputWords } from './core/request/checked-input.ts';

const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((value) => value === 'true');
const list = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    );

const OVERRIDES_WORDS: InputWords = {
  what: 'the list of overrides',
  example: '{"vertex/veo-3.1-generate-001": {"requestsPerMinute": 20}}',
};
const UPLOAD_RULES_WORDS: InputWords = {
  what: 'the list of upload rules',
  example: '[{"prefix": "uploads/"}]',
};
const ENVIRONMENT_WORDS: InputWords = {
  what: 'the environment',
  example: '{"GOOGLE_CLOUD_PROJECT": "my-project"}',
};

/** A variable that holds JSON. */
const json = <T>(schema: z.ZodType<T>, fallback: string, words: InputWords) =>
  z
    .string()
    .default(fallback)
    .transform((text, context) => {
      try {
        const checked = checkInput(schema, JSON.parse(text), words);
        if ('value' in checked) return checked.value;
        context.addIssue(faultsAsText(checked.errors).replaceAll('\n', '\n    '));
      } catch (error) {
        context.addIssue(`is not JSON: ${error instanceof Error ? error.message : String(error)}`);
      }
      return z.NEVER;
    });

const topics = list('').refine(
  (names) => names.every((name) => /^projects\/[^/]+\/topics\/[^/]+$/.test(name)),
  'must be projects/PROJECT/topics/TOPIC, separated by commas',
);

const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const restored = z
  .string()
  .optional()
  .transform((text, context) => {
    if (text === undefined) return undefined;
    const [copied, resumed, ...more] = text.split('/').map((part) => instant.safeParse(part));
    if (copied?.success && resumed?.success && more.length === 0 && copied.data < resumed.data)
      return { copiedAt: copied.data, resumedAt: resumed.data };
    context.addIssue(
      'must be the time of the copy and a later time, as in 2026-11-30T10:00:00Z/2026-11-30T12:00:00Z',
    );
    return z.NEVER;
  });

const environmentSchema = z.object({
  GOOGLE_CLOUD_PROJECT: z.string().min(1),
  /** Region of the task queues. */
  CLAPPER_REGION: z.string().min(1).default('us-central1'),
  CLAPPER_INPUT_BUCKET: z.string().min(1),
  CLAPPER_OUTPUT_BUCKET: z.string().min(1),
  CLAPPER_FIRESTORE_DATABASE: z.string().min(1).default('(default)'),
  CLAPPER_SUBMIT_URL: z.url(),
  CLAPPER_POLL_URL: z.url(),
  CLAPPER_BATCH_URL: z.url(),
  /** Tasks carry ID tokens of this account; `submit`, `poll`, `batch` and `sweep` accept no other identity. */
  CLAPPER_TASKS_SERVICE_ACCOUNT: z.string().min(1),
  /** Accepted audiences of these tokens, besides the URLs above. */
  CLAPPER_TASKS_AUDIENCES: list(''),
  /**
   * How the API authenticates callers. `id-token`: Google-signed ID tokens. `key`: only API keys of this deployment,
   * for a service that is open to the internet. `local`: API keys, or any name without proof; only for loopback.
   */
  CLAPPER_CALLERS: z.enum(['id-token', 'key', 'local']).default('id-token'),
  /** Accepted audiences of callers' ID tokens: the URLs of this service. Default: none. */
  CLAPPER_API_AUDIENCES: list(''),
  /** Origins whose web pages may call the API from a browser. Default: none. */
  CLAPPER_CORS_ORIGINS: list('').refine(
    (origins) => origins.every(isOriginPattern),
    'must be origins like https://app.example.com or http://localhost:*, without a path or a slash at the end, separated by commas',
  ),
  CLAPPER_TOKEN_SIGNATURE: z.enum(['verify', 'platform']).default('verify'),
  CLAPPER_TOKEN_ISSUERS: list('https://accounts.google.com,accounts.google.com'),
  CLAPPER_TOKEN_JWKS_URL: z.url().default('https://www.googleapis.com/oauth2/v3/certs'),
  /** Location of the Vertex models, unless Google serves a model under the global endpoint or an override names others. */
  CLAPPER_VERTEX_LOCATION: z.string().min(1).default('us-central1'),
  /** Locations where data may be processed: requests for a model elsewhere are refused. Default: anywhere. */
  CLAPPER_DATA_LOCATIONS: list('').refine(
    (locations) => locations.every((location) => /^[a-z][a-z0-9-]*$/.test(location)),
    'must be locations like us-central1, separated by commas',
  ),
  /** Key of the Gemini Developer API. Not GEMINI_API_KEY: the SDK would read that too, and warn in Vertex mode. */
  CLAPPER_GEMINI_API_KEY: z.string().min(1).optional(),
  /** Public URL of `POST /v1/provider-events`, for webhooks of the Gemini API. */
  CLAPPER_PROVIDER_WEBHOOK_URL: z.url().optional(),
  /** `gs://` prefixes that every caller may use as input. */
  CLAPPER_READABLE_PREFIXES: list(''),
  /** `gs://` prefixes that every caller may use as `storageUri`, where Clapper copies the videos. */
  CLAPPER_DELIVERY_PREFIXES: list('').refine(
    (prefixes) => prefixes.every((prefix) => /^gs:\/\/[^/]+(?:\/|$)/.test(prefix)),
    'must be gs://BUCKET/FOLDER/, separated by commas',
  ),
  /** Topics that requests may use as `pubsubTopic`: Google publishes to them with this service's identity. */
  CLAPPER_ALLOWED_PUBSUB_TOPICS: topics,
  /** Topic for events of finished jobs and batches, `projects/PROJECT/topics/TOPIC`. Default: no events. */
  CLAPPER_EVENTS_TOPIC: z
    .string()
    .regex(/^projects\/[^/]+\/topics\/[^/]+$/, 'must be projects/PROJECT/topics/TOPIC')
    .optional(),
  /** How images are sent to Vertex AI: `inline` if the models' service agent cannot read the bucket. */
  CLAPPER_VERTEX_PICTURES: z.enum(['uri', 'inline']).default('uri'),
  /** Finished jobs are deleted after this many days; their videos are kept. */
  CLAPPER_JOB_TTL_DAYS: z.coerce.number().int().min(2).default(90),
  /** Fraction of the budget at which paid calls stop; 1 is all of it. Absent: budget notifications are only logged. */
  CLAPPER_BUDGET_STOP: z.coerce.number().positive().optional(),
  /**
   * The database was restored: the time of the copy and the time from which paid calls are made again. Claims between
   * the two are in the output bucket only, and are continued instead of paid for again.
   */
  CLAPPER_RESTORED: restored,
  CLAPPER_SIGNED_URL_TTL_SECONDS: z.coerce.number().int().min(1).max(604_800).default(900),
  /** Callers who see every job and resolve attempts with an unknown outcome. */
  CLAPPER_OPERATORS: list(''),
  /** Paid calls per minute of each model, instead of the catalogue's quotas. */
  CLAPPER_REQUESTS_PER_MINUTE: z.coerce.number().positive().optional(),
  CLAPPER_UNKNOWN_OUTCOME: z.enum(['fail', 'resubmit']).default('fail'),
  CLAPPER_LOG_PROMPTS: flag,
  /** Retired models run, and their jobs say so: for simulated models only. */
  CLAPPER_ALLOW_RETIRED_MODELS: flag,
  /** The models are simulated: a video to extend may have fewer pixels than its resolution says. */
  CLAPPER_SCALED_DOWN_VIDEOS: flag,
  /** A job for a retired model runs on its successor and reports that. */
  CLAPPER_ALIAS_RETIRED_MODELS: flag,
  /** The same for the Google-compatible routes, whose requests use the model names of Google's old documentation. */
  CLAPPER_COMPAT_ALIASES: z
    .enum(['true', 'false'])
    .default('true')
    .transform((value) => value === 'true'),
  /** Requests come from the EU, UK, Switzerland or MENA. */
  CLAPPER_RESTRICTED_REGION: flag,
  /** JSON by `provider/model`: prices, quotas and retirement dates that replace those of the built-in catalogue. */
  CLAPPER_CATALOGUE_OVERRIDES: json(catalogueOverridesSchema, '{}', OVERRIDES_WORDS),
  /** JSON list of rules by prefix: the jobs or batches that objects in the input bucket start. Default: none. */
  CLAPPER_UPLOADS: json(uploadRulesSchema, '[]', UPLOAD_RULES_WORDS),
  /** JSON of batch schedules by id. Cloud Scheduler (or the local scheduler) needs a job for each. */
  CLAPPER_SCHEDULES: json(schedulesSchema, '{}', SCHEDULES_WORDS),
  /** Speed of the models relative to Google's; above 1 only for simulated models. */
  CLAPPER_MODEL_SPEED_UP: z.coerce.number().min(1).default(1),
  /** `host:port` of a Cloud Tasks server without TLS. */
  CLAPPER_TASKS_ENDPOINT: z
    .string()
    .regex(/^[^:]+:\d+$/, 'must be host:port')
    .optional(),
  CLAPPER_STORAGE_ENDPOINT: z.url().optional(),
  /** File with a service account's JSON key that signs links, if IAM cannot. */
  CLAPPER_SIGNER_KEY_FILE: z.string().min(1).optional(),
  GOOGLE_VERTEX_BASE_URL: z.url().optional(),
  GOOGLE_GEMINI_BASE_URL: z.url().default('https://generativelanguage.googleapis.com'),
});

export type Config = z.infer<typeof environmentSchema>;

/** The names of all variables. */
export const CONFIG_VARIABLES: readonly string[] = Object.keys(environmentSchema.shape);

/** @throws Error that lists every missing or invalid variable */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const checked = checkInput(environmentSchema, environment, ENVIRONMENT_WORDS);
  if ('value' in checked) return checked.value;
  const wrong = faultsAsText(checked.errors).replace(/^/gm, '  ');
  throw new Error(`Environment variables are missing or invalid:\n${wrong}`);
}
