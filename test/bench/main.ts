/**
 * `npm run bench`: checks the claims on speed and memory, each against a baseline measured in the same run.
 * docs/BENCH.md explains the claims. Exits with 1 when a claim does not hold or a bench fails, and with 2 for invalid
 * options.
 */
import { fork } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { optionsOrExit } from '../../infra/cli/command-line.ts';
import { listOf, parsedOptions } from '../support/cli-options.ts';
import { type Measure, measureSchema, type Scope } from './bench.ts';
import { type BenchName, benchNameSchema } from './benches.ts';
import { isOk, jsonOf, type Run, tableOf } from './report.ts';
import { type Verdict, verdictOf } from './verdict.ts';

const USAGE = `Usage: npm run bench -- [options]
Checks the claims on speed and memory (docs/BENCH.md). Exits with code 1 when a claim does not hold.
  --only <list>          these benches only, separated by commas: ${benchNameSchema.options.join(', ')}
  --quick                a shorter run
  --rows <n>             rows of the manifests, 16 or more
  --node-options <text>  options of Node for the measured processes
  --json                 print the result as JSON`;

const optionsSchema = z.object({
  only: listOf(benchNameSchema.options).default(benchNameSchema.options),
  quick: z.boolean().default(false),
  rows: z.coerce.number().int().min(16).optional(),
  'node-options': z.string().optional(),
  json: z.boolean().default(false),
});

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const ARGUMENTS = { only: text, quick: flag, rows: text, 'node-options': text, json: flag };
const options = optionsOrExit(
  (args) => parsedOptions({ command: 'npm run bench', args, options: ARGUMENTS, schema: optionsSchema }),
  USAGE,
);
if (typeof options === 'number') process.exit(options);
const { only, quick: isQuick, rows, 'node-options': nodeOptions, json } = options;
const scope: Scope = { isQuick, rows, nodeOptions };

const machine = { node: process.version, cores: availableParallelism(), load: loadavg()[0] ?? 0 };
const verdicts: Verdict[] = [];
const broken: Record<string, string> = {};
for (const name of only) {
  const startedAt = performance.now();
  try {
    for (const measure of await measuresOf(name)) verdicts.push(verdictOf(name, measure));
  } catch (error) {
    broken[name] = error instanceof Error ? error.message : String(error);
  }
  // Standard output is reserved for the result.
  console.error(`${name}: ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
}
const run: Run = { machine, verdicts, broken };
if (json) console.log(jsonOf(run));
else {
  console.log(tableOf(verdicts));
  for (const [name, why] of Object.entries(broken)) console.log(`${name} failed: ${why}`);
}
process.exitCode = isOk(run) ? 0 : 1;

/** Runs the bench in its own process, so that loaded code and heap of one bench do not affect another. */
async function measuresOf(name: BenchName): Promise<readonly Measure[]> {
  const file = fileURLToPath(new URL('bench-process.ts', import.meta.url));
  const child = fork(file, [name, JSON.stringify(scope)], {
    execArgv: ['--import', 'tsx'],
    // Google's clients must not search for the metadata server.
    env: { ...process.env, METADATA_SERVER_DETECTION: 'none' },
    stdio: ['ignore', process.stderr, process.stderr, 'ipc'],
  });
  return new Promise((resolve, reject) => {
    child.once('message', (message) => {
      const answer = measureSchema.array().safeParse(message);
      if (answer.success) resolve(answer.data);
      else reject(answer.error);
    });
    child.once('exit', (code, signal) => reject(new Error(`its process ended with ${signal ?? code}`)));
  });
}
