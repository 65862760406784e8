/** What the suites of Cloud Tasks share: the server, the unmodified client, a real target, and a clock to move. */
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

/** google.rpc codes by their number, as the client's errors carry them. */
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

  /** The `index`-th item, once it is there. */
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
  /** Resolves when the caller has hung up before the answer. */
  readonly hungUp: Promise<void>;
}

export type Reply =
  | number
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | 'hang'
  | 'reset';

/** A real HTTP server that tasks are sent to. */
export class Target {
  readonly arrivals = new Recorder<Arrival>();
  /** Decides each answer; replace it to script. */
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
    const hungUp = new Promise<void>((resolve) => {
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
      hungUp,
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
  /** Every delivery that has ended. */
  readonly attempts: Recorder<TaskAttempt>;
  /** Whatever the server took for a bug of its own. */
  readonly bugs: unknown[];
  /** Moves the clock and has the server look again. */
  readonly advance: (ms: number) => void;
}

/** A server on an injected clock, a client and a target; all end with the test. */
export async function openWorld(options: TasksOptions = {}): Promise<World> {
  const { close, ...world } = await startWorld(options);
  onTestFinished(close);
  return world;
}

/** The same, for whoever ends it. */
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

/** A queue of the default settings but for these. Returns its full name. */
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
 * How many deliveries the server has made by now. It looks at its queues before it is asked, so a number that stays
 * shows that nothing more was due.
 */
export async function dispatched({ tasks }: Pick<World, 'tasks'>): Promise<number> {
  tasks.wakeUp();
  // The server looks in the next turn of the event loop, and has then begun whatever it dispatches.
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

/** mulberry32, so that a random test can be replayed: SEED=n. */
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
