/** One child process of the stack: starts it, waits until it is ready, restarts it when it dies, and stops it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ChildSpec {
  readonly name: string;
  /** The TypeScript file to run. */
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  /** Receives stdout and stderr. `onLine` receives the same lines. */
  readonly logFile: string;
  readonly onLine?: ((line: string) => void) | undefined;
  /** Time between SIGTERM and SIGKILL. Default 3 s, so that Ctrl-C feels immediate. */
  readonly stopTimeoutMs?: number | undefined;
}

/** For a child that hangs: on an idle machine it serves after two seconds, on a busy one after twenty. */
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 3_000;
/** Pause before a restart, so that a child that dies at once does not restart in a tight loop. */
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

  /** Id of the running process. During a restart it is the id of the process that died. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** False from the death of the process until its restart has succeeded. */
  get isServing(): boolean {
    return this.#isServing;
  }

  /** Kills the process with SIGKILL to simulate a crash. The supervisor restarts it. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** Resolves when the child is ready. @throws Error with the last 20 lines of its output when it does not start */
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
        reject(new Error(`${name} exited during startup (${signal ?? code}):\n${lastLines.join('\n')}`));
      });
    });
    this.#isServing = true;
    child.once('exit', () => void this.#restart());
  }

  async #restart(): Promise<void> {
    this.#isServing = false;
    while (!this.#stopping) {
      this.#spec.onLine?.(`${this.#spec.name} exited unexpectedly; restarting it`);
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
