import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { type Rig, startRig } from './harness.ts';

/**
 * Starts a rig for each test, or one for all tests of the file, and stops it. A test fails when the models reported a
 * bug. The returned rig is usable inside tests only.
 */
export function useRig(start: () => Promise<Rig> = startRig, scope: 'test' | 'file' = 'test'): Rig {
  let started: Rig | undefined;
  const current = (): Rig => {
    if (started === undefined) throw new Error('useRig: no rig is running; use the rig inside a test.');
    return started;
  };
  (scope === 'test' ? beforeEach : beforeAll)(async () => {
    started = await start();
  });
  if (scope === 'file') afterEach(() => expect(current().bugs).toEqual([]));
  (scope === 'test' ? afterEach : afterAll)(async () => {
    const { stop, bugs } = current();
    await stop();
    expect(bugs).toEqual([]);
  });
  return {
    get bucket() {
      return current().bucket;
    },
    get models() {
      return current().models;
    },
    get clock() {
      return current().clock;
    },
    get bugs() {
      return current().bugs;
    },
    nextPaidCall: () => current().nextPaidCall(),
    finish: () => current().finish(),
    stop: () => current().stop(),
  };
}
