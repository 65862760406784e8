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
