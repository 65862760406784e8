import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The processes under test use only loopback. Google's clients must not search for the metadata server.
    env: { METADATA_SERVER_DETECTION: 'none' },
    setupFiles: ['test/support/replay.ts'],
    // Most tests spend their time waiting for sockets and child processes.
    maxWorkers: 3,
    // A limit for hanging tests, generous because the machine may be busy.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    expect: { poll: { timeout: 30_000, interval: 20 } },
  },
});
