/** Builds the clients and adapters of the handlers from the configuration. */
import { readFileSync } from 'node:fs';
import { Firestore } from '@google-cloud/firestore';
import { Storage, type StorageOptions } from '@google-cloud/storage';
import { CloudTasksClient } from '@google-cloud/tasks';
import { GoogleAuth } from 'google-auth-library';
import { grpc } from 'google-gax';
import { createApiKeyCallers } from './adapters/api-key-callers.ts';
import { createInputStore, createResultStore } from './adapters/cloud-storage.ts';
import { createCloudTaskQueue } from './adapters/cloud-task-queue.ts';
import { createCloudTaskSubmissions } from './adapters/cloud-task-submissions.ts';
import { createFirestoreApiKeys } from './adapters/firestore-api-keys.ts';
import { createFirestoreBatchStore } from './adapters/firestore-batch-store.ts';
import { createFirestoreJobStore } from './adapters/firestore-job-store.ts';
import { createFirestoreRateLimiters } from './adapters/firestore-rate-limiters.ts';
import { createFirestoreSchedules } from './adapters/firestore-schedules.ts';
import { createFirestoreUploadWaits } from './adapters/firestore-upload-waits.ts';
import { createGeminiProvider } from './adapters/gemini-provider.ts';
import { createIdTokenCallers, localCaller } from './adapters/id-token-callers.ts';
import { createIds } from './adapters/ids.ts';
import { createImagePassThrough } from './adapters/image-pass-through.ts';
import { createJsonLog } from './adapters/json-log.ts';
import { createKeySigner } from './adapters/key-signer.ts';
import { createOmniProvider, type OmniBackend } from './adapters/omni-provider.ts';
import { createProviderWebhooks } from './adapters/provider-webhooks.ts';
import { createPubSubEvents } from './adapters/pubsub-events.ts';
import { createUploadBucket } from './adapters/upload-bucket.ts';
import { createVertexProvider } from './adapters/vertex-provider.ts';
import type { Config } from './config.ts';
import type { Schedules } from './core/batch/schedules.ts';
import { idOnVertex } from './core/catalogue/catalogue.ts';
import {
  overrideCatalogue,
  withOmniOnVertex,
  withVertexLocation,
} from './core/catalogue/catalogue-overrides.ts';
import { withDataLocations } from './core/catalogue/data-locations.ts';
import { CATALOGUE } from './core/catalogue/models.ts';
import { defined } from './core/defined.ts';
import { defaultPolicy } from './core/job/policy.ts';
import type {
  CallerCheck,
  ScheduleStore,
  Services,
  Submissions,
  UploadBucket,
  UploadWaits,
  WebhookCheck,
} from './ports.ts';

/** A request that takes longer fails; the next poll repeats it. */
const POLL_TIMEOUT_MS = 30_000;

export interface Built {
  readonly services: Services;
  /** Authenticates calls of `submit`, `poll`, `batch` and `sweep`. */
  readonly taskCallers: CallerCheck;
  readonly submissions: Submissions;
  readonly uploads: UploadBucket;
  readonly uploadWaits: UploadWaits;
  readonly schedules: { readonly schedules: Schedules; readonly store: ScheduleStore };
}

