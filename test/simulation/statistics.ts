/** What many runs add up to. */
import type { Job } from '../../functions/core/job.ts';
import type { Engine } from './engine.ts';
import { FAULT_CLASSES } from './faults.ts';
import type { Ledger, PaidEntry } from './ledger.ts';
import type { Monitor } from './monitor.ts';

export type Statistics = Record<string, number>;

export function addStatistics(total: Statistics, more: Readonly<Statistics>): void {
  for (const [name, count] of Object.entries(more)) total[name] = (total[name] ?? 0) + count;
}

export function statisticsOf(
  engine: Engine,
  jobs: ReadonlyMap<string, Job>,
  ledger: Ledger,
  monitor: Monitor,
): Statistics {
  const total: Statistics = { runs: 1, events: engine.events, crashes: engine.crashes, jobs: jobs.size };
  const count = (name: string, by = 1): void => {
    total[name] = (total[name] ?? 0) + by;
  };
  for (const kind of FAULT_CLASSES) count(`faults ${kind}`, engine.faults.counts.get(kind) ?? 0);
  for (const { status } of jobs.values()) count(`jobs ${status}`);
  for (const { jobId, attemptId, calls, charged, provider, kind } of ledger.entries.values()) {
    count('paid calls', calls);
    if (charged === 0) continue;
    count('charged attempts');
    const attempt = jobs.get(jobId)?.attempts.find((each) => each.attemptId === attemptId);
    if (attempt && attempt.outcome !== 'landed')
      count(`charged attempts not landed, ${provider} ${kind}: ${attempt.error?.code}`);
  }
  for (const [attemptId, { jobId, decideAt }] of monitor.doubted) {
    const entry = ledger.entries.get(attemptId);
    const outcome = jobs.get(jobId)?.attempts.find((each) => each.attemptId === attemptId)?.outcome;
    const surface = entry ? `${entry.provider} ${entry.kind === 'image' ? 'picture' : 'video'}` : 'no call';
    count(
      `unknown, ${surface}, ${evidenceOf(entry, decideAt)}: ${outcome === 'unknown' ? 'unresolved' : 'resolved'}`,
    );
  }
  return total;
}

/** What could be known of an attempt whose answer was lost. */
function evidenceOf(entry: PaidEntry | undefined, decideAt: number): string {
  if (!entry?.begun) return 'nothing ever begun';
  if (entry.firstObjectAt === undefined) return 'no object ever written';
  return entry.firstObjectAt <= decideAt ? 'objects in time' : 'objects too late';
}

/** The share of Vertex's unknown outcomes that resolved themselves where there was evidence in time. */
export function resolvedShare(total: Readonly<Statistics>): number | undefined {
  const of = (end: string): number => total[`unknown, vertex video, objects in time: ${end}`] ?? 0;
  const all = of('resolved') + of('unresolved');
  return all === 0 ? undefined : of('resolved') / all;
}
