/** A campaign that runs in several processes. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { addStatistics, type Statistics } from './statistics.ts';
import type { WorldName } from './worlds.ts';

const partSchema = z.object({
  runs: z.number(),
  statistics: z.record(z.string(), z.number()),
  failedSeed: z.number().optional(),
});

export interface WorkersResult {
  readonly runs: number;
  readonly statistics: Statistics;
  readonly failedSeeds: readonly number[];
}

/** Stops all processes as soon as one has found a violation. */
export async function runOnWorkers(
  order: {
    readonly world: WorldName;
    readonly root: string;
    readonly seed: number;
    readonly runs: number;
    readonly workers: number;
  },
  onProgress: (soFar: WorkersResult) => void = () => undefined,
): Promise<WorkersResult> {
  const statistics: Statistics = {};
  const failedSeeds: number[] = [];
  let runs = 0;
  const children = Array.from({ length: order.workers }, (_, n) => {
    const share = Math.floor((order.runs + order.workers - 1 - n) / order.workers);
    const text = JSON.stringify({
      world: order.world,
      root: order.root,
      first: order.seed + n,
      step: order.workers,
      runs: share,
    });
    return fork(fileURLToPath(new URL('worker.ts', import.meta.url)), [text], {
      // A larger young generation: nearly everything that a run allocates is garbage at its end.
      execArgv: ['--import', 'tsx', '--max-semi-space-size=32'],
    });
  });
  await Promise.all(
    children.map(
      (child) =>
        new Promise<void>((resolve, reject) => {
          child.on('message', (message) => {
            const part = partSchema.parse(message);
            runs += part.runs;
            addStatistics(statistics, part.statistics);
            if (part.failedSeed !== undefined) failedSeeds.push(part.failedSeed);
            onProgress({ runs, statistics, failedSeeds });
            if (failedSeeds.length > 0)
              for (const each of children) {
                // A send to a process that has just ended fails; the callback ignores that.
                if (each.connected) each.send('stop', () => undefined);
              }
          });
          child.on('error', reject);
          child.on('exit', (code) => {
            if (code === 0) resolve();
            else reject(new Error(`a simulation worker exited with code ${code}`));
          });
        }),
    ),
  );
  return { runs, statistics, failedSeeds };
}