export function buildServices(config: Config): Built {
  const project = config.GOOGLE_CLOUD_PROJECT;
  const clock = { now: () => Date.now() };
  const ids = createIds();
  const tasksClient = createTasksClient(config);
  const storage = createStorage(config);
  const signer = createSigner(config) ?? storage;
  const inputs = createInputStore(storage, signer, config.CLAPPER_INPUT_BUCKET);
  const uploads = createUploadBucket(storage, config.CLAPPER_INPUT_BUCKET);
  const db = new Firestore({
    projectId: project,
    databaseId: config.CLAPPER_FIRESTORE_DATABASE,
    ignoreUndefinedProperties: true,
  });
  const auth = new GoogleAuth({ scopes: 'https://www.googleapis.com/auth/cloud-platform' });
  const token = {
    signature: config.CLAPPER_TOKEN_SIGNATURE,
    jwksUrl: config.CLAPPER_TOKEN_JWKS_URL,
    issuers: config.CLAPPER_TOKEN_ISSUERS,
  };
  const webhook =
    config.CLAPPER_PROVIDER_WEBHOOK_URL === undefined
      ? {}
      : { webhook: { uri: config.CLAPPER_PROVIDER_WEBHOOK_URL } };
  const keepFinishedMs = config.CLAPPER_JOB_TTL_DAYS * 86_400_000;
  const keys = createFirestoreApiKeys(db);
  const byKey = { store: keys, clock };
  const catalogue = catalogueOf(config);
  const submissions = createCloudTaskSubmissions({
    client: tasksClient,
    project,
    location: config.CLAPPER_REGION,
    catalogue,
    clock,
  });
  const schedules = { schedules: config.CLAPPER_SCHEDULES, store: createFirestoreSchedules(db) };
  const services: Services = {
    clock,
    ids,
    jobs: createFirestoreJobStore(db, { keepFinishedMs }),
    batches: createFirestoreBatchStore(db, { keepFinishedMs }),
    rateLimiters: createFirestoreRateLimiters(db),
    tasks: createCloudTaskQueue({
      client: tasksClient,
      project,
      location: config.CLAPPER_REGION,
      urls: {
        submit: config.CLAPPER_SUBMIT_URL,
        poll: config.CLAPPER_POLL_URL,
        batch: config.CLAPPER_BATCH_URL,
      },
      serviceAccountEmail: config.CLAPPER_TASKS_SERVICE_ACCOUNT,
      hash: ids.hash,
      now: clock.now,
    }),
    results: createResultStore(storage, signer, config.CLAPPER_OUTPUT_BUCKET),
    inputs,
    providers: {
      omni: createOmniProvider({
        backend: omniBackend(config, () => auth.getAccessToken()),
        pollTimeoutMs: POLL_TIMEOUT_MS,
        readInput: inputs.read,
        fetch,
        ...webhook,
      }),
      vertex: createVertexProvider({
        project,
        getAccessToken: () => auth.getAccessToken(),
        baseUrl: config.GOOGLE_VERTEX_BASE_URL,
        pollTimeoutMs: POLL_TIMEOUT_MS,
        ...(config.CLAPPER_VERTEX_PICTURES === 'inline' ? { readImage: inputs.read } : {}),
      }),
      ...(config.CLAPPER_GEMINI_API_KEY === undefined
        ? {}
        : {
            gemini: createGeminiProvider({
              apiKey: config.CLAPPER_GEMINI_API_KEY,
              baseUrl: config.GOOGLE_GEMINI_BASE_URL,
              pollTimeoutMs: POLL_TIMEOUT_MS,
              readImage: inputs.read,
              fetch,
              ...webhook,
            }),
          }),
    },
    callers: {
      'id-token': () => createIdTokenCallers({ ...token, audiences: config.CLAPPER_API_AUDIENCES }),
      key: () => createApiKeyCallers(byKey),
      local: () => createApiKeyCallers({ ...byKey, fallback: localCaller }),
    }[config.CLAPPER_CALLERS](),
    keys,
    images: createImagePassThrough({
      vertex: {
        project,
        baseUrl: config.GOOGLE_VERTEX_BASE_URL,
        getAccessToken: () => auth.getAccessToken(),
      },
      ...(config.CLAPPER_GEMINI_API_KEY === undefined
        ? {}
        : { gemini: { apiKey: config.CLAPPER_GEMINI_API_KEY, baseUrl: config.GOOGLE_GEMINI_BASE_URL } }),
      fetch,
    }),
    submissions,
    providerWebhooks: webhookCheck(config),
    uploads,
    schedules,
    events: createEvents(config),
    policy: {
      ...defaultPolicy(config.CLAPPER_MODEL_SPEED_UP),
      announce: config.CLAPPER_EVENTS_TOPIC !== undefined,
      unknownOutcome: config.CLAPPER_UNKNOWN_OUTCOME,
    },
    catalogue,
    log: createJsonLog(project, (line) => process.stdout.write(line), clock.now),
    settings: {
      locations: { vertex: config.CLAPPER_VERTEX_LOCATION, gemini: 'global', omni: 'global' },
      allowRetiredModels: config.CLAPPER_ALLOW_RETIRED_MODELS,
      scaledDownVideos: config.CLAPPER_SCALED_DOWN_VIDEOS,
      aliasRetiredModels: config.CLAPPER_ALIAS_RETIRED_MODELS,
      restrictedRegion: config.CLAPPER_RESTRICTED_REGION,
      readablePrefixes: config.CLAPPER_READABLE_PREFIXES,
      deliveryPrefixes: config.CLAPPER_DELIVERY_PREFIXES,
      compatAliases: config.CLAPPER_COMPAT_ALIASES,
      pubsubTopics: config.CLAPPER_ALLOWED_PUBSUB_TOPICS,
      uploadRules: config.CLAPPER_UPLOADS,
      signedUrlTtlMs: config.CLAPPER_SIGNED_URL_TTL_SECONDS * 1000,
      corsOrigins: config.CLAPPER_CORS_ORIGINS,
      logPrompts: config.CLAPPER_LOG_PROMPTS,
      operators: config.CLAPPER_OPERATORS,
      restored: config.CLAPPER_RESTORED,
      requestsPerMinute: config.CLAPPER_REQUESTS_PER_MINUTE,
    },
  };
  const taskCallers = createIdTokenCallers({
    ...token,
    audiences: [
      config.CLAPPER_SUBMIT_URL,
      config.CLAPPER_POLL_URL,
      config.CLAPPER_BATCH_URL,
      ...config.CLAPPER_TASKS_AUDIENCES,
    ],
    allowedEmails: [config.CLAPPER_TASKS_SERVICE_ACCOUNT],
  });
  return {
    services,
    taskCallers,
    submissions,
    uploads,
    schedules,
    uploadWaits: createFirestoreUploadWaits(db),
  };
}

