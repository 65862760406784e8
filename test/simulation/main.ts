/**
 * The simulation from the command line: `npm run simulate -- --runs 100000 --seed 1 --workers 2`, or one run with
 * every line of its trace: `npm run simulate -- --runs 1 --seed 17 --trace`. `--world batches` is the other world.
 */
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { FAULT_CLASSES } from './faults.ts';
import { plantFor, removePlanted } from './planted.ts';
import { everything, JOBS_MAX, type RunOptions } from './run.ts';
import { commandOf, shrink } from './shrink.ts';
import { resolvedShare, type Statistics, toldShare } from './statistics.ts';
import { FUNCTIONS_ROOT, loadSubject } from './subject.ts';
import { runOnWorkers } from './workers.ts';
import { WORLD_NAMES, WORLDS } from './worlds.ts';

const PROGRESS_EVERY_MS = 5000;

const optionsSchema = z.object({
  world: z.enum(WORLD_NAMES).default('jobs'),
  runs: z.coerce.number().int().min(1).default(10_000),
  seed: z.coerce.number().int().min(0).default(1),
  workers: z.coerce.number().int().min(1).max(64).default(2),
  jobs: z.coerce.number().int().min(1).max(JOBS_MAX).default(JOBS_MAX),
  faults: z.coerce.number().int().min(0).default(Number.MAX_SAFE_INTEGER),
  without: z
    .string()
    .transform((text) => text.split(',').filter((word) => word !== ''))
    .pipe(z.array(z.enum(FAULT_CLASSES)))
    .default([]),
  functions: z.string().default(FUNCTIONS_ROOT),
  trace: z.boolean().default(false),
});

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    ...{ runs: text, seed: text, workers: text, jobs: text, faults: text, without: text, functions: text },
    ...{ world: text, trace: { type: 'boolean' } },
  },
});
const options = optionsSchema.parse(values);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const run: RunOptions = {
  ...everything(options.seed),
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

/** @returns whether nothing was violated */
async function once(): Promise<boolean> {
  const subject = await loadSubject(root);
  const { violation, traceHash, faults, statistics } = await WORLDS[world](subject, {
    ...run,
    onLine: options.trace ? say : undefined,
  });
  tell(statistics);
  say(`seed ${options.seed}: trace ${traceHash}, ${faults} faults`);
  if (violation) say(`VIOLATION ${violation.check}: ${violation.message}`);
  return violation === undefined;
}

async function many(): Promise<boolean> {
  const { seed, runs, workers } = options;
  const startedAt = performance.now();
  let saidAt = startedAt;
  const pace = (done: number): string =>
    `${done} runs, ${Math.round((done * 1000) / (performance.now() - startedAt))} a second`;
  const result = await runOnWorkers({ world, root, seed, runs, workers }, (soFar) => {
    if (performance.now() < saidAt + PROGRESS_EVERY_MS) return;
    saidAt = performance.now();
    say(pace(soFar.runs));
  });
  tell(result.statistics);
  say(`${pace(result.runs)}, seeds from ${seed}, ${workers} workers`);
  const share = resolvedShare(result.statistics);
  if (share !== undefined)
    say(
      `unknown outcomes of Vertex that resolved themselves, of all that wrote anything: ${(share * 100).toFixed(2)} %`,
    );
  const told = toldShare(result.statistics);
  if (told !== undefined)
    say(`unknown outcomes of Gemini and Omni that a webhook in time resolved: ${(told * 100).toFixed(2)} %`);
  const [failedSeed] = result.failedSeeds;
  if (failedSeed === undefined) return true;
  await explain(failedSeed);
  return false;
}

async function explain(failedSeed: number): Promise<void> {
  const subject = await loadSubject(root);
  const shrunk = await shrink(world, subject, everything(failedSeed));
  const { violation } = shrunk.result;
  say(`seed ${failedSeed} violates ${violation?.check}: ${violation?.message}`);
  say(`smallest run found in ${shrunk.tried} tries (${shrunk.result.faults} faults):`);
  say(commandOf(world, shrunk.options));
}

function tell(statistics: Readonly<Statistics>): void {
  for (const name of Object.keys(statistics).sort()) say(`${String(statistics[name]).padStart(12)}  ${name}`);
}
