/** The job store on Google's own Firestore emulator, where it is installed, against a model under random commands. */
import { describe, it } from 'vitest';
import {
  FIRESTORE_EMULATOR,
  startOfficialEmulator,
  whyNoOfficialEmulator,
} from '../../support/official-emulator.ts';
import { CLAIM, firestoreJobStore } from './job-store-model.ts';

const missing = await whyNoOfficialEmulator(FIRESTORE_EMULATOR);
if (missing === undefined)
  firestoreJobStore('the official emulator', { runs: 10, lanes: 5 }, () =>
    startOfficialEmulator(FIRESTORE_EMULATOR),
  );
else
  describe('the job store on the official emulator', () => {
    it.skip(`${CLAIM} (skipped: ${missing})`, () => {});
  });
