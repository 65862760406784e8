/**
 * The configuration of the local stack: names, ports, files and the environment of the functions. It is the counterpart
 * of the resources that Terraform provisions in the cloud.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readSchedules, type Schedules } from '../scheduler/schedule-file.ts';
import { loadIdentity } from '../shared/identity.ts';
import { LOOPBACK } from '../shared/running-server.ts';
import { freePort } from './free-port.ts';
import type { StackQueue } from './queues.ts';
import { stackQueues } from './queues.ts';
import { cloudSettings } from './settings.ts';

export const PROJECT = 'clapper-local';
export const REGION = 'us-central1';
export const INPUT_BUCKET = 'clapper-local-in';
export const OUTPUT_BUCKET = 'clapper-local-out';
export const EVENTS_TOPIC = `projects/${PROJECT}/topics/clapper-events`;

/** With it the simulated models take seconds instead of minutes. */
const DEFAULT_SPEED_UP = 20;

export const FUNCTION_NAMES = [
  'api',
  'submit',
  'poll',
  'notify',
  'upload',
  'landed',
  'batch',
  'sweep',
] as const;
export type FunctionName = (typeof FUNCTION_NAMES)[number];

const SERVERS = ['api', 'firestore', 'tasks', 'storage', 'models', 'identity', 'pubsub'] as const;
type ServerName = (typeof SERVERS)[number];

export interface StackPlan {
  readonly stateDir: string;
  readonly ports: Readonly<Record<ServerName, number>>;
  readonly speedUp: number;
  readonly seed?: number | undefined;
  /** `host:port` of a Firestore emulator to use instead of the local server. */
  readonly firestoreHost?: string | undefined;
  readonly queues: readonly StackQueue[];
  /** Paid calls per minute for every model. Replaces the models' quotas. */
  readonly requestsPerMinute?: number | undefined;
  /** Use the real Developer API with this key. `speedUp` is then 1. */
  readonly geminiApiKey?: string | undefined;
  /** The models that Google has retired run. */
  readonly allowRetiredModels: boolean;
  readonly schedules: Schedules;
  /** The value of CLAPPER_RESTORED. */
  readonly restored?: string | undefined;
}

/** The content of `.clapper/local.json`, from which other programs find a running stack. */
export interface Endpoints {
  readonly api: string;
  readonly firestore: string;
  readonly tasks: string;
  readonly storage: string;
  readonly models: string;
  readonly pubsub: string;
}

export interface PlanOptions {
  readonly stateDir: string;
  /** Port of the API and the console. 0 picks a free one. */
  readonly apiPort: number;
  readonly speedUp?: number | undefined;
  readonly seed?: number | undefined;
  /** Dispatches per second of every submit queue. Replaces the models' quotas. */
  readonly submitPerSecond?: number | undefined;
  /** Use the real Developer API with this key. */
  readonly geminiApiKey?: string | undefined;
  /** Default: `schedules.json` in the state folder, if it exists. */
  readonly schedulesFile?: string | undefined;
  /** Run the models that Google has retired. By default they are refused, as in the cloud. */
  readonly allowRetiredModels?: boolean | undefined;
  /** The database was replaced by an older copy: the times of the copy and of this start, `FROM/UNTIL` in ISO 8601. */
  readonly restored?: string | undefined;
}

