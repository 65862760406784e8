/**
 * Cloud Tasks on loopback: google.cloud.tasks.v2 over gRPC, dispatching over real HTTP, so that the official client
 * works unchanged. Queues have rate limits, concurrency, retries and system throttling; tasks have schedule times,
 * deadlines, names that rest after use, and ID tokens. Delivery is at least once, and faults can make that show.
 *
 * Not served: App Engine targets, OAuth tokens, IAM policies, filters of queues, and the slow ramp-up of an idle queue.
 */
import path from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { bindInsecure } from '../shared/grpc.ts';
import { LOOPBACK, type RunningServer } from '../shared/running-server.ts';
import { Dispatcher } from './dispatcher.ts';
import { TasksEngine } from './engine.ts';
import { FaultInjector, type TaskFaults } from './faults.ts';
import { IdTokens, type SignIdToken } from './id-tokens.ts';
import { Persistence } from './persistence.ts';
import { cloudTasksService, implementationOf } from './protos.ts';
import type { QueueSpec } from './queue-settings.ts';
import { cloudTasksMethods } from './service.ts';
import type { QueueStats, TaskAttempt } from './task-attempt.ts';

export type { TaskFaults } from './faults.ts';
export type { QueueSpec } from './queue-settings.ts';
export type { TaskAttempt } from './task-attempt.ts';

export interface TasksOptions {
  /** Default: a free one. */
  readonly port?: number;
  readonly host?: string;
  /** Everything acknowledged is kept under `<stateDir>/tasks`. Without it nothing outlives `stop`. */
  readonly stateDir?: string;
  /** Epoch milliseconds. Whoever moves it calls `wakeUp`. */
  readonly now?: () => number;
  /** Draws the faults. Default: Math.random. */
  readonly random?: () => number;
  /** Makes the ID token of a task that asks for one; without it such tasks are refused. */
  readonly signIdToken?: SignIdToken;
  readonly faults?: Partial<TaskFaults>;
  /** Where what a stored task names is to be found now. In the service a URL stays; on a machine it may get another port. */
  readonly urlNow?: (url: string) => string;
  /** Called when a delivery has ended, or was lost on purpose. */
  readonly onAttempt?: (attempt: TaskAttempt) => void;
  /** Called with what should never happen. Default: writes it to stderr. */
  readonly onBug?: (error: unknown) => void;
  /** How long a task's name rests after its end. Default one hour; the service says up to 24. */
  readonly tombstoneMs?: number;
  /** Made at the start, or given these settings if they exist. */
  readonly queues?: readonly QueueSpec[];
}

export interface RunningTasks extends RunningServer {
  /** Changes what is named; the rest stays. */
  readonly setFaults: (faults: Partial<TaskFaults>) => void;
  /** Looks again what is due; for whoever moved an injected clock. */
  readonly wakeUp: () => void;
  /** By full name of the queue. */
  readonly stats: () => Readonly<Record<string, QueueStats>>;
}

const HOUR_MS = 3_600_000;

/** Well above the mebibyte of a task, so that one which is too large is told so in the service's words. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;

/** @throws when a queue of the list is invalid or its name still rests after its deletion, or the port is taken */
export async function startTasks(options: TasksOptions = {}): Promise<RunningTasks> {
  const { port = 0, host = LOOPBACK, now = Date.now, onBug = reportBug, signIdToken } = options;
  const {
    stateDir,
    queues = [],
    tombstoneMs = HOUR_MS,
    onAttempt = () => {},
    urlNow = (url) => url,
  } = options;
  const faults = new FaultInjector(options.random ?? Math.random, options.faults ?? {});
  const dispatcher = new Dispatcher();
  const idTokens = signIdToken === undefined ? undefined : new IdTokens(signIdToken, now);
  const file = stateDir === undefined ? undefined : path.join(stateDir, 'tasks', 'journal.jsonl');
  const engine = new TasksEngine({
    persistence: Persistence.open(file),
    context: { now, faults, dispatcher, idTokens, urlNow, onAttempt, onBug },
    tombstoneMs,
  });

  const server = new grpc.Server({
    'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
    'grpc.max_send_message_length': -1,
  });
  const methods = cloudTasksMethods({ engine, now, canSign: idTokens !== undefined });
  server.addService(cloudTasksService, implementationOf(methods, onBug));
  const stop = (): void => {
    server.forceShutdown();
    engine.stop();
    dispatcher.close();
  };

  try {
    const boundPort = await bindInsecure(server, host, port);
    for (const spec of queues) engine.declareQueue(spec);
    engine.start();
    return {
      port: boundPort,
      stop: async () => stop(),
      setFaults: (changes) => faults.set(changes),
      wakeUp: () => engine.wakeUp(),
      stats: () => engine.stats(),
    };
  } catch (error) {
    stop();
    throw error;
  }
}

function reportBug(error: unknown): void {
  process.stderr.write(`Cloud Tasks: ${error instanceof Error ? error.stack : String(error)}\n`);
}
