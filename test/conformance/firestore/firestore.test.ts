/** The conformance suite on the embedded Firestore, and on the official emulator if it is installed. */
import { describe, it } from 'vitest';
import { startFirestore } from '../../../infra/firestore/server.ts';
import {
  FIRESTORE_EMULATOR,
  startOfficialEmulator,
  whyNoOfficialEmulator,
} from '../../support/official-emulator.ts';
import { firestoreSuite } from './suite.ts';

firestoreSuite('the embedded Firestore', async () => {
  const { port, stop } = await startFirestore();
  return { host: `127.0.0.1:${port}`, stop };
});

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