/** Chooses the ports and writes the credentials. A port of the last run is reused if it is free: stored tasks name it. */
export async function makePlan(options: PlanOptions): Promise<StackPlan> {
  const { stateDir, apiPort, speedUp, seed, submitPerSecond, geminiApiKey, schedulesFile } = options;
  mkdirSync(stateDir, { recursive: true });
  refuseMixedModels(stateDir, geminiApiKey !== undefined);
  const last = readPorts(stateDir);
  const ports: Partial<Record<ServerName, number>> = {};
  for (const name of SERVERS) {
    const wanted = name === 'api' && apiPort !== 0 ? apiPort : (last[name] ?? 0);
    const free = await freePort(wanted);
    if (name === 'api' && apiPort !== 0 && free !== apiPort) {
      throw new Error(
        `Port ${apiPort} is in use. Stop the process that uses it, or choose another port with --port.`,
      );
    }
    ports[name] = free;
  }
  const { api = 0, firestore = 0, tasks = 0, storage = 0, models = 0, identity = 0, pubsub = 0 } = ports;
  const effectiveSpeedUp = geminiApiKey === undefined ? (speedUp ?? DEFAULT_SPEED_UP) : 1;
  const plan: StackPlan = {
    stateDir,
    ports: { api, firestore, tasks, storage, models, identity, pubsub },
    speedUp: effectiveSpeedUp,
    seed,
    firestoreHost: process.env['FIRESTORE_EMULATOR_HOST'],
    queues: stackQueues(effectiveSpeedUp, submitPerSecond),
    requestsPerMinute: submitPerSecond === undefined ? undefined : submitPerSecond * 60,
    geminiApiKey,
    // Only simulated models can be brought back.
    allowRetiredModels: options.allowRetiredModels === true && geminiApiKey === undefined,
    restored: options.restored,
    schedules: readSchedules(
      schedulesFile ?? path.join(stateDir, 'schedules.json'),
      schedulesFile !== undefined,
    ),
  };
  writeFileSync(path.join(stateDir, 'ports.json'), JSON.stringify(plan.ports));
  writeCredentials(plan);
  return plan;
}

/**
 * A job must be finished by the models that started it. The simulated models do not know Google's operations, so a paid
 * job would fail as lost.
 * @throws Error for a state folder with jobs of the real models when no key is given
 */
function refuseMixedModels(stateDir: string, isReal: boolean): void {
  const marker = path.join(stateDir, 'real-models');
  if (isReal) writeFileSync(marker, '');
  else if (existsSync(marker)) {
    throw new Error(
      `${stateDir} holds jobs of Google's models, which the simulated models cannot finish. To resume one, set ` +
        'GEMINI_API_KEY and run npm run generate -- --job ID. To start a new stack, choose another folder with --state.',
    );
  }
}

export const urlOf = (plan: StackPlan, server: ServerName): string =>
  `http://${LOOPBACK}:${plan.ports[server]}`;

/** In the cloud every function has its own host. Here it has its own path behind the port of the API. */
export const functionUrl = (plan: StackPlan, name: FunctionName): string =>
  name === 'api' ? urlOf(plan, 'api') : `${urlOf(plan, 'api')}/_functions/${name}`;

const firestoreHost = (plan: StackPlan): string =>
  plan.firestoreHost ?? `${LOOPBACK}:${plan.ports.firestore}`;

export const endpointsOf = (plan: StackPlan): Endpoints => ({
  api: urlOf(plan, 'api'),
  firestore: firestoreHost(plan),
  tasks: `${LOOPBACK}:${plan.ports.tasks}`,
  storage: urlOf(plan, 'storage'),
  models: urlOf(plan, 'models'),
  pubsub: `${LOOPBACK}:${plan.ports.pubsub}`,
});

