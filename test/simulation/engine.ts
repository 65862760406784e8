/**
 * The runtime of the handlers: virtual time, processes that crash, and port calls whose timing the seed decides.
 *
 * Every port call is parked: it takes effect at one virtual time and returns at a later one. Anything else may happen
 * in between, a crash of its process included. The engine resolves one call at a time and runs all microtasks before
 * the next event. No timer is needed: Node runs the tick queue only when the microtask queue is empty, so a tick that
 * a microtask schedules runs after all microtasks.
 */
import { EventQueue } from './event-queue.ts';
import { isRedeliveryRequest } from './expected-errors.ts';
import { type FaultLimits, Faults, SimulatedFault } from './faults.ts';
import { Random, TextHash } from './random.ts';

export const START_MS = Date.UTC(2026, 10, 21);
/** No correct run needs as many. A run that reaches the limit is in an endless loop. */
const EVENTS_MAX = 60_000;
const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** The random stream of each purpose. */
export const STREAM = {
  faults: 1,
  timing: 2,
  workload: 3,
  ids: 4,
  jitter: 5,
  outcomes: 6,
  users: 7,
} as const;

export interface Violation {
  readonly check: string;
  readonly message: string;
}

/** One process. After a crash another one replaces it. */
export interface Process {
  readonly name: string;
  alive: boolean;
  readonly skewMs: number;
  readonly invocations: Set<Invocation>;
}

export type Ending<T> =
  | { readonly kind: 'returned'; readonly value: T }
  | { readonly kind: 'threw'; readonly error: unknown }
  | { readonly kind: 'crashed' };

type Outcome<T> = Exclude<Ending<T>, { kind: 'crashed' }>;

/** One call of a handler. */
export interface Invocation {
  readonly label: string;
  readonly process: Process;
  readonly crashed: () => void;
}

interface ParkedCall<T> {
  readonly invocation: Invocation;
  readonly what: string;
  readonly effect: () => T;
  readonly crashWeight: number;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

export interface EngineOptions extends FaultLimits {
  readonly seed: number;
  /** No fault happens later than this after the start, in virtual time. */
  readonly quietAfterMs: number;
  readonly onLine?: ((line: string) => void) | undefined;
}

export class Engine {
  now = START_MS;
  violation: Violation | undefined;
  events = 0;
  crashes = 0;
  readonly faults: Faults;
  readonly seed: number;
  readonly quietAt: number;
  readonly #queue = new EventQueue();
  readonly #timing: Random;
  readonly #trace = new TextHash();
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #processes: Process[] = [];
  #isFinished = false;
  #resumed = false;
  /** The number of streams that each invocation reads at the moment. */
  readonly #streams = new Map<Invocation, number>();
  #answerDelayMs = 0;

  constructor({ seed, quietAfterMs, onLine, ...limits }: EngineOptions) {
    this.seed = seed;
    this.quietAt = START_MS + quietAfterMs;
    this.faults = new Faults(new Random(seed, STREAM.faults), limits);
    this.#timing = new Random(seed, STREAM.timing);
    this.#onLine = onLine;
    for (let n = 0; n < 3; n++) this.#processes.push(this.#newProcess(`p${n}`));
  }

  get traceHash(): string {
    return this.#trace.value().toString(16).padStart(14, '0');
  }

  get timing(): Random {
    return this.#timing;
  }

  /** No event is planned. */
  get idle(): boolean {
    return this.#queue.size === 0;
  }

  /** The number of handler calls in progress whose label starts with this text. */
  running(label: string): number {
    const labels = this.#processes.flatMap(({ invocations }) => [...invocations].map((each) => each.label));
    return labels.filter((each) => each.startsWith(label)).length;
  }

  note(text: string): void {
    const line = `${this.now - START_MS} ${text}`;
    this.#trace.add(line);
    this.#onLine?.(line);
  }

  /** Adds a line to the printed trace that is not part of the trace hash. */
  comment(text: string): void {
    this.#onLine?.(`  # ${text}`);
  }

  get traced(): boolean {
    return this.#onLine !== undefined;
  }

  violate(check: string, message: string): void {
    if (this.violation) return;
    this.note(`VIOLATION ${check}: ${message}`);
    this.violation = { check, message };
  }

  after(delayMs: number, run: () => void): void {
    this.#queue.push(this.now + Math.ceil(delayMs), run);
  }

  /** Starts a handler in a random process. Calls `ended` once, unless the call never settles. */
  start<T>(
    label: string,
    handler: (invocation: Invocation) => Promise<T>,
    ended: (ending: Ending<T>) => void,
  ): void {
    const process = this.#processes[this.#timing.uint32() % this.#processes.length];
    if (!process) return;
    const invocation: Invocation = {
      label,
      process,
      crashed: () => this.after(this.#timing.int(1, 2000), () => ended({ kind: 'crashed' })),
    };
    process.invocations.add(invocation);
    this.note(`${process.name} ${label} starts`);
    this.#resumed = true;
    handler(invocation).then(
      (value) => this.#settle(invocation, { kind: 'returned', value }, ended),
      (error: unknown) => this.#settle(invocation, { kind: 'threw', error }, ended),
    );
  }

  #settle<T>(invocation: Invocation, ending: Ending<T>, ended: (ending: Ending<T>) => void): void {
    const { process, label } = invocation;
    if (!process.alive) return;
    process.invocations.delete(invocation);
    this.note(`${process.name} ${label} ${ending.kind}`);
    if (ending.kind === 'threw') this.#expectSimulated(label, ending.error);
    ended(ending);
  }

