/**
 * The command line of the simulation. A campaign: `npm run simulate -- --runs 100000 --seed 1 --workers 2`. One run with
 * its full trace: `npm run simulate -- --runs 1 --seed 17 --trace`. `--world batches` selects the second world.
 */
import { z } from 'zod';
import { optionsOrExit } from '../../infra/cli/command-line.ts';
import { listOf, parsedOptions } from '../support/cli-options.ts';
import { FAULT_CLASSES } from './faults.ts';
import { plantFor, removePlanted } from './planted.ts';
import { fullRun, JOBS_MAX, type RunOptions } from './run.ts';
import { commandOf, shrink } from './shrink.ts';
import { resolvedShare, type Statistics, webhookShare } from './statistics.ts';
import { FUNCTIONS_ROOT, loadSubject } from './subject.ts';
import { runOnWorkers } from './workers.ts';
import { WORLD_NAMES, WORLDS } from './worlds.ts';

const PROGRESS_EVERY_MS = 5000;

const USAGE = `Usage: npm run simulate -- [options]
Runs jobs under crashes at every I/O call. Exits with code 1 when a check was violated.
  --world <name>      ${WORLD_NAMES.join(' or ')} (default ${WORLD_NAMES[0]})
  --runs <n>          number of runs (default 10000). With 1, the statistics and the trace's hash of that run
  --seed <n>          seed of the first run; the others count up from it (default 1)
  --workers <n>       1 to 64 worker processes (default 2)
  --trace             with --runs 1: print every event of the run
  --jobs <n>          with --runs 1: at most so many jobs, up to ${JOBS_MAX}
  --faults <n>        with --runs 1: at most so many faults
  --without <list>    with --runs 1: no faults of these classes, separated by commas: ${FAULT_CLASSES.join(', ')}
  --functions <dir>   the functions to simulate (default: those of this checkout)`;

const optionsSchema = z.object({
  world: z.enum(WORLD_NAMES).default('jobs'),
  runs: z.coerce.number().int().min(1).default(10_000),
  seed: z.coerce.number().int().min(0).default(1),
  workers: z.coerce.number().int().min(1).max(64).default(2),
  jobs: z.coerce.number().int().min(1).max(JOBS_MAX).default(JOBS_MAX),
  faults: z.coerce.number().int().min(0).default(Number.MAX_SAFE_INTEGER),
  without: listOf(FAULT_CLASSES).default([]),
  functions: z.string().default(FUNCTIONS_ROOT),
  trace: z.boolean().default(false),
});

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const ARGUMENTS = {
  ...{ runs: text, seed: text, workers: text, jobs: text, faults: text, without: text, functions: text },
  ...{ world: text, trace: flag },
};
const parsed = optionsOrExit(
  (args) => parsedOptions({ command: 'npm run simulate', args, options: ARGUMENTS, schema: optionsSchema }),
  USAGE,
);
if (typeof parsed === 'number') process.exit(parsed);
const options = parsed;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const run: RunOptions = {
  ...fullRun(options.seed),
  jobsMax: options.jobs,
  without: new Set(options.without),
  faultsMax: options.faults,
};
const { world } = options;
const root = plantFor(world, options.functions);
try {
  process.exitCode = (options.runs === 1 ? await once() : await many()) ? 0 : 1;
} finally {
  removePlanted();
}

/** @returns whether no check was violated */
async function once(): Promise<boolean> {
  const subject = await loadSubject(root);
  const { violation, traceHash, faults, statistics } = await WORLDS[world](subject, {
    ...run,
    onLine: options.trace ? print : undefined,
  });
  printStatistics(statistics);
  print(`seed ${options.seed}: trace ${traceHash}, ${faults} faults`);
  if (violation) print(`VIOLATION ${violation.check}: ${violation.message}`);
  return violation === undefined;
}

async function many(): Promise<boolean> {
  const { seed, runs, workers } = options;
  const startedAt = performance.now();
  let printedAt = startedAt;
  const pace = (done: number): string =>
    `${done} runs, ${Math.round((done * 1000) / (performance.now() - startedAt))} per second`;
  const result = await runOnWorkers({ world, root, seed, runs, workers }, (soFar) => {
    if (performance.now() < printedAt + PROGRESS_EVERY_MS) return;
    printedAt = performance.now();
    print(pace(soFar.runs));
  });
  printStatistics(result.statistics);
  print(`${pace(result.runs)}, seeds from ${seed}, ${workers} workers`);
  const share = resolvedShare(result.statistics);
  if (share !== undefined)
    print(
      `unknown outcomes of Vertex with objects in the bucket, resolved without an operator: ${(share * 100).toFixed(2)} %`,
    );
  const webhooks = webhookShare(result.statistics);
  if (webhooks !== undefined)
    print(
      `unknown outcomes of Gemini and Omni with a webhook in time, resolved: ${(webhooks * 100).toFixed(2)} %`,
    );
  const [failedSeed] = result.failedSeeds;
  if (failedSeed === undefined) return true;
  await explain(failedSeed);
  return false;
}

async function explain(failedSeed: number): Promise<void> {
  const subject = await loadSubject(root);
  const shrunk = await shrink(world, subject, fullRun(failedSeed));
  const { violation } = shrunk.result;
  print(`seed ${failedSeed} violates ${violation?.check}: ${violation?.message}`);
  print(`smallest failing run after ${shrunk.tried} tries (${shrunk.result.faults} faults):`);
  print(commandOf(world, shrunk.options));
}

function printStatistics(statistics: Readonly<Statistics>): void {
  for (const name of Object.keys(statistics).sort())
    print(`${String(statistics[name]).padStart(12)}  ${name}`);
}