/** The environment of the functions. `functions/config.ts` reads it. */
export function functionsEnvironment(plan: StackPlan): Record<string, string> {
  const { serviceAccountEmail } = loadIdentity(plan.stateDir);
  return {
    GOOGLE_CLOUD_PROJECT: PROJECT,
    CLAPPER_REGION: REGION,
    CLAPPER_INPUT_BUCKET: INPUT_BUCKET,
    CLAPPER_OUTPUT_BUCKET: OUTPUT_BUCKET,
    CLAPPER_SUBMIT_URL: functionUrl(plan, 'submit'),
    CLAPPER_POLL_URL: functionUrl(plan, 'poll'),
    CLAPPER_BATCH_URL: functionUrl(plan, 'batch'),
    CLAPPER_TASKS_SERVICE_ACCOUNT: serviceAccountEmail,
    CLAPPER_TASKS_AUDIENCES: `${functionUrl(plan, 'sweep')},${functionUrl(plan, 'batch')}`,
    CLAPPER_CALLERS: 'local',
    CLAPPER_OPERATORS: 'local',
    // Pages that developers serve on this machine.
    CLAPPER_CORS_ORIGINS: process.env['CLAPPER_CORS_ORIGINS'] ?? 'http://localhost:*,http://127.0.0.1:*',
    // Only the simulated models can reach a loopback URL.
    ...(plan.geminiApiKey === undefined
      ? { CLAPPER_PROVIDER_WEBHOOK_URL: `${urlOf(plan, 'api')}/v1/provider-events` }
      : {}),
    // Safe to enable: no budget exists here, so a notice comes only from somebody who tests the stop.
    CLAPPER_BUDGET_STOP: '1',
    CLAPPER_JOB_TTL_DAYS: String(cloudSettings.jobTtlDays),
    CLAPPER_TOKEN_ISSUERS: 'https://accounts.clapper.local',
    CLAPPER_TOKEN_JWKS_URL: `${urlOf(plan, 'identity')}/jwks`,
    CLAPPER_READABLE_PREFIXES: `gs://${INPUT_BUCKET}/`,
    CLAPPER_DELIVERY_PREFIXES: `gs://${OUTPUT_BUCKET}/delivered/`,
    CLAPPER_EVENTS_TOPIC: EVENTS_TOPIC,
    CLAPPER_SCHEDULES: JSON.stringify(plan.schedules),
    CLAPPER_UPLOADS: JSON.stringify([{ prefix: 'uploads/', caller: 'local' }]),
    ...(plan.restored === undefined ? {} : { CLAPPER_RESTORED: plan.restored }),
    CLAPPER_ALLOW_RETIRED_MODELS: String(plan.allowRetiredModels),
    CLAPPER_SCALED_DOWN_VIDEOS: 'true',
    CLAPPER_MODEL_SPEED_UP: String(plan.speedUp),
    ...(plan.requestsPerMinute === undefined
      ? {}
      : { CLAPPER_REQUESTS_PER_MINUTE: String(plan.requestsPerMinute) }),
    CLAPPER_TASKS_ENDPOINT: `${LOOPBACK}:${plan.ports.tasks}`,
    CLAPPER_STORAGE_ENDPOINT: urlOf(plan, 'storage'),
    CLAPPER_SIGNER_KEY_FILE: signerFile(plan.stateDir),
    FIRESTORE_EMULATOR_HOST: firestoreHost(plan),
    PUBSUB_EMULATOR_HOST: `${LOOPBACK}:${plan.ports.pubsub}`,
    GOOGLE_VERTEX_BASE_URL: urlOf(plan, 'models'),
    ...(plan.geminiApiKey === undefined
      ? { GOOGLE_GEMINI_BASE_URL: urlOf(plan, 'models'), CLAPPER_GEMINI_API_KEY: 'simulated' }
      : { CLAPPER_GEMINI_API_KEY: plan.geminiApiKey }),
    GOOGLE_APPLICATION_CREDENTIALS: credentialsFile(plan.stateDir),
    // Google's clients must not probe for the metadata server.
    METADATA_SERVER_DETECTION: 'none',
  };
}

const signerFile = (stateDir: string): string => path.join(stateDir, 'signer.json');
const credentialsFile = (stateDir: string): string => path.join(stateDir, 'credentials.json');

/** Writes credentials that direct Google's auth library to the local token server, and the key that signs URLs. */
function writeCredentials(plan: StackPlan): void {
  const { stateDir } = plan;
  const identity = loadIdentity(stateDir);
  const subjectFile = path.join(stateDir, 'subject-token');
  writeFileSync(subjectFile, 'local', { mode: 0o600 });
  const credentials = {
    type: 'external_account',
    audience: `//iam.googleapis.com/projects/0/locations/global/workloadIdentityPools/${PROJECT}/providers/local`,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${urlOf(plan, 'identity')}/token`,
    credential_source: { file: subjectFile },
  };
  const signer = {
    type: 'service_account',
    project_id: PROJECT,
    client_email: identity.serviceAccountEmail,
    private_key: identity.privateKeyPem,
  };
  writeFileSync(credentialsFile(stateDir), JSON.stringify(credentials), { mode: 0o600 });
  writeFileSync(signerFile(stateDir), JSON.stringify(signer), { mode: 0o600 });
}

function readPorts(stateDir: string): Partial<Record<string, number>> {
  try {
    return JSON.parse(readFileSync(path.join(stateDir, 'ports.json'), 'utf8'));
  } catch {
    return {};
  }
}
