/** The simulation has to catch every planted defect within 10,000 runs. */
import { describe, it } from 'vitest';
import { BATCH_MUTATIONS } from './batches/mutations.ts';
import { expectAllCaught, SEED } from './caught.ts';
import { MUTATIONS } from './mutations.ts';

const RUNS_MAX = 10_000;
/** The rarest defects need a thousand runs each. */
const TIMEOUT_MS = 1_200_000;

describe(`every planted defect is caught within ${RUNS_MAX} runs (SIMULATION_SEED=${SEED})`, () => {
  it('in the world of single jobs', () => expectAllCaught('jobs', MUTATIONS, RUNS_MAX), TIMEOUT_MS);
  it(
    'in the world of batches, uploads and schedules',
    () => expectAllCaught('batches', BATCH_MUTATIONS, RUNS_MAX),
    TIMEOUT_MS,
  );
});
