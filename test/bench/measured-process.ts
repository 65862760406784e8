/** A child process that reports its own memory and processor time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { z } from 'zod';

const usageSchema = z.object({ usage: z.object({ peakMib: z.number(), cpuSeconds: z.number() }) });
export type Usage = z.infer<typeof usageSchema>['usage'];

export interface MeasuredProcess {
  /** Resolves with the next message that matches the schema. @throws when the process ends before that */
  readonly message: <T>(schema: z.ZodType<T>) => Promise<T>;
  /** Resolves with `work`. @throws when the process ends before that */
  readonly during: <T>(work: Promise<T>) => Promise<T>;
  readonly usage: () => Promise<Usage>;
  readonly stop: () => Promise<void>;
}

const LINES_KEPT = 20;

/** @param args the arguments of Node: options, the program and its arguments */
export function startMeasured(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): MeasuredProcess {
  const child = spawn(process.execPath, ['--import', new URL('usage.mjs', import.meta.url).href, ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const ended = endOf(child);
  const during = <T>(work: Promise<T>): Promise<T> => Promise.race([work, ended]);
  const message = <T>(schema: z.ZodType<T>): Promise<T> =>
    during(
      new Promise((resolve) => {
        const listen = (received: unknown): void => {
          const parsed = schema.safeParse(received);
          if (!parsed.success) return;
          child.off('message', listen);
          resolve(parsed.data);
        };
        child.on('message', listen);
      }),
    );
  return {
    ...{ message, during },
    usage: async () => {
      const answer = message(usageSchema);
      child.send('usage');
      return (await answer).usage;
    },
    stop: async () => {
      child.kill('SIGKILL');
      await ended.catch(() => undefined);
    },
  };
}

/** Rejects when the process ends, with the last lines of its output. */
function endOf(child: ChildProcess): Promise<never> {
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (lines.length > LINES_KEPT) lines.shift();
    });
  }
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', (code, signal) => {
      reject(new Error(`a measured process ended with ${signal ?? code}:\n${lines.join('\n')}`));
    });
  });
  // Not an unhandled rejection when nobody waits while the process is stopped.
  ended.catch(() => undefined);
  return ended;
}
