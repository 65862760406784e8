import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The processes under test speak to loopback only; no client may look for Google's metadata server.
    env: { METADATA_SERVER_DETECTION: 'none' },
    setupFiles: ['test/support/replay.ts'],
    // Most tests wait for sockets and child processes more than they compute.
    maxWorkers: 3,
    // For what hangs, not for what is slow: the machine may be busy with other things.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    expect: { poll: { timeout: 30_000, interval: 20 } },
  },
});
