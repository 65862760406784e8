/** The real handlers under crashes, lost messages and repeated deliveries. SIMULATION_SEED repeats a run. */
import { describe, expect, it } from 'vitest';
import { fullRun } from './run.ts';
import { commandOf, shrink } from './shrink.ts';
import { simulate } from './simulate.ts';
import { FUNCTIONS_ROOT, loadSubject, type Subject } from './subject.ts';
import { TASK_FAULTS } from './submit-task-checks.ts';
import { runOnWorkers } from './workers.ts';

const SEED = Number(process.env['SIMULATION_SEED'] ?? Date.now());
const RUNS = 400;
const COUNTED_RUNS = 100;

const subject = await loadSubject();

/** Without a sweep, a lost task stays lost. */
const withoutSweep: Subject = {
  ...subject,
  handleSweep: async () => ({ overdue: 0, reEnqueued: 0, waiting: 0, ended: 0, announced: 0, errors: 0 }),
};

async function firstFailing(broken: Subject): Promise<number> {
  for (let seed = 1; seed < 200; seed++) if ((await simulate(broken, fullRun(seed))).violation) return seed;
  throw new Error('none of 199 seeds fails');
}

describe('crash simulation', () => {
  it(`holds every invariant in ${RUNS} runs (SIMULATION_SEED=${SEED})`, async () => {
    const { runs, statistics, failedSeeds } = await runOnWorkers({
      ...{ world: 'jobs', root: FUNCTIONS_ROOT, seed: SEED, runs: RUNS, workers: 2 },
    });
    const failures: string[] = [];
    for (const seed of failedSeeds) {
      const { options, result } = await shrink('jobs', subject, fullRun(seed));
      failures.push(
        `${result.violation?.check}: ${result.violation?.message}; ${commandOf('jobs', options)}`,
      );
    }
    expect(failures).toEqual([]);
    expect(runs).toBe(RUNS);
    // A simulation without faults or without finished jobs would prove nothing.
    for (const name of ['crashes', 'faults store', 'faults delivery', 'jobs succeeded', 'jobs failed'])
      expect(statistics[name], name).toBeGreaterThan(RUNS / 10);
  });

  it(`counts a submit task for every waiting job in ${COUNTED_RUNS} runs whose queue loses none (SIMULATION_SEED=${SEED})`, async () => {
    for (let seed = SEED; seed < SEED + COUNTED_RUNS; seed++) {
      const { violation } = await simulate(subject, { ...fullRun(seed), without: TASK_FAULTS });
      expect(violation, `seed ${seed}`).toBeUndefined();
    }
  });

  it('gives the same trace, byte for byte, for the same seed', async () => {
    const traceOf = async (seed: number): Promise<{ hash: string; text: string }> => {
      const lines: string[] = [];
      const { traceHash } = await simulate(subject, {
        ...fullRun(seed),
        onLine: (line) => lines.push(line),
      });
      return { hash: traceHash, text: lines.join('\n') };
    };
    const hashes = new Set<string>();
    for (let n = 0; n < 10; n++) {
      const first = await traceOf(SEED + n);
      expect(await traceOf(SEED + n), `seed ${SEED + n}`).toEqual(first);
      expect((await simulate(subject, fullRun(SEED + n))).traceHash, 'without a listener').toBe(first.hash);
      hashes.add(first.hash);
    }
    expect(hashes.size).toBe(10);
  });
});

describe('a defective handler', () => {
  it('is caught when it modifies the record that it has read', async () => {
    const meddling: Subject = {
      ...subject,
      handlePoll: async (services, message) => {
        const job = await services.jobs.get(message.jobId);
        if (job) job.revision++;
        await subject.handlePoll(services, message);
      },
    };
    const seed = await firstFailing(meddling);
    const { violation } = await simulate(meddling, fullRun(seed));
    expect(violation?.check).toBe('handlers throw only simulated faults and expected errors');
    expect(violation?.message).toContain('read only property');
  });
});

describe('the shrinker', () => {
  it('finds a smaller run that violates the same check, and prints its command', async () => {
    const failing = fullRun(await firstFailing(withoutSweep));
    const before = await simulate(withoutSweep, failing);
    const { options, result } = await shrink('jobs', withoutSweep, failing);
    expect(result.violation?.check).toBe(before.violation?.check);
    expect(result.faults).toBeLessThan(before.faults);
    expect((await simulate(withoutSweep, options)).traceHash).toBe(result.traceHash);
    expect(commandOf('jobs', options)).toMatch(
      /^npm run simulate -- --runs 1 --seed \d+ --jobs \d .*--trace$/,
    );
  });

  it('rejects a run without a violation', async () => {
    await expect(shrink('jobs', subject, { ...fullRun(SEED), faultsMax: 0 })).rejects.toThrow(
      'violates no check',
    );
  });
});
