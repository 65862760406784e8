/** The conformance suite on Google's own emulator, where it is installed: it holds the suite itself to the truth. */
import { describe, it } from 'vitest';
import {
  FIRESTORE_EMULATOR,
  startOfficialEmulator,
  whyNoOfficialEmulator,
} from '../../support/official-emulator.ts';
import { firestoreSuite } from './suite.ts';

const missing = await whyNoOfficialEmulator(FIRESTORE_EMULATOR);
if (missing === undefined)
  firestoreSuite('the official emulator', () => startOfficialEmulator(FIRESTORE_EMULATOR), [
    'partition queries',
    'requests of 10 MiB',
    'resuming without repetition',
    'sorting out other databases',
  ]);
else
  describe('the official emulator', () => {
    it.skip(`passes the same suite (skipped: ${missing})`, () => {});
  });
