/** Many runs, one after the other, from consecutive seeds. */
import { everything, type RunResult, type Simulate } from './run.ts';
import { addStatistics, type Statistics } from './statistics.ts';
import type { Subject } from './subject.ts';

/** Timers and messages of the process get their turn this often: the simulation itself never waits for anything. */
const BREATH_MS = 200;

export interface Campaign {
  readonly runs: number;
  readonly statistics: Statistics;
  /** The first run that went wrong, if one did. */
  readonly failed: RunResult | undefined;
}

/**
 * @param seeds the first, and how far apart they are; workers share a campaign by starting at neighbouring seeds
 * @param onProgress told of what came since it was told last; returns whether to go on
 */
export async function runCampaign(
  simulate: Simulate,
  subject: Subject,
  seeds: { readonly first: number; readonly step: number; readonly runs: number },
  onProgress: (part: Campaign) => boolean = () => true,
): Promise<Campaign> {
  const total: Statistics = {};
  let part: { runs: number; statistics: Statistics } = { runs: 0, statistics: {} };
  let breathAt = performance.now() + BREATH_MS;
  let runs = 0;
  while (runs < seeds.runs) {
    const result = await simulate(subject, everything(seeds.first + runs * seeds.step));
    runs++;
    part.runs++;
    addStatistics(part.statistics, result.statistics);
    addStatistics(total, result.statistics);
    const failed = result.violation ? result : undefined;
    const last = failed !== undefined || runs === seeds.runs;
    if (!last && performance.now() < breathAt) continue;
    breathAt = performance.now() + BREATH_MS;
    const goOn = onProgress({ ...part, failed });
    if (failed || !goOn) return { runs, statistics: total, failed };
    part = { runs: 0, statistics: {} };
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { runs, statistics: total, failed: undefined };
}
