/** The Pub/Sub suite on Google's own emulator, where it is installed. */
import { describe, it } from 'vitest';
import {
  PUBSUB_EMULATOR,
  startOfficialEmulator,
  whyNoOfficialEmulator,
} from '../../support/official-emulator.ts';
import { pubSubSuite } from './pubsub-suite.ts';

const missing = await whyNoOfficialEmulator(PUBSUB_EMULATOR);
if (missing === undefined) pubSubSuite('the official emulator', () => startOfficialEmulator(PUBSUB_EMULATOR));
else
  describe('the official emulator of Pub/Sub', () => {
    it.skip(`passes the same suite (skipped: ${missing})`, () => {});
  });
