import { defineConfig } from 'vitest/config';

const report = process.env['CLAPPER_TEST_REPORT'];

/**
 * Two projects. `quick` is `npm test`: every layer, within two minutes on two idle cores. `long` is `npm run test:long`:
 * files named `*.long.test.ts`, which simulate many runs, kill processes, or need a stack for each of many modes.
 */
export default defineConfig({
  test: {
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    // Most tests wait for sockets and child processes more than they compute.
    maxWorkers: 3,
    projects: [
      {
        extends: true,
        test: {
          name: 'quick',
          include: ['test/**/*.test.ts'],
          // `test/clients` has its own node_modules.
          exclude: ['**/node_modules/**', 'test/**/*.long.test.ts'],
        },
      },
      { extends: true, test: { name: 'long', include: ['test/**/*.long.test.ts'] } },
    ],
    // One module graph per worker: loading the Google clients again for each file took more processor time than the tests.
    isolate: false,
    // The processes under test speak to loopback only; no client may look for Google's metadata server.
    env: { METADATA_SERVER_DETECTION: 'none' },
    setupFiles: ['test/support/replay.ts'],
    // A timeout is for a hang, never for a slow machine.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 120_000, interval: 20 } },
  },
});
