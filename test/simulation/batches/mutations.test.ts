/** The simulation has to catch every planted defect within 10,000 runs. */
import { describe, expect, it } from 'vitest';
import { runMutants } from '../mutants.ts';
import { occurrencesOf } from '../planted.ts';
import { BATCH_MUTATIONS } from './mutations.ts';
import { SMALL_STEPS } from './small-steps.ts';

const SEED = Number(process.env['SIMULATION_SEED'] ?? 1);
const RUNS_MAX = 10_000;

describe('planted defects of batches, uploads and schedules', () => {
  it.each(BATCH_MUTATIONS)('$name: the snippet to replace occurs exactly once', (mutation) => {
    expect(occurrencesOf(mutation)).toBe(1);
  });

  it.each(SMALL_STEPS)(
    '$file: $find occurs exactly once, so that the simulation can replace it by a smaller number',
    (edit) => {
      expect(occurrencesOf(edit)).toBe(1);
    },
  );

  it(`are all caught within ${RUNS_MAX} runs (SIMULATION_SEED=${SEED})`, async () => {
    const caught = await runMutants({
      ...{ world: 'batches', mutations: BATCH_MUTATIONS },
      ...{ seed: SEED, runsMax: RUNS_MAX, processes: 2 },
    });
    for (const { name, runs, check } of caught)
      process.stderr.write(`${String(runs).padStart(6)} runs: ${name} → ${check ?? 'NOT CAUGHT'}\n`);
    expect(caught.filter(({ check }) => check === undefined)).toEqual([]);
    expect(caught).toHaveLength(BATCH_MUTATIONS.length);
  }, 240_000);
});
