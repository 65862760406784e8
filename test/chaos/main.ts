/**
 * `npm run chaos`: the whole local stack under SIGKILL, with jobs of every kind and all simulated faults of the models.
 * Exits with code 1 when a promise was violated.
 */
import { z } from 'zod';
import { optionsOrExit } from '../../infra/cli/command-line.ts';
import { parsedOptions } from '../support/cli-options.ts';
import { tableOf } from './report.ts';
import { runChaos } from './run.ts';

const USAGE = `Usage: npm run chaos -- [options]
  --minutes <n>   duration of submitting and killing (default 3)
  --jobs <n>      number of jobs, submitted at a steady rate (default 100)
  --seed <n>      decides the workload, the kills and the models' latencies (default: from the clock)
  --speed-up <n>  how many times faster than Google's the simulated models are (default 30)
  --verbose       print the progress
The result goes to stderr as a table and to stdout as JSON.`;

const positive = z.coerce.number().positive();
const optionsSchema = z.object({
  minutes: positive.default(3),
  jobs: positive.default(100),
  seed: positive.default(() => Date.now() % 1_000_000),
  'speed-up': positive.default(30),
  verbose: z.boolean().default(false),
});
const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const ARGUMENTS = {
  ...{ minutes: text, jobs: text, seed: text, 'speed-up': text, verbose: flag },
};

const print = (line: string): void => void process.stderr.write(`${line}\n`);

async function main({
  seed,
  jobs,
  minutes,
  verbose,
  ...options
}: z.infer<typeof optionsSchema>): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // A second signal exits at once: the processes of the stack end with their parent.
    process.on(signal, () => (stop.signal.aborted ? process.exit(130) : stop.abort()));
  }
  // npm's shell does not forward signals. When the parent process has ended, the run has to stop too.
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || stop.abort(), 1000).unref();
  print(`seed ${seed}`);
  try {
    const report = await runChaos({
      seed,
      jobs,
      durationMs: minutes * 60_000,
      killGap: { minMs: 2_000, maxMs: 6_000 },
      settleMs: 5 * 60_000,
      speedUp: options['speed-up'],
      signal: stop.signal,
      onProgress: verbose ? print : undefined,
    });
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    print(tableOf(report));
    process.exitCode = report.violations.length > 0 ? 1 : 0;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    print('Interrupted; the stack is stopped.');
    process.exitCode = 130;
  }
}

const options = optionsOrExit(
  (args) => parsedOptions({ command: 'npm run chaos', args, options: ARGUMENTS, schema: optionsSchema }),
  USAGE,
);
if (typeof options === 'number') process.exitCode = options;
else await main(options);
