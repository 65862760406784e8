/** What the tests of planted defects share: run the mutants, print how soon each was caught, and fail for the others. */
import { expect } from 'vitest';
import { runMutants } from './mutants.ts';
import type { Mutation } from './mutations.ts';
import type { WorldName } from './worlds.ts';

export const SEED = Number(process.env['SIMULATION_SEED'] ?? 1);

export async function expectAllCaught(
  world: WorldName,
  mutations: readonly Mutation[],
  runsMax: number,
): Promise<void> {
  const caught = await runMutants({ world, mutations, seed: SEED, runsMax, processes: 2 });
  for (const { name, runs, check } of caught)
    process.stderr.write(`${String(runs).padStart(6)} runs: ${name} → ${check ?? 'NOT CAUGHT'}\n`);
  expect(caught.filter(({ check }) => check === undefined)).toEqual([]);
  expect(caught).toHaveLength(mutations.length);
}

/** @throws when a name is none of the mutations, so that a renamed defect cannot drop out of the quick tests */
export const namedMutations = (
  mutations: readonly Mutation[],
  names: readonly string[],
): readonly Mutation[] =>
  names.map((name) => {
    const found = mutations.find((mutation) => mutation.name === name);
    if (!found) throw new Error(`there is no planted defect '${name}'`);
    return found;
  });
