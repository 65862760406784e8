/** Copies of functions/ with one defect each, run until the defect shows. */
import { fork } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { MUTATIONS, type Mutation } from './mutations.ts';
import { FUNCTIONS_ROOT } from './subject.ts';

/** Below node_modules, so that imports resolve as they do from functions/ itself; one for each process that asks. */
const CACHE = fileURLToPath(
  new URL(`../../node_modules/.cache/clapper-mutants/${process.pid}/`, import.meta.url),
);

export const caughtSchema = z.object({
  name: z.string(),
  /** Until it was caught, or all. */
  runs: z.number(),
  /** What caught it. */
  check: z.string().optional(),
  seed: z.number().optional(),
});
export type Caught = z.infer<typeof caughtSchema>;

/** How often the place to be changed is there; anything but once makes the mutation void. */
export const occurrencesOf = ({ file, find }: Mutation): number =>
  readFileSync(join(FUNCTIONS_ROOT, file), 'utf8').split(find).length - 1;

/** @returns the folder that stands for functions/ */
function plant(mutation: Mutation, number: number): string {
  const home = join(CACHE, String(number));
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  // Inside node_modules nothing says any more that the files are modules.
  writeFileSync(join(home, 'package.json'), '{"type":"module"}');
  const root = join(home, 'functions');
  cpSync(FUNCTIONS_ROOT, root, { recursive: true });
  const path = join(root, mutation.file);
  const source = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    source.replace(mutation.find, () => mutation.replace),
  );
  return root;
}

/** Runs every mutant for so many runs at most, in so many processes. */
export async function runMutants(order: {
  readonly seed: number;
  readonly runsMax: number;
  readonly processes: number;
}): Promise<readonly Caught[]> {
  const results: Caught[] = [];
  try {
    const mutants = MUTATIONS.map((mutation, n) => ({ name: mutation.name, root: plant(mutation, n) }));
    const shares = Array.from({ length: order.processes }, (_, share) =>
      mutants.filter((_mutant, n) => n % order.processes === share),
    );
    await Promise.all(
      shares.map((share) =>
        runShare({ seed: order.seed, runsMax: order.runsMax, mutants: share }, (caught) =>
          results.push(caught),
        ),
      ),
    );
  } finally {
    rmSync(CACHE, { recursive: true, force: true });
  }
  return results;
}

function runShare(order: unknown, onCaught: (caught: Caught) => void): Promise<void> {
  const child = fork(fileURLToPath(new URL('mutant-worker.ts', import.meta.url)), [JSON.stringify(order)], {
    execArgv: ['--import', 'tsx', '--max-semi-space-size=32'],
  });
  return new Promise((resolve, reject) => {
    child.on('message', (message) => onCaught(caughtSchema.parse(message)));
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`a process with mutants ended with ${code}`));
    });
  });
}
