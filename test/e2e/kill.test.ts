/**
 * SIGKILL at random moments while jobs run: of the functions, of the local cloud, of both. The supervisor starts again
 * what was killed. Moments and victims are drawn from SEED, which is printed; KILLS and JOBS set the size.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestStack, type TestStack } from '../support/local-stack.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const KILLS = Number(process.env['KILLS'] ?? 10);
const JOBS = Number(process.env['JOBS'] ?? 20);

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ submitPerSecond: 5, speedUp: 30 });
}, 60_000);
afterAll(() => stack.dispose());

const moments = fc.sample(
  fc.record({
    afterMs: fc.integer({ min: 50, max: 1200 }),
    victim: fc.constantFrom('functions', 'cloud', 'both'),
  }),
  { seed: SEED, numRuns: KILLS },
);

function kill(victim: string): void {
  const { cloud, functions } = stack.processes;
  for (const process of victim === 'both' ? [cloud, functions] : [victim === 'cloud' ? cloud : functions])
    process.kill();
}

describe(`kill -9 at ${KILLS} random moments while ${JOBS} jobs run (SEED=${SEED})`, () => {
  it('every job ends, none is paid twice, and what was paid for has its video', async () => {
    const submitting = Array.from({ length: JOBS }, (_, n) =>
      stack.submit({ prompt: `kitten number ${n}`, durationSeconds: 4 }, { 'idempotency-key': `kill-${n}` }),
    );
    for (const { afterMs, victim } of moments) {
      await sleep(afterMs);
      kill(victim);
    }
    const jobs = await Promise.all(submitting);
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(JOBS);
    const done = await Promise.all(jobs.map(({ id }) => stack.finished(id)));
    const paid = await stack.paidCalls();
    for (const job of done) {
      const calls = paid.filter(({ prompt }) => prompt === job.request.prompt);
      expect(calls.length, `paid calls of ${job.id}`).toBeLessThanOrEqual(1);
      if (calls.length === 1)
        expect(job, job.id).toMatchObject({ status: 'succeeded', videos: [{ durationSeconds: 4 }] });
      // Killed between the claim and the call: nothing was paid, and the job says that it cannot know.
      else expect(job, job.id).toMatchObject({ status: 'failed', error: { code: 'OUTCOME_UNKNOWN' } });
    }
    const lost = done.filter(({ status }) => status === 'failed').length;
    process.stderr.write(
      `kill test: ${JOBS} jobs, ${KILLS} kills, ${JOBS - lost} succeeded, ${lost} ended as unknown\n`,
    );
  }, 240_000);
});

describe('a stack that is stopped in the middle', () => {
  it('goes on at the next start, with the jobs, the tasks and the operations it had', async () => {
    const first = await startTestStack({ submitPerSecond: 2, speedUp: 30 });
    const jobs = await Promise.all(
      Array.from({ length: 6 }, (_, n) => first.submit({ prompt: `puppy number ${n}`, durationSeconds: 4 })),
    );
    // Some are running by now, some are still in the queue.
    while ((await first.paidCalls()).length < 3) await sleep(50);
    await first.stop();
    const second = await startTestStack({ stateDir: first.stateDir, submitPerSecond: 2, speedUp: 30 });
    try {
      const done = await Promise.all(jobs.map(({ id }) => second.finished(id)));
      const paid = await second.paidCalls();
      expect(paid.length).toBeLessThanOrEqual(6);
      expect(new Set(paid.map(({ prompt }) => prompt)).size).toBe(paid.length);
      // A call that was cut off by the stop may be unknown; whatever was paid for is there.
      expect(done.filter(({ status }) => status === 'succeeded')).toHaveLength(paid.length);
    } finally {
      await second.dispose();
    }
  }, 120_000);
});
