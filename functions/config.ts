/** The environment, parsed once. A function that lacks something fails at its start, with the names of what is missing. */
import { z } from 'zod';
import { schedulesSchema } from './core/batch/schedules.ts';
import { uploadRulesSchema } from './core/batch/upload-rules.ts';
import { catalogueOverridesSchema } from './core/catalogue/catalogue-overrides.ts';

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

/** JSON of this shape. */
const json = <T>(schema: z.ZodType<T>, fallback: string) =>
  z
    .string()
    .default(fallback)
    .transform((text, context) => {
      try {
        return schema.parse(JSON.parse(text));
      } catch (error) {
        context.addIssue(error instanceof Error ? error.message : String(error));
        return z.NEVER;
      }
    });

const topics = list('').refine(
  (names) => names.every((name) => /^projects\/[^/]+\/topics\/[^/]+$/.test(name)),
  'must be projects/PROJECT/topics/TOPIC, separated by commas',
);

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
  /** Its ID tokens come with every task; `submit`, `poll` and `sweep` admit no other identity. */
  CLAPPER_TASKS_SERVICE_ACCOUNT: z.string().min(1),
  /** Audiences of tokens for `submit`, `poll` and `sweep`, besides the URLs above. */
  CLAPPER_TASKS_AUDIENCES: list(''),
  /**
   * Who may call the API. `id-token`: identities of Google's. `key`: API keys of this deployment, and nobody else; for a
   * service that anybody can reach. `local`: keys, and whoever says a name; only where nobody else can reach it.
   */
  CLAPPER_CALLERS: z.enum(['id-token', 'key', 'local']).default('id-token'),
  /** Audiences of callers' tokens; by default any of this service's own URLs has to be listed here. */
  CLAPPER_API_AUDIENCES: list(''),
  CLAPPER_TOKEN_SIGNATURE: z.enum(['verify', 'platform']).default('verify'),
  CLAPPER_TOKEN_ISSUERS: list('https://accounts.google.com,accounts.google.com'),
  CLAPPER_TOKEN_JWKS_URL: z.url().default('https://www.googleapis.com/oauth2/v3/certs'),
  CLAPPER_VERTEX_LOCATION: z.string().min(1).default('us-central1'),
  /** Of the Developer API. Not GEMINI_API_KEY, which the SDK would read too and warn about in Vertex mode. */
  CLAPPER_GEMINI_API_KEY: z.string().min(1).optional(),
  /** Where the Gemini API may call `POST /v1/provider-events` of this deployment, from outside. */
  CLAPPER_PROVIDER_WEBHOOK_URL: z.url().optional(),
  /** `gs://` prefixes that any caller may name as input. */
  CLAPPER_READABLE_PREFIXES: list(''),
  /** `gs://` prefixes that any caller may name as `storageUri`, to have its videos copied there. */
  CLAPPER_DELIVERY_PREFIXES: list('').refine(
    (prefixes) => prefixes.every((prefix) => /^gs:\/\/[^/]+(?:\/|$)/.test(prefix)),
    'must be gs://BUCKET/FOLDER/, separated by commas',
  ),
  /** Topics that requests may name as `pubsubTopic`: Google publishes to them with this service's identity. */
  CLAPPER_ALLOWED_PUBSUB_TOPICS: topics,
  /** Where the ends of jobs and batches are published, `projects/PROJECT/topics/TOPIC`. Default: nowhere. */
  CLAPPER_EVENTS_TOPIC: z
    .string()
    .regex(/^projects\/[^/]+\/topics\/[^/]+$/, 'must be projects/PROJECT/topics/TOPIC')
    .optional(),
  /** How pictures go to Vertex AI: `inline` where the models' service agent may not read the bucket. */
  CLAPPER_VERTEX_PICTURES: z.enum(['uri', 'inline']).default('uri'),
  /** Finished jobs are deleted after so many days; their videos stay. */
  CLAPPER_JOB_TTL_DAYS: z.coerce.number().int().min(2).default(90),
  /** Part of the budget, 1 for all of it, at which paid calls are stopped. Absent: the budget only tells. */
  CLAPPER_BUDGET_STOP: z.coerce.number().positive().optional(),
  CLAPPER_SIGNED_URL_TTL_SECONDS: z.coerce.number().int().min(1).max(604_800).default(900),
  /** Callers who see every job and rule on attempts whose outcome could not be learned. */
  CLAPPER_OPERATORS: list(''),
  /** Paid calls per minute of every model, instead of the catalogue's quotas. */
  CLAPPER_REQUESTS_PER_MINUTE: z.coerce.number().positive().optional(),
  CLAPPER_UNKNOWN_OUTCOME: z.enum(['fail', 'resubmit']).default('fail'),
  CLAPPER_LOG_PROMPTS: flag,
  CLAPPER_ALLOW_RETIRED_MODELS: flag,
  /** A job that names a retired model runs on its successor, and says so. */
  CLAPPER_ALIAS_RETIRED_MODELS: flag,
  /** The same for requests of Google's own shapes, which name the models that Google's old documents taught. */
  CLAPPER_COMPAT_ALIASES: z
    .enum(['true', 'false'])
    .default('true')
    .transform((value) => value === 'true'),
  /** Requests come from the EU, UK, Switzerland or MENA. */
  CLAPPER_RESTRICTED_REGION: flag,
  /** JSON by `provider/model`: prices, quotas and retirement that differ from the built-in table. */
  CLAPPER_CATALOGUE_OVERRIDES: json(catalogueOverridesSchema, '{}'),
  /** JSON: a list of rules by prefix, what becomes of objects in the input bucket. Default: nothing. */
  CLAPPER_UPLOADS: json(uploadRulesSchema, '[]'),
  /** JSON: schedules by id, batches that come by themselves. Cloud Scheduler, or what fires here, has the same ones. */
  CLAPPER_SCHEDULES: json(schedulesSchema, '{}'),
  /** How much faster than Google's the models are; above 1 only for simulated ones. */
  CLAPPER_MODEL_SPEED_UP: z.coerce.number().min(1).default(1),
  /** host:port of a Cloud Tasks server without TLS. */
  CLAPPER_TASKS_ENDPOINT: z
    .string()
    .regex(/^[^:]+:\d+$/)
    .optional(),
  CLAPPER_STORAGE_ENDPOINT: z.url().optional(),
  /** A service account's JSON key that signs links, where no IAM does. */
  CLAPPER_SIGNER_KEY_FILE: z.string().min(1).optional(),
  GOOGLE_VERTEX_BASE_URL: z.url().optional(),
  GOOGLE_GEMINI_BASE_URL: z.url().default('https://generativelanguage.googleapis.com'),
});

export type Config = z.infer<typeof environmentSchema>;

/** Names of everything that is read. */
export const CONFIG_VARIABLES: readonly string[] = Object.keys(environmentSchema.shape);

/** @throws Error naming every variable that is missing or wrong */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const parsed = environmentSchema.safeParse(environment);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`The environment is not complete:\n${wrong.join('\n')}`);
}
