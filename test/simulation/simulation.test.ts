/** The real handlers in a world that crashes, loses and repeats; SIMULATION_SEED repeats a run of this file. */
import { describe, expect, it } from 'vitest';
import { everything } from './run.ts';
import { commandOf, shrink } from './shrink.ts';
import { simulate } from './simulate.ts';
import { resolvedShare } from './statistics.ts';
import { FUNCTIONS_ROOT, loadSubject, type Subject } from './subject.ts';
import { runOnWorkers } from './workers.ts';

const SEED = Number(process.env['SIMULATION_SEED'] ?? Date.now());
const RUNS = 2000;
/** As DESIGN has it; where no object is ever written there is nothing to resolve by. */
const RESOLVED_SHARE_MIN = 0.99;

const subject = await loadSubject();

/** Nobody sweeps, so whatever is lost stays lost. */
const unswept: Subject = {
  ...subject,
  handleSweep: async () => ({ overdue: 0, reEnqueued: 0, waiting: 0, ended: 0, announced: 0, errors: 0 }),
};

async function firstFailing(broken: Subject): Promise<number> {
  for (let seed = 1; seed < 200; seed++)
    if ((await simulate(broken, everything(seed))).violation) return seed;
  throw new Error('nothing fails');
}

describe('crash simulation', () => {
  it(`holds every invariant in ${RUNS} runs (SIMULATION_SEED=${SEED})`, async () => {
    const { runs, statistics, failedSeeds } = await runOnWorkers({
      ...{ world: 'jobs', root: FUNCTIONS_ROOT, seed: SEED, runs: RUNS, workers: 2 },
    });
    const failures: string[] = [];
    for (const seed of failedSeeds) {
      const { options, result } = await shrink('jobs', subject, everything(seed));
      failures.push(
        `${result.violation?.check}: ${result.violation?.message}; ${commandOf('jobs', options)}`,
      );
    }
    expect(failures).toEqual([]);
    expect(runs).toBe(RUNS);
    expect(resolvedShare(statistics)).toBeGreaterThanOrEqual(RESOLVED_SHARE_MIN);
    // A simulation in which nothing goes wrong, or nothing is finished, proves nothing.
    for (const name of ['crashes', 'faults store', 'faults delivery', 'jobs succeeded', 'jobs failed'])
      expect(statistics[name], name).toBeGreaterThan(RUNS / 10);
  }, 180_000);

  it('is decided by the seed alone: the same seed gives the same trace, byte for byte', async () => {
    const traceOf = async (seed: number): Promise<{ hash: string; text: string }> => {
      const lines: string[] = [];
      const { traceHash } = await simulate(subject, {
        ...everything(seed),
        onLine: (line) => lines.push(line),
      });
      return { hash: traceHash, text: lines.join('\n') };
    };
    const hashes = new Set<string>();
    for (let n = 0; n < 25; n++) {
      const first = await traceOf(SEED + n);
      expect(await traceOf(SEED + n), `seed ${SEED + n}`).toEqual(first);
      expect((await simulate(subject, everything(SEED + n))).traceHash, 'without being looked at').toBe(
        first.hash,
      );
      hashes.add(first.hash);
    }
    expect(hashes.size).toBe(25);
  });
});

describe('a handler that is wrong by itself', () => {
  it('is found when it changes the record it was given, which the next reader would not see', async () => {
    const meddling: Subject = {
      ...subject,
      handlePoll: async (services, message) => {
        const job = await services.jobs.get(message.jobId);
        if (job) job.revision++;
        await subject.handlePoll(services, message);
      },
    };
    const seed = await firstFailing(meddling);
    const { violation } = await simulate(meddling, everything(seed));
    expect(violation?.check).toBe('only the world fails');
    expect(violation?.message).toContain('read only property');
  });
});

describe('the shrinker', () => {
  it('finds a smaller run that fails in the same way, and the command for it', async () => {
    const failing = everything(await firstFailing(unswept));
    const before = await simulate(unswept, failing);
    const { options, result } = await shrink('jobs', unswept, failing);
    expect(result.violation?.check).toBe(before.violation?.check);
    expect(result.faults).toBeLessThan(before.faults);
    expect((await simulate(unswept, options)).traceHash).toBe(result.traceHash);
    expect(commandOf('jobs', options)).toMatch(
      /^npm run simulate -- --runs 1 --seed \d+ --jobs \d .*--trace$/,
    );
  });

  it('has nothing to do where nothing fails', async () => {
    await expect(shrink('jobs', subject, { ...everything(SEED), faultsMax: 0 })).rejects.toThrow(
      'violates nothing',
    );
  });
});