function catalogueOf(config: Config) {
  const { CLAPPER_GEMINI_API_KEY: key, CLAPPER_VERTEX_LOCATION, CLAPPER_CATALOGUE_OVERRIDES } = config;
  const present = key === undefined ? withOmniOnVertex(CATALOGUE) : CATALOGUE;
  const located = withVertexLocation(present, CLAPPER_VERTEX_LOCATION);
  return withDataLocations(
    overrideCatalogue(located, CLAPPER_CATALOGUE_OVERRIDES),
    config.CLAPPER_DATA_LOCATIONS,
  );
}

function createEvents({ CLAPPER_EVENTS_TOPIC: topic, GOOGLE_CLOUD_PROJECT: project }: Config) {
  const source = `//clapper/projects/${project}`;
  return topic === undefined ? undefined : createPubSubEvents({ topic, source });
}

function webhookCheck(config: Config): WebhookCheck | undefined {
  const url = config.CLAPPER_PROVIDER_WEBHOOK_URL;
  const jwksUrl = new URL('/.well-known/jwks.json', config.GOOGLE_GEMINI_BASE_URL).href;
  return url === undefined ? undefined : createProviderWebhooks({ url, jwksUrl });
}

/** Omni runs on the Developer API if there is a key, otherwise on Vertex. */
function omniBackend(config: Config, getAccessToken: () => Promise<unknown>): OmniBackend {
  const apiKey = config.CLAPPER_GEMINI_API_KEY;
  return apiKey === undefined
    ? {
        kind: 'vertex',
        project: config.GOOGLE_CLOUD_PROJECT,
        baseUrl: config.GOOGLE_VERTEX_BASE_URL,
        getAccessToken,
        idOf: (model) => idOnVertex(CATALOGUE, model, 'omni'),
      }
    : { kind: 'developer', apiKey, baseUrl: config.GOOGLE_GEMINI_BASE_URL };
}

function createStorage(config: Config, extra: StorageOptions = {}): Storage {
  const apiEndpoint = config.CLAPPER_STORAGE_ENDPOINT;
  return new Storage({ projectId: config.GOOGLE_CLOUD_PROJECT, ...defined({ apiEndpoint }), ...extra });
}

/** A client that signs links with a key file instead of IAM. */
function createSigner(config: Config): Storage | undefined {
  const file = config.CLAPPER_SIGNER_KEY_FILE;
  if (file === undefined) return undefined;
  return createStorage(config, { authClient: createKeySigner(readFileSync(file, 'utf8')) });
}

function createTasksClient(config: Config): CloudTasksClient {
  const [apiEndpoint, port] = config.CLAPPER_TASKS_ENDPOINT?.split(':') ?? [];
  if (apiEndpoint === undefined) return new CloudTasksClient();
  // The credentials have to come from google-gax's own grpc: credentials of a second copy of grpc crash the process.
  return new CloudTasksClient({
    apiEndpoint,
    port: Number(port),
    sslCreds: grpc.credentials.createInsecure(),
  });
}
