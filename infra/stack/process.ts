/** One child process of the stack: started, awaited until it serves, started again when it dies, stopped at the end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ChildSpec {
  readonly name: string;
  /** TypeScript file that it runs. */
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  /** Everything it prints goes to this file, and line by line to `onLine`. */
  readonly logFile: string;
  readonly onLine?: ((line: string) => void) | undefined;
  /** How long it may take to end what was begun before it is killed. Default 3 s: Ctrl-C is to feel like one. */
  readonly stopTimeoutMs?: number | undefined;
}

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 3_000;
/** A child that dies at once is not started more often than this. */
const RESTART_PAUSE_MS = 500;

export class StackProcess {
  readonly #spec: ChildSpec;
  readonly #log: WriteStream;
  #child: ChildProcess | undefined;
  #stopping = false;
  #isServing = false;

  constructor(spec: ChildSpec) {
    this.#spec = spec;
    mkdirSync(path.dirname(spec.logFile), { recursive: true });
    this.#log = createWriteStream(spec.logFile, { flags: 'a' });
  }

  /** Of the process that runs now, or of the last one while it is started again. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** False from its death until it has been started again. */
  get isServing(): boolean {
    return this.#isServing;
  }

  /** Kills the process at once, as a crash would; the supervisor starts it again. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** Resolves once the child serves. @throws Error with the end of its output when it does not */
  async start(): Promise<void> {
    const { name, file, env } = this.#spec;
    const child = spawn(process.execPath, ['--import', 'tsx', file], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    const lastLines: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.#log.write(`${line}\n`);
        lastLines.push(line);
        if (lastLines.length > 20) lastLines.shift();
        this.#spec.onLine?.(line);
      });
    }
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        reject(
          new Error(`${name} did not start within ${START_TIMEOUT_MS / 1000} s:\n${lastLines.join('\n')}`),
        );
      }, START_TIMEOUT_MS);
      child.once('message', () => {
        clearTimeout(timer);
        resolve();
      });
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        reject(new Error(`${name} ended at its start (${signal ?? code}):\n${lastLines.join('\n')}`));
      });
    });
    this.#isServing = true;
    child.once('exit', () => void this.#restart());
  }

  async #restart(): Promise<void> {
    this.#isServing = false;
    while (!this.#stopping) {
      this.#spec.onLine?.(`${this.#spec.name} has died; starting it again`);
      await sleep(RESTART_PAUSE_MS);
      if (this.#stopping) return;
      try {
        return await this.start();
      } catch (error) {
        this.#spec.onLine?.(String(error));
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGTERM');
      const { stopTimeoutMs = STOP_TIMEOUT_MS } = this.#spec;
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
      await exited;
      clearTimeout(timer);
    }
    await new Promise<void>((resolve) => this.#log.end(resolve));
  }
}
