/**
 * The embedded server against the official emulator: random documents, writes, queries and aggregations must have the
 * same results and the same status codes on both.
 *
 * `SEED=…` replays a run. `ROUNDS=…` makes it longer (a round has 12 commits and 40 queries).
 */
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningFirestore, startFirestore } from '../../../infra/firestore/server.ts';
import {
  FIRESTORE_EMULATOR,
  type OfficialEmulator,
  startOfficialEmulator,
  whyNoOfficialEmulator,
} from '../../support/official-emulator.ts';
import { Differential, type Disagreement } from './differential.ts';
import { seedOfRun } from './random.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 12);
const ROUND_TIMEOUT_MS = 60_000;

/** Accepted differences, each with its reason. */
const KNOWN: readonly { readonly reason: string; readonly matches: (found: Disagreement) => boolean }[] = [
  {
    reason: 'the official emulator treats a repeated `__name__ DESC` as a plain descending scan of names',
    matches: ({ request, ours, theirs }) =>
      ours.code === status.INVALID_ARGUMENT &&
      theirs.code === status.FAILED_PRECONDITION &&
      (JSON.stringify(request).match(/"__name__"},"direction":"DESCENDING"/g)?.length ?? 0) > 1,
  },
  {
    reason: 'the official emulator drops contradictory alternatives before it counts them',
    matches: ({ ours, theirs }) =>
      ours.details.startsWith('Too many disjunctions') && theirs.code === status.OK,
  },
];

const missing = await whyNoOfficialEmulator(FIRESTORE_EMULATOR);

describe('the embedded Firestore and the official emulator', () => {
  if (missing !== undefined) {
    it.skip(`return the same results for random requests (skipped: ${missing})`, () => {});
    return;
  }

  let ours: RunningFirestore;
  let theirs: OfficialEmulator;
  beforeAll(async () => {
    [ours, theirs] = await Promise.all([startFirestore(), startOfficialEmulator(FIRESTORE_EMULATOR)]);
  });
  afterAll(async () => {
    await Promise.all([ours?.stop(), theirs?.stop()]);
  });

  it(
    'return the same results for random requests',
    async () => {
      const seed = seedOfRun();
      const differential = new Differential({
        seed,
        ours: `127.0.0.1:${ours.port}`,
        theirs: theirs.host,
        isKnown: (found) => KNOWN.some(({ matches }) => matches(found)),
      });
      try {
        for (let round = 0; round < ROUNDS; round++) {
          const found = await differential.round();
          expect(
            found,
            `SEED=${seed} ROUNDS=${round + 1}: ${JSON.stringify(found, null, 1)}`,
          ).toBeUndefined();
        }
      } finally {
        differential.close();
        process.stdout.write(`firestore differential: SEED=${seed} ${JSON.stringify(differential.counts)}\n`);
      }
    },
    ROUNDS * ROUND_TIMEOUT_MS,
  );
});
