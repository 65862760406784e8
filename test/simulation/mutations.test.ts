/** The simulation has to catch every planted defect within 10,000 runs. */
import { describe, expect, it } from 'vitest';
import { runMutants } from './mutants.ts';
import { MUTATIONS } from './mutations.ts';
import { occurrencesOf } from './planted.ts';

const SEED = Number(process.env['SIMULATION_SEED'] ?? 1);
const RUNS_MAX = 10_000;

describe('planted defects', () => {
  it.each(MUTATIONS)('$name: the snippet to replace occurs exactly once', (mutation) => {
    expect(occurrencesOf(mutation)).toBe(1);
  });

  it(`are all caught within ${RUNS_MAX} runs (SIMULATION_SEED=${SEED})`, async () => {
    const caught = await runMutants({
      ...{ world: 'jobs', mutations: MUTATIONS },
      ...{ seed: SEED, runsMax: RUNS_MAX, processes: 2 },
    });
    for (const { name, runs, check } of caught)
      process.stderr.write(`${String(runs).padStart(6)} runs: ${name} → ${check ?? 'NOT CAUGHT'}\n`);
    expect(caught.filter(({ check }) => check === undefined)).toEqual([]);
    expect(caught).toHaveLength(MUTATIONS.length);
  }, 240_000);
});
