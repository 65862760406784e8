/**
 * The process of the local cloud: Firestore, Cloud Tasks, Cloud Storage with Eventarc, the simulated models, identity,
 * Pub/Sub and Cloud Scheduler. `stack.ts` starts this process and passes the plan.
 */
import path from 'node:path';
import { startEventarc } from '../eventarc/eventarc.ts';
import { startFirestore } from '../firestore/server.ts';
import { isAccessToken, startTokenServer } from '../identity/token-server.ts';
import { startModels } from '../models/server.ts';
import { startPubSub } from '../pubsub/server.ts';
import { startCron } from '../scheduler/cron.ts';
import { startSchedule } from '../scheduler/scheduler.ts';
import { idTokenClaims, loadIdentity } from '../shared/identity.ts';
import { startStorage } from '../storage/server.ts';
import { startTasks } from '../tasks/server.ts';
import { reportReady } from './child.ts';
import {
  EVENTS_TOPIC,
  functionUrl,
  INPUT_BUCKET,
  OUTPUT_BUCKET,
  PROJECT,
  REGION,
  type StackPlan,
  urlOf,
} from './plan.ts';
import { cloudSettings } from './settings.ts';

// Not validated: the parent, which runs the same version of the code, has just written it.
const plan: StackPlan = JSON.parse(process.env['CLAPPER_STACK_PLAN'] ?? '');
const { stateDir, ports, speedUp } = plan;
/** The origin of a function's URL. */
const FUNCTION_ORIGIN = /^http:\/\/[\d.]+:\d+(?=\/_functions\/)/;
const identity = loadIdentity(stateDir);
const { serviceAccountEmail } = identity;
const onBug = (error: unknown): void => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
};
const signIdToken = (email: string, audience: string): string =>
  identity.signJwt(idTokenClaims(email, audience, Date.now()));

/** Any origin: only signed links reach these buckets, and a browser has no credentials of its own for them. */
const bucketCors = (method: readonly string[]) => ({
  origin: ['*'],
  method,
  responseHeader: cloudSettings.corsHeaders,
  maxAgeSeconds: 3600,
});

const tokens = await startTokenServer(identity, { port: ports.identity });
const eventType = 'google.cloud.storage.object.v1.finalized';
const eventarc = startEventarc({
  stateDir: path.join(stateDir, 'eventarc'),
  signIdToken,
  onBug,
  triggers: [
    { bucket: INPUT_BUCKET, eventType, url: functionUrl(plan, 'upload'), serviceAccountEmail },
    { bucket: OUTPUT_BUCKET, eventType, url: functionUrl(plan, 'landed'), serviceAccountEmail },
  ],
  retry: { minBackoffMs: 10_000 / speedUp, maxBackoffMs: 600_000 / speedUp, retentionMs: 24 * 3_600_000 },
});
const storage = await startStorage({
  port: ports.storage,
  stateDir: path.join(stateDir, 'storage'),
  signers: { [serviceAccountEmail]: identity.publicKeyPem },
  // As in Terraform. An upload is one generation of an object, which may be replaced before its event is delivered.
  buckets: [
    { name: INPUT_BUCKET, versioning: { enabled: true }, cors: [bucketCors(['PUT'])] },
    { name: OUTPUT_BUCKET, cors: [bucketCors(['GET', 'HEAD'])] },
  ],
  onObjectEvent: eventarc.publish,
  onBug,
});
// FIRESTORE_EMULATOR_HOST was set: use that emulator instead.
const firestore =
  plan.firestoreHost === undefined
    ? await startFirestore({ port: ports.firestore, stateDir: path.join(stateDir, 'firestore'), onBug })
    : undefined;
const models = await startModels({
  // For clients that still use models that Google has retired.
  imagen: plan.allowRetiredModels ? 'alive' : 'retired',
  developerApiVeo: plan.allowRetiredModels ? 'alive' : 'retired',
  port: ports.models,
  stateDir,
  storageUrl: urlOf(plan, 'storage'),
  isAccessToken: (token) => isAccessToken(identity, token, Date.now()),
  isApiKey: (key) => key !== '',
  speedUp,
  ...(plan.seed === undefined ? {} : { seed: plan.seed }),
  onBug,
});
const tasks = await startTasks({
  port: ports.tasks,
  stateDir,
  signIdToken,
  // Stored tasks name the port that the functions had in an earlier run.
  resolveUrl: (url) => url.replace(FUNCTION_ORIGIN, urlOf(plan, 'api')),
  onBug,
  queues: plan.queues.map(({ id, ...queue }) => ({
    name: `projects/${PROJECT}/locations/${REGION}/queues/${id}`,
    ...queue,
  })),
});
const pubsub = await startPubSub({
  port: ports.pubsub,
  stateDir: path.join(stateDir, 'pubsub'),
  topics: [EVENTS_TOPIC],
  onBug,
});
const sweepUrl = functionUrl(plan, 'sweep');
const stopSweep = startSchedule({
  url: sweepUrl,
  everyMs: (cloudSettings.sweep.everySeconds * 1000) / speedUp,
  idToken: () => signIdToken(serviceAccountEmail, sweepUrl),
  onError: onBug,
});
const stopCron = startCron({
  jobs: Object.entries(plan.schedules).map(([schedule, { cron, timeZone }]) => ({
    name: `clapper-${schedule}`,
    ...{ cron, timeZone, url: functionUrl(plan, 'batch'), body: { schedule } },
  })),
  idToken: (url) => signIdToken(serviceAccountEmail, url),
  onError: onBug,
});

process.once('SIGTERM', () => {
  void (async () => {
    await Promise.all([stopSweep(), stopCron()]);
    await Promise.all([pubsub.stop(), tasks.stop(), models.stop(), firestore?.stop(), eventarc.stop()]);
    await Promise.all([storage.stop(), tokens.stop()]);
    process.exit(0);
  })();
});
reportReady();
