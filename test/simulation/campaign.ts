/** Many runs in sequence, with consecutive seeds. */
import { fullRun, type RunResult, type Simulate } from './run.ts';
import { addStatistics, type Statistics } from './statistics.ts';
import type { Subject } from './subject.ts';

/** How often a campaign yields to timers and messages. The simulation itself never waits for either. */
const YIELD_EVERY_MS = 200;

export interface Campaign {
  readonly runs: number;
  readonly statistics: Statistics;
  /** The first run that violated a check, if one did. */
  readonly failed: RunResult | undefined;
}

/**
 * @param seeds the first seed and the step between seeds; the workers of a campaign start at neighbouring seeds
 * @param onProgress receives the results since its last call; returns whether to continue
 */
export async function runCampaign(
  simulate: Simulate,
  subject: Subject,
  seeds: { readonly first: number; readonly step: number; readonly runs: number },
  onProgress: (part: Campaign) => boolean = () => true,
): Promise<Campaign> {
  const total: Statistics = {};
  let part: { runs: number; statistics: Statistics } = { runs: 0, statistics: {} };
  let yieldAt = performance.now() + YIELD_EVERY_MS;
  let runs = 0;
  while (runs < seeds.runs) {
    const result = await simulate(subject, fullRun(seeds.first + runs * seeds.step));
    runs++;
    part.runs++;
    addStatistics(part.statistics, result.statistics);
    addStatistics(total, result.statistics);
    const failed = result.violation ? result : undefined;
    const last = failed !== undefined || runs === seeds.runs;
    if (!last && performance.now() < yieldAt) continue;
    yieldAt = performance.now() + YIELD_EVERY_MS;
    const shouldContinue = onProgress({ ...part, failed });
    if (failed || !shouldContinue) return { runs, statistics: total, failed };
    part = { runs: 0, statistics: {} };
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { runs, statistics: total, failed: undefined };
}
