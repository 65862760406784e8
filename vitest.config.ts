import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The processes under test speak to loopback only; no client may look for Google's metadata server.
    env: { METADATA_SERVER_DETECTION: 'none' },
    setupFiles: ['test/support/replay.ts'],
    // Most tests wait for sockets and child processes more than they compute.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
