/** Shared by the Cloud Tasks suites: the server, the unmodified client, a real HTTP target, and an injected clock. */
import http from 'node:http';
import { CloudTasksClient } from '@google-cloud/tasks';
import { grpc } from 'google-gax';
import { onTestFinished } from 'vitest';
import {
  type RunningTasks,
  startTasks,
  type TaskAttempt,
  type TasksOptions,
} from '../../../infra/tasks/server.ts';
import { wholeRequests } from '../../support/whole-requests.ts';

export const LOCATION = 'projects/clapper-test/locations/us-central1';
export const queueName = (id: string): string => `${LOCATION}/queues/${id}`;

/** google.rpc codes as numbers, as in the client's errors. */
export const { status: Code } = grpc;

/** A list that can be awaited. */
class Recorder<T> {
  readonly all: T[] = [];
  #waiters: { readonly count: number; readonly resolve: (all: readonly T[]) => void }[] = [];

  push(item: T): void {
    this.all.push(item);
    const ready = this.#waiters.filter(({ count }) => count <= this.all.length);
    this.#waiters = this.#waiters.filter(({ count }) => count > this.all.length);
    for (const { resolve } of ready) resolve(this.all);
  }

  atLeast(count: number): Promise<readonly T[]> {
    if (this.all.length >= count) return Promise.resolve(this.all);
    return new Promise((resolve) => this.#waiters.push({ count, resolve }));
  }

  /** Resolves to item `index` when it exists. */
  async at(index: number): Promise<T> {
    await this.atLeast(index + 1);
    const item = this.all[index];
    if (item === undefined) throw new Error(`Nothing at ${index}`);
    return item;
  }
}

export interface Arrival {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly atMs: number;
  /** The short name of the task. */
  readonly task: string;
  /** Resolves when the caller closes the connection before the response. */
  readonly closedByCaller: Promise<void>;
}

export type Reply =
  | number
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | 'hang'
  | 'reset';

/** A real HTTP server as the target of tasks. */
export class Target {
  readonly arrivals = new Recorder<Arrival>();
  /** Returns the response to each request. Replace it to script responses. */
  reply: (arrival: Arrival) => Reply | Promise<Reply> = () => 200;
  readonly #server = http.createServer(
    wholeRequests((request, body, response) => this.#answer(request, body, response)),
  );
  #port = 0;

  static async start(): Promise<Target> {
    const target = new Target();
    await new Promise<void>((resolve) => target.#server.listen(0, '127.0.0.1', resolve));
    const address = target.#server.address();
    target.#port = typeof address === 'object' && address !== null ? address.port : 0;
    return target;
  }

  url(path = '/'): string {
    return `http://127.0.0.1:${this.#port}${path}`;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: http.IncomingMessage, body: Buffer, response: http.ServerResponse): Promise<void> {
    const closedByCaller = new Promise<void>((resolve) => {
      response.once('close', () => {
        if (!response.writableFinished) resolve();
      });
    });
    const arrival: Arrival = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      body,
      atMs: Date.now(),
      task: String(request.headers['x-cloudtasks-taskname']),
      closedByCaller,
    };
    this.arrivals.push(arrival);
    const reply = await this.reply(arrival);
    if (reply === 'hang') return;
    if (reply === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    const { status, headers = {} } = typeof reply === 'number' ? { status: reply } : reply;
    response.writeHead(status, headers).end();
  }
}

export class ManualClock {
  #ms: number;

  constructor(startMs = Date.UTC(2026, 10, 21)) {
    this.#ms = startMs;
  }

  readonly now = (): number => this.#ms;

  advance(ms: number): void {
    this.#ms += ms;
  }
}

export function clientOn(port: number): CloudTasksClient {
  return new CloudTasksClient({
    apiEndpoint: '127.0.0.1',
    port,
    projectId: 'clapper-test',
    sslCreds: grpc.credentials.createInsecure(),
  });
}

export interface World {
  readonly tasks: RunningTasks;
  readonly client: CloudTasksClient;
  readonly target: Target;
  readonly clock: ManualClock;
  /** All ended deliveries. */
  readonly attempts: Recorder<TaskAttempt>;
  /** The unexpected errors that the server reported. */
  readonly bugs: unknown[];
  /** Advances the clock and lets the server check for due tasks. */
  readonly advance: (ms: number) => void;
}

/** A server with an injected clock, a client and a target. All are closed at the end of the test. */
export async function openWorld(options: TasksOptions = {}): Promise<World> {
  const { close, ...world } = await startWorld(options);
  onTestFinished(close);
  return world;
}

/** The same, but the caller closes it. */
export async function startWorld(
  options: TasksOptions = {},
): Promise<World & { readonly close: () => Promise<void> }> {
  const clock = new ManualClock();
  const attempts = new Recorder<TaskAttempt>();
  const bugs: unknown[] = [];
  const target = await Target.start();
  const tasks = await startTasks({
    now: clock.now,
    onAttempt: (attempt) => attempts.push(attempt),
    onBug: (bug) => bugs.push(bug),
    ...options,
  });
  const client = clientOn(tasks.port);
  const close = async (): Promise<void> => {
    await client.close();
    await tasks.stop();
    await target.stop();
  };
  const advance = (ms: number): void => {
    clock.advance(ms);
    tasks.wakeUp();
  };
  return { tasks, client, target, clock, attempts, bugs, advance, close };
}

export type NewTask = NonNullable<NonNullable<Parameters<CloudTasksClient['createTask']>[0]>['task']>;

/** Creates a POST task for the world's target. Returns its full name. */
export async function enqueue(
  { client, target }: Pick<World, 'client' | 'target'>,
  parent: string,
  id?: string,
  task: NewTask = {},
): Promise<string> {
  const [created] = await client.createTask({
    parent,
    task: {
      ...(id === undefined ? {} : { name: `${parent}/tasks/${id}` }),
      ...task,
      httpRequest: { url: target.url(), ...task.httpRequest },
    },
  });
  return created.name ?? '';
}

/** Creates a queue with these settings and defaults for the rest. Returns its full name. */
export async function makeQueue(
  { client }: Pick<World, 'client'>,
  id: string,
  settings: Omit<
    NonNullable<NonNullable<Parameters<CloudTasksClient['createQueue']>[0]>['queue']>,
    'name'
  > = {},
): Promise<string> {
  const name = queueName(id);
  await client.createQueue({ parent: LOCATION, queue: { name, ...settings } });
  return name;
}

/**
 * The number of deliveries so far. The server checks its queues before this reads the counters, so an unchanged number
 * proves that no other task was due.
 */
export async function dispatched({ tasks }: Pick<World, 'tasks'>): Promise<number> {
  tasks.wakeUp();
  // The server checks its queues in the next turn of the event loop and then has started all dispatches.
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  const counts = Object.values(tasks.stats());
  return counts.reduce((sum, { attempts, running }) => sum + attempts + running, 0);
}

export const secondsFrom = (ms: number): { seconds: number; nanos: number } => ({
  seconds: Math.floor(ms / 1000),
  nanos: Math.round((ms % 1000) * 1e6),
});

export const millisecondsOf = (
  time: { seconds?: unknown; nanos?: number | null } | null | undefined,
): number => Number(time?.seconds ?? 0) * 1000 + Number(time?.nanos ?? 0) / 1e6;

/** mulberry32 with a seed, so that SEED=n replays a random test. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
