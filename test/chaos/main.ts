/**
 * `npm run chaos`: the whole local stack under SIGKILL, with jobs of every kind and all simulated faults of the models.
 * Exits with code 1 when a promise was violated.
 */
import { parseArgs } from 'node:util';
import { tableOf } from './report.ts';
import { runChaos } from './run.ts';

const USAGE = `Usage: npm run chaos -- [options]
  --minutes <n>   duration of submitting and killing (default 3)
  --jobs <n>      number of jobs, submitted at a steady rate (default 100)
  --seed <n>      decides the workload, the kills and the models' latencies (default: from the clock)
  --speed-up <n>  how many times faster than Google's the simulated models are (default 30)
  --verbose       print the progress
The result goes to stderr as a table and to stdout as JSON.`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    jobs: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'speed-up': { type: 'string', default: '30' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const print = (line: string): void => void process.stderr.write(`${line}\n`);

function positive(name: string, text: string): number {
  const n = Number(text);
  if (Number.isFinite(n) && n > 0) return n;
  throw new Error(`--${name} must be a number above 0, but is '${text}'.`);
}

async function main(): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // A second signal exits at once: the processes of the stack end with their parent.
    process.on(signal, () => (stop.signal.aborted ? process.exit(130) : stop.abort()));
  }
  // npm's shell does not forward signals. When the parent process has ended, the run has to stop too.
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || stop.abort(), 1000).unref();
  const seed = positive('seed', values.seed);
  print(`seed ${seed}`);
  try {
    const report = await runChaos({
      seed,
      jobs: positive('jobs', values.jobs),
      durationMs: positive('minutes', values.minutes) * 60_000,
      killGap: { minMs: 2_000, maxMs: 6_000 },
      settleMs: 5 * 60_000,
      speedUp: positive('speed-up', values['speed-up']),
      signal: stop.signal,
      onProgress: values.verbose ? print : undefined,
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

if (values.help) print(USAGE);
else await main();
