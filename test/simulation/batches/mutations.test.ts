/** The simulation catches planted defects: here those that a few runs catch, in `../mutations.long.test.ts` all of them. */
import { describe, expect, it } from 'vitest';
import { expectAllCaught, namedMutations, SEED } from '../caught.ts';
import { occurrencesOf } from '../planted.ts';
import { BATCH_MUTATIONS } from './mutations.ts';
import { SMALL_STEPS } from './small-steps.ts';

const RUNS_MAX = 500;
/** Each was caught within ten runs, and they break different invariants. */
const QUICK = namedMutations(BATCH_MUTATIONS, [
  'the next step of a batch is not enqueued',
  'maxSpendUsd applies to each chunk instead of the batch',
  'a batch ends with one job unfinished',
  'every call for a fire starts another batch',
]);

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

  it(`that a few runs catch are caught within ${RUNS_MAX} runs (SIMULATION_SEED=${SEED})`, () =>
    expectAllCaught('batches', QUICK, RUNS_MAX));
});