  #expectSimulated(what: string, error: unknown): void {
    this.comment(String(error));
    if (!(error instanceof SimulatedFault) && !isRedeliveryRequest(error))
      this.violate(
        'handlers throw only simulated faults and expected errors',
        `${what}: ${error instanceof Error ? error.stack : String(error)}`,
      );
  }

  /** A port call: `effect` runs at one time and the call settles at a later one. The process may crash at either. */
  call<T>(invocation: Invocation, what: string, effect: () => T, crashWeight = 1): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!invocation.process.alive) return;
      this.after(this.#latencyMs(), () =>
        this.#happen({ invocation, what, effect, crashWeight, resolve, reject }),
      );
    });
  }

  #happen<T>(call: ParkedCall<T>): void {
    const { process, label } = call.invocation;
    const { what, crashWeight } = call;
    if (!process.alive) return;
    if (this.faults.happens('crash', crashWeight)) {
      this.#crash(process, `before ${label} ${what}`);
      return;
    }
    this.#answerDelayMs = 0;
    const outcome = outcomeOf(call.effect);
    this.note(
      `${process.name} ${label} ${what}: ${outcome.kind === 'threw' ? messageOf(outcome.error) : 'ok'}`,
    );
    if (outcome.kind === 'threw') this.#expectSimulated(`${label} ${what}`, outcome.error);
    if (this.faults.happens('crash', crashWeight)) {
      this.#crash(process, `after ${label} ${what}`);
      return;
    }
    const delayMs = this.#answerDelayMs + (this.#timing.chance(0.5) ? 0 : this.#latencyMs());
    if (delayMs === 0) this.#answer(call, outcome);
    else this.after(delayMs, () => this.#answer(call, outcome));
  }

  #answer<T>({ invocation, resolve, reject }: ParkedCall<T>, outcome: Outcome<T>): void {
    if (!invocation.process.alive) return;
    this.#resumed = true;
    if (outcome.kind === 'returned') resolve(outcome.value);
    else reject(outcome.error);
  }

  /** Delays the answer of the call whose effect is running. Only valid inside an `effect`. */
  delayAnswer(ms: number): void {
    this.#answerDelayMs += ms;
  }

  /**
   * Reads a stream that makes port calls of its own. Before the next event, the stream advances until it has ended or
   * waits for one of its calls.
   */
  async streaming<T>(invocation: Invocation, read: () => Promise<T>): Promise<T> {
    this.#streams.set(invocation, (this.#streams.get(invocation) ?? 0) + 1);
    try {
      return await read();
    } finally {
      const left = (this.#streams.get(invocation) ?? 0) - 1;
      if (left > 0) this.#streams.set(invocation, left);
      else this.#streams.delete(invocation);
    }
  }

  /** Ends the run although events are planned: the jobs of a batch that stays paused wake for ever. */
  finish(): void {
    this.#isFinished = true;
  }

  /** Runs until no event is planned or a check is violated. */
  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      const afterMicrotasks = (): void => {
        // A stream advances by ticks that schedule further ticks. All of them have run when an immediate runs.
        if (this.#streams.size > 0) setImmediate(runEvents);
        else process.nextTick(runEvents);
      };
      const runEvents = (): void => {
        try {
          this.#resumed = false;
          while (!this.#resumed) {
            const event = this.violation || this.#isFinished ? undefined : this.#queue.pop();
            if (!event) {
              resolve();
              return;
            }
            this.now = event.at;
            if (this.now >= this.quietAt) this.faults.quiet = true;
            if (++this.events > EVENTS_MAX) this.violate('ends', `still busy after ${EVENTS_MAX} events`);
            event.run();
          }
        } catch (error) {
          reject(error);
          return;
        }
        queueMicrotask(afterMicrotasks);
      };
      process.nextTick(runEvents);
    });
  }

  #crash(process: Process, when: string): void {
    this.crashes++;
    this.note(`${process.name} CRASHES ${when}`);
    process.alive = false;
    const index = this.#processes.indexOf(process);
    this.#processes[index] = this.#newProcess(process.name);
    for (const invocation of process.invocations) {
      this.#streams.delete(invocation);
      invocation.crashed();
    }
  }

  #newProcess(name: string): Process {
    // Google's clocks agree within milliseconds. The clock of a laptop after sleep may be seconds off.
    const skewMs = this.faults.happens('clock') ? this.#timing.int(-3000, 3000) : 0;
    return { name, alive: true, skewMs, invocations: new Set() };
  }

  #latencyMs(): number {
    if (this.faults.happens('stall'))
      return this.#timing.int(SECOND, this.#timing.chance(0.2) ? 5 * MINUTE : 20 * SECOND);
    return this.#timing.int(1, 40);
  }
}

function outcomeOf<T>(effect: () => T): Outcome<T> {
  try {
    return { kind: 'returned', value: effect() };
  } catch (error) {
    return { kind: 'threw', error };
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
