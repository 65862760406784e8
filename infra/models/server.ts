/**
 * The server of the simulated models: Veo, Omni, Gemini's image models and Imagen, with the APIs of Vertex AI and of the
 * Gemini Developer API, on loopback.
 *
 * It rejects the requests that the real services reject. Its latencies are theirs divided by a speed-up. It produces
 * valid MP4 files that show SIMULATED on every frame.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LOOPBACK, type RunningServer } from '../shared/running-server.ts';
import { ClockTimers } from './clock-timers.ts';
import { controlRoutes } from './fault/control-surface.ts';
import { type FaultRule, FaultRuleSet, parseFaultRules } from './fault/fault-rules.ts';
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
  /** Default: a free port. */
  readonly port?: number;
  readonly host?: string;
  /** Every accepted call is stored under `<stateDir>/models`. Without it, `stop` deletes the state. */
  readonly stateDir?: string;
  /** Base URL of the Cloud Storage JSON API that serves `storageUri` and `gcsUri`. */
  readonly storageUrl: string;
  readonly isAccessToken: (bearer: string) => boolean;
  readonly isApiKey: (key: string) => boolean;
  /** Latencies are divided by this. Default 20: two minutes become six seconds. */
  readonly speedUp?: number;
  /** Submissions per minute, per project and model, on the clock `now`; the speed-up does not apply. Default: no limit. */
  readonly requestsPerMinute?: number;
  /** Regions of Vertex AI that serve Veo. Default: us-central1. */
  readonly vertexLocations?: readonly string[];
  /** 'retired': the Developer API returns 404 for every Veo model, as it has since 2026-10-22. Default 'alive'. */
  readonly developerApiVeo?: 'alive' | 'retired';
  /** 'alive': both surfaces still serve Imagen 4, as Vertex AI did until 2026-06-30. Default 'retired'. */
  readonly imagen?: 'alive' | 'retired';
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** Decides latencies, and the requests that a fault with a `rate` applies to. Default: seeded with `seed`. */
  readonly random?: () => number;
  readonly seed?: number;
  readonly onPaidCall?: (call: PaidCall) => void;
  readonly onBug?: (error: unknown) => void;
}

export interface RunningModels extends RunningServer {
  readonly url: string;
  /** Adds a fault rule. @throws ZodError when the rule is invalid */
  readonly script: (rule: FaultRule) => void;
  readonly clearFaults: () => void;
  /** Every accepted call since the state folder was created, oldest first. */
  readonly paidCalls: () => readonly PaidCall[];
  /** Resolves when all videos that are due have landed and their webhooks were called. For tests that set the clock. */
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
  const timers = new ClockTimers(now);
  const producer = new Producer({ store, files, objects, timers, now, onBug });
  const images = new ImageLedger(directory);
  const faults = new FaultRuleSet(random);
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
  const omni = omniService({ context, timers, url, onBug, isAccessToken, isApiKey });
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
          timers,
          signal: producer.signal,
          quota: requestQuota(options.requestsPerMinute, now),
          onAccepted: (call) => options.onPaidCall?.(images.toPaidCall(call)),
        },
        isAccessToken,
        isApiKey,
        locations: options.vertexLocations ?? ['us-central1'],
        isImagenAlive: options.imagen === 'alive',
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

/** Keeps the files of unfinished operations and, for two days, the videos that this server delivers itself. */
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
