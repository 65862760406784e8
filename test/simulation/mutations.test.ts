/** The simulation catches planted defects: here those that a few runs catch, in `mutations.long.test.ts` all of them. */
import { describe, expect, it } from 'vitest';
import { expectAllCaught, namedMutations, SEED } from './caught.ts';
import { MUTATIONS } from './mutations.ts';
import { occurrencesOf } from './planted.ts';

const RUNS_MAX = 500;
/** Each was caught within ten runs, and they break different invariants. */
const QUICK = namedMutations(MUTATIONS, [
  'the paid call is made before the job is claimed',
  'an unknown outcome is submitted again by default',
  'a late result changes a terminal job',
  'a finished job can be cancelled',
  'the sweep does not re-enqueue',
  'the reservation covers one video, however many are requested',
  'a retry repeats the stages that have landed',
]);

describe('planted defects', () => {
  it.each(MUTATIONS)('$name: the snippet to replace occurs exactly once', (mutation) => {
    expect(occurrencesOf(mutation)).toBe(1);
  });

  it(`that a few runs catch are caught within ${RUNS_MAX} runs (SIMULATION_SEED=${SEED})`, () =>
    expectAllCaught('jobs', QUICK, RUNS_MAX));
});
