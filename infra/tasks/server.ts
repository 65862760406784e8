/**
 * Cloud Tasks on loopback: google.cloud.tasks.v2 over gRPC, so that the official client works unchanged. Tasks are
 * dispatched over HTTP. Queues have rate limits, concurrency limits, retries and system throttling. Tasks have schedule
 * times, dispatch deadlines, deduplicated names and ID tokens. Delivery is at least once, and faults can be injected.
 *
 * Not supported: App Engine targets, OAuth tokens, IAM policies, queue filters, and the slow ramp-up of an idle queue.
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
  /** Default: a free port. */
  readonly port?: number;
  readonly host?: string;
  /** The journal is in `<stateDir>/tasks`. Without it nothing survives `stop`. */
  readonly stateDir?: string;
  /** Epoch milliseconds. Call `wakeUp` after changing an injected clock. */
  readonly now?: () => number;
  /** Random source of the injected faults. Default: Math.random. */
  readonly random?: () => number;
  /** Signs the ID token of a task with `oidcToken`. Without it such tasks are refused. */
  readonly signIdToken?: SignIdToken;
  readonly faults?: Partial<TaskFaults>;
  /** Maps the stored URL of a task to its current one: after a restart the target may listen on another port. */
  readonly resolveUrl?: (url: string) => string;
  /** Called when a delivery has ended or was lost by fault injection. */
  readonly onAttempt?: (attempt: TaskAttempt) => void;
  /** Called with unexpected errors. Default: writes them to standard error. */
  readonly onBug?: (error: unknown) => void;
  /** How long a task's name is reserved after the task has ended. Default 1 h; the service documents up to 24 h. */
  readonly tombstoneMs?: number;
  /** Queues to create at the start. Existing ones get these settings. */
  readonly queues?: readonly QueueSpec[];
}

export interface RunningTasks extends RunningServer {
  /** Changes only the given fields. */
  readonly setFaults: (faults: Partial<TaskFaults>) => void;
  /** Checks for due tasks. Call it after changing an injected clock. */
  readonly wakeUp: () => void;
  /** By full queue name. */
  readonly stats: () => Readonly<Record<string, QueueStats>>;
}

const HOUR_MS = 3_600_000;

/** Well above the task limit of 1 MiB, so that a task that is too large gets the service's error message. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;

/** @throws when a queue is invalid, when the name of a deleted queue is still reserved, or when the port is in use */
export async function startTasks(options: TasksOptions = {}): Promise<RunningTasks> {
  const { port = 0, host = LOOPBACK, now = Date.now, onBug = reportBug, signIdToken } = options;
  const {
    stateDir,
    queues = [],
    tombstoneMs = HOUR_MS,
    onAttempt = () => {},
    resolveUrl = (url) => url,
  } = options;
  const faults = new FaultInjector(options.random ?? Math.random, options.faults ?? {});
  const dispatcher = new Dispatcher();
  const idTokens = signIdToken === undefined ? undefined : new IdTokens(signIdToken, now);
  const file = stateDir === undefined ? undefined : path.join(stateDir, 'tasks', 'journal.jsonl');
  const engine = new TasksEngine({
    persistence: Persistence.open(file),
    context: { now, faults, dispatcher, idTokens, resolveUrl, onAttempt, onBug },
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
