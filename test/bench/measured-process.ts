/** A process that is measured from outside: what it has used, told by itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { z } from 'zod';

const usageSchema = z.object({ usage: z.object({ peakMib: z.number(), cpuSeconds: z.number() }) });
export type Usage = z.infer<typeof usageSchema>['usage'];

export interface MeasuredProcess {
  /** The first message of that shape. @throws when it ends before that */
  readonly told: <T>(schema: z.ZodType<T>) => Promise<T>;
  /** Resolves with `work`. @throws when it ends before that */
  readonly during: <T>(work: Promise<T>) => Promise<T>;
  readonly usage: () => Promise<Usage>;
  readonly stop: () => Promise<void>;
}

const LINES_KEPT = 20;

/** @param args of Node: the program, and what comes before and after it */
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
  const told = <T>(schema: z.ZodType<T>): Promise<T> =>
    during(
      new Promise((resolve) => {
        const listen = (message: unknown): void => {
          const parsed = schema.safeParse(message);
          if (!parsed.success) return;
          child.off('message', listen);
          resolve(parsed.data);
        };
        child.on('message', listen);
      }),
    );
  return {
    ...{ told, during },
    usage: async () => {
      const answer = told(usageSchema);
      child.send('usage');
      return (await answer).usage;
    },
    stop: async () => {
      child.kill('SIGKILL');
      await ended.catch(() => undefined);
    },
  };
}

/** Rejects when it ends, with the last lines that it said. */
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
  // Nobody may be waiting when it is stopped.
  ended.catch(() => undefined);
  return ended;
}
