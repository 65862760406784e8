/** Runs copies of functions/ with one planted defect each, until a check catches the defect. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Mutation } from './mutations.ts';
import { plantMutant, removePlanted } from './planted.ts';
import type { WorldName } from './worlds.ts';

export const caughtSchema = z.object({
  name: z.string(),
  /** The number of runs until it was caught, or of all runs. */
  runs: z.number(),
  /** The check that caught it. */
  check: z.string().optional(),
  seed: z.number().optional(),
});
export type Caught = z.infer<typeof caughtSchema>;

/** Runs every mutant for at most `runsMax` runs, spread over `processes` processes. */
export async function runMutants(order: {
  readonly world: WorldName;
  readonly mutations: readonly Mutation[];
  readonly seed: number;
  readonly runsMax: number;
  readonly processes: number;
}): Promise<readonly Caught[]> {
  const { world, mutations, seed, runsMax, processes } = order;
  const results: Caught[] = [];
  try {
    const mutants = mutations.map((mutation, n) => ({
      name: mutation.name,
      root: plantMutant(world, mutation, n),
    }));
    const shares = Array.from({ length: processes }, (_, share) =>
      mutants.filter((_mutant, n) => n % processes === share),
    );
    await Promise.all(
      shares.map((share) =>
        runShare({ world, seed, runsMax, mutants: share }, (caught) => results.push(caught)),
      ),
    );
  } finally {
    removePlanted();
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
      else reject(new Error(`a process with mutants exited with code ${code}`));
    });
  });
}
