/**
 * The simulated models: Veo, Omni, Gemini's image models and Imagen as Vertex AI and the Gemini Developer API serve
 * them, on loopback.
 *
 * It refuses what the real services refuse, takes as long as they do (divided by a speed-up), and produces real MP4
 * files that say SIMULATED on every frame. A further surface is a further list of routes.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LOOPBACK, type RunningServer } from '../shared/running-server.ts';
import { Alarms } from './alarms.ts';
import { controlRoutes } from './fault/control-surface.ts';
import { FaultBook, type FaultRule, parseFaultRules } from './fault/fault-rules.ts';
import { DirectiveCounter } from './fault/prompt-directives.ts';
import { requestQuota } from './http/quota.ts';
import { routingServer } from './http/router.ts';
import { ImageLedger } from './image/image-ledger.ts';
import { imageRoutes } from './image/image-routes.ts';
import { omniService } from './omni/omni-service.ts';
import { FILE_LIFETIME_MS, GeneratedFiles } from './operation/generated-files.ts';
import { ObjectStore } from './operation/object-store.ts';
import { OperationStore } from './operation/operations.ts';
import { type PaidCall, toPaidCall } from './operation/paid-calls.ts';
import { Producer } from './operation/producer.ts';
import { VideoFiles } from './operation/video-files.ts';
import { seededRandom } from './random.ts';
import { developerRoutes } from './veo/developer-surface.ts';
import type { SubmissionContext } from './veo/submission.ts';
import { vertexRoutes } from './veo/vertex-surface.ts';

export type { FaultRule } from './fault/fault-rules.ts';
export type { PaidCall } from './operation/paid-calls.ts';

export interface ModelsOptions {
  /** Default: a free one. */
  readonly port?: number;
  readonly host?: string;
  /** Everything acknowledged is kept under `<stateDir>/models`. Without it nothing outlives `stop`. */
  readonly stateDir?: string;
  /** Base URL of the Cloud Storage JSON API where `storageUri` and `gcsUri` lead. */
  readonly storageUrl: string;
  readonly isAccessToken: (bearer: string) => boolean;
  readonly isApiKey: (key: string) => boolean;
  /** Latencies are divided by this. Default 20: two minutes become six seconds. */
  readonly speedUp?: number;
  /** Submissions per minute (of `now`, not sped up), per project and model. Default: no limit. */
  readonly requestsPerMinute?: number;
  /** Regions of Vertex AI that serve Veo. Default: us-central1. */
  readonly vertexLocations?: readonly string[];
  /** 'retired': the Developer API answers 404 to every Veo, as it does since 2026-10-22. Default 'alive'. */
  readonly developerApiVeo?: 'alive' | 'retired';
  /** 'alive': the Developer API still serves Imagen 4, as it did until 2026-08-17. Default 'retired'. */
  readonly developerApiImagen?: 'alive' | 'retired';
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** Draws latencies and the rates of faults. Default: seeded by `seed`. */
  readonly random?: () => number;
  readonly seed?: number;
  readonly onPaidCall?: (call: PaidCall) => void;
  readonly onBug?: (error: unknown) => void;
}

export interface RunningModels extends RunningServer {
  readonly url: string;
  /** Adds a rule of faults; see {@link FaultRule}. @throws when the rule cannot be */
  readonly script: (rule: FaultRule) => void;
  readonly clearFaults: () => void;
  /** Every accepted submission since the state folder was made, oldest first. */
  readonly paidCalls: () => readonly PaidCall[];
  /** Resolves when all that is due by `now` has been encoded, landed and told; for tests that move the clock. */
  readonly settled: () => Promise<void>;
}

const DEFAULT_SPEED_UP = 20;

export async function startModels(options: ModelsOptions): Promise<RunningModels> {
  const { host = LOOPBACK, now = Date.now, onBug = reportBug } = options;
  const random = options.random ?? seededRandom(options.seed ?? 1);
  const temporaryDir =
    options.stateDir === undefined ? mkdtempSync(path.join(tmpdir(), 'clapper-models-')) : undefined;
  const directory = temporaryDir ?? path.join(options.stateDir ?? '', 'models');
  const store = new OperationStore(directory);
  const files = new VideoFiles(path.join(directory, 'videos'));
  const objects = new ObjectStore(options.storageUrl);
  const alarms = new Alarms(now);
  const producer = new Producer({ store, files, objects, alarms, now, onBug });
  const images = new ImageLedger(directory);
  const faults = new FaultBook(random);
  const context: SubmissionContext = {
    store,
    files,
    producer,
    objects,
    generated: new GeneratedFiles(store, files, now),
    quota: requestQuota(options.requestsPerMinute, now),
    faults,
    directives: new DirectiveCounter(),
    now,
    random,
    speedUp: options.speedUp ?? DEFAULT_SPEED_UP,
    onAccepted: (operation) => options.onPaidCall?.(toPaidCall(operation, store, now())),
  };
  const paidCalls = (): readonly PaidCall[] =>
    [...store.all().map((operation) => toPaidCall(operation, store, now())), ...images.paidCalls()].toSorted(
      (a, b) => a.time.localeCompare(b.time),
    );
  let port = 0;
  const url = (): string => `http://${host}:${port}`;
  const { isAccessToken, isApiKey } = options;
  const omni = omniService({ context, alarms, url, onBug, isAccessToken, isApiKey });
  const server = routingServer(
    [
      ...vertexRoutes({
        context,
        isAccessToken,
        isApiKey,
        locations: options.vertexLocations ?? ['us-central1'],
      }),
      ...developerRoutes({
        context,
        isAccessToken,
        isApiKey,
        isVeoAlive: options.developerApiVeo !== 'retired',
        url,
      }),
      ...imageRoutes({
        context: {
          ...context,
          ledger: images,
          alarms,
          signal: producer.signal,
          quota: requestQuota(options.requestsPerMinute, now),
          onAccepted: (call) => options.onPaidCall?.(images.toPaidCall(call)),
        },
        isAccessToken,
        isApiKey,
        locations: options.vertexLocations ?? ['us-central1'],
        isDeveloperImagenAlive: options.developerApiImagen === 'alive',
      }),
      ...omni.routes,
      ...controlRoutes({ paidCalls, faults }),
    ],
    onBug,
  );
  await removeOldFiles(store, files, now());
  for (const operation of store.unlanded()) producer.start(operation);
  port = await listen(server, host, options.port ?? 0);
  omni.resume();
  return {
    port,
    url: url(),
    script: (rule) => {
      for (const parsed of parseFaultRules(rule)) faults.add(parsed);
    },
    clearFaults: () => faults.clear(),
    paidCalls,
    settled: async () => {
      await producer.settled();
      await omni.settled();
    },
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      omni.stop();
      await Promise.all([closed, producer.stop()]);
      store.close();
      images.close();
      if (temporaryDir !== undefined) rmSync(temporaryDir, { recursive: true, force: true });
    },
  };
}

/** Keeps the files of unfinished operations, and for two days those that are served from here. */
async function removeOldFiles(store: OperationStore, files: VideoFiles, nowMs: number): Promise<void> {
  const kept = new Set(
    store
      .all()
      .filter((operation) => {
        if (store.isCancelled(operation)) return false;
        const landing = store.landingOf(operation);
        if (landing === undefined) return true;
        return operation.storageUri === null && landing.atMs + FILE_LIFETIME_MS > nowMs;
      })
      .map((operation) => operation.id),
  );
  await files.removeAllBut((operationId) => kept.has(operationId));
}

function listen(server: ReturnType<typeof routingServer>, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function reportBug(error: unknown): void {
  process.stderr.write(
    `models: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
}
