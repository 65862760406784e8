/**
 * Kills the functions, the local cloud or both with SIGKILL at random times while jobs of every kind run. The
 * supervisor restarts the processes. Everything is drawn from SEED, which is printed. KILLS and JOBS set the size.
 * `npm run chaos` does the same for hours.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { freePort } from '../../infra/stack/free-port.ts';
import { tableOf } from '../chaos/report.ts';
import { runChaos } from '../chaos/run.ts';
import { startTestStack } from '../support/local-stack.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const KILLS = Number(process.env['KILLS'] ?? 6);
const JOBS = Number(process.env['JOBS'] ?? 20);
/** The chaos run has a limit of its own, which says what is stuck. */
const TEST_TIMEOUT_MS = 600_000;
const KILL_GAP = { minMs: 50, maxMs: 1000 };

describe(`${KILLS} kills with SIGKILL at random times while ${JOBS} jobs run (SEED=${SEED})`, () => {
  it(
    'lose no job, pay for none twice, leave none stuck, and leave every paid call accounted for',
    async () => {
      const report = await runChaos({
        seed: SEED,
        jobs: JOBS,
        durationMs: KILLS * 1000,
        killGap: KILL_GAP,
        killsMin: KILLS,
        settleMs: 300_000,
        speedUp: 100,
      });
      process.stderr.write(`${tableOf(report)}\n`);
      expect(report.violations).toEqual([]);
      expect(report.jobs).toBe(JOBS);
      const { cloud = 0, functions = 0 } = report.kills;
      expect(cloud + functions).toBeGreaterThanOrEqual(KILLS);
    },
    TEST_TIMEOUT_MS,
  );
});

describe('a stack that is stopped while jobs run', () => {
  it('resumes at the next start, with its jobs, tasks and operations', async () => {
    const first = await startTestStack({ submitPerSecond: 2, speedUp: 30 });
    const jobs = await Promise.all(
      Array.from({ length: 6 }, (_, n) => first.submit({ prompt: `puppy number ${n}`, durationSeconds: 4 })),
    );
    // Some jobs are running, others are still queued.
    while ((await first.paidCalls()).length < 3) await sleep(50);
    await first.stop();
    const second = await startTestStack({ stateDir: first.stateDir, submitPerSecond: 2, speedUp: 30 });
    try {
      const done = await Promise.all(jobs.map(({ id }) => second.finished(id)));
      const paid = await second.paidCalls();
      expect(paid.length).toBeLessThanOrEqual(6);
      expect(new Set(paid.map(({ prompt }) => prompt)).size).toBe(paid.length);
      // A call that the stop interrupted may have an unknown outcome. All other paid calls have landed.
      expect(done.filter(({ status }) => status === 'succeeded')).toHaveLength(paid.length);
    } finally {
      await second.dispose();
    }
  });
});

describe('a stack that is restarted on another port', () => {
  it('delivers waiting tasks, whose URLs have the previous port', async () => {
    const first = await startTestStack({ submitPerSecond: 1, speedUp: 30 });
    const jobs = await Promise.all(
      ['a hen', 'a cow', 'a pig'].map((prompt) => first.submit({ prompt, durationSeconds: 4 })),
    );
    await first.stop();
    const apiPort = await freePort();
    const second = await startTestStack({ stateDir: first.stateDir, apiPort, speedUp: 30 });
    try {
      expect(second.endpoints.api).not.toBe(first.endpoints.api);
      for (const { id } of jobs) expect(await second.finished(id)).toMatchObject({ status: 'succeeded' });
    } finally {
      await second.dispose();
    }
  });
});

describe('Ctrl-C, which a terminal sends to every process', () => {
  it('does not end the child processes, because their parent stops them in order', async () => {
    const stack = await startTestStack({ speedUp: 100 });
    try {
      const { cloud, functions } = stack.processes;
      const before = [cloud.pid, functions.pid];
      for (const pid of before) process.kill(z.int().positive().parse(pid), 'SIGINT');
      const { id } = await stack.submit({ prompt: 'a puppy', durationSeconds: 4 });
      expect(await stack.finished(id)).toMatchObject({ status: 'succeeded' });
      expect([cloud.pid, functions.pid]).toEqual(before);
    } finally {
      await stack.dispose();
    }
  });
});
