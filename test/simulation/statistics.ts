/** Counts of one run, and sums over many. */
import type { Job } from '../../functions/core/job/job.ts';
import type { Engine } from './engine.ts';
import { FAULT_CLASSES } from './faults.ts';
import type { Ledger, PaidEntry } from './ledger.ts';
import type { Monitor } from './monitor.ts';
import type { Operators } from './operators.ts';
import type { Retries } from './retries.ts';
import type { Webhooks } from './webhooks.ts';

export type Statistics = Record<string, number>;

export function addStatistics(total: Statistics, more: Readonly<Statistics>): void {
  for (const [name, count] of Object.entries(more)) total[name] = (total[name] ?? 0) + count;
}

export interface Observed {
  readonly engine: Engine;
  readonly jobs: ReadonlyMap<string, Job>;
  readonly ledger: Ledger;
  readonly monitor: Monitor;
  readonly operators: Operators;
  readonly retries: Retries;
  readonly webhooks: Webhooks;
}

export function statisticsOf(observed: Observed): Statistics {
  const { engine, jobs, ledger, monitor } = observed;
  const total: Statistics = { runs: 1, events: engine.events, crashes: engine.crashes, jobs: jobs.size };
  const count = (name: string, by = 1): void => {
    total[name] = (total[name] ?? 0) + by;
  };
  for (const kind of FAULT_CLASSES) count(`faults ${kind}`, engine.faults.counts.get(kind) ?? 0);
  for (const job of jobs.values()) {
    count(`jobs ${job.status}`);
    if (job.retryOf) count(`retries ${job.status}`);
    if (job.status === 'failed' && job.error.code === 'NOT_STARTED_IN_TIME')
      count('jobs not started in time');
  }
  count('retries where callers accept a double charge', observed.retries.accepted.size);
  count('attempts decided by operators', observed.operators.decided.size);
  count('attempts given up and reopened', monitor.reopened.size);
  for (const {
    jobId,
    attemptId,
    calls,
    charged,
    provider,
    kind,
    cancelTries,
    cancelled,
  } of ledger.entries.values()) {
    count('paid calls', calls);
    if (cancelTries > 0)
      count(`cancel requests to providers: ${cancelled ? 'stopped' : 'too late or refused'}`);
    if (charged === 0) continue;
    count('charged attempts');
    const attempt = jobs.get(jobId)?.attempts.find((each) => each.attemptId === attemptId);
    if (attempt && attempt.outcome !== 'landed')
      count(`charged attempts not landed, ${provider} ${kind}: ${attempt.error?.code}`);
  }
  for (const [attemptId, { jobId, decideAt }] of monitor.uncertain) {
    const entry = ledger.entries.get(attemptId);
    const outcome = jobs.get(jobId)?.attempts.find((each) => each.attemptId === attemptId)?.outcome;
    const surface = entry ? `${entry.provider} ${entry.kind === 'image' ? 'image' : 'video'}` : 'no call';
    const end = outcome === 'unknown' ? 'unresolved' : 'resolved';
    // An operator's decision is not something that Clapper has found out by itself.
    if (observed.operators.decided.has(attemptId))
      count(`unknown, ${surface}, decided by an operator: ${end}`);
    else count(`unknown, ${surface}, ${evidenceOf(entry, decideAt, observed.webhooks)}: ${end}`);
  }
  return total;
}

/** The evidence that existed about an attempt whose answer was lost. */
function evidenceOf(entry: PaidEntry | undefined, decideAt: number, webhooks: Webhooks): string {
  if (!entry?.begun) return 'no operation started';
  if (entry.provider !== 'vertex' && entry.kind !== 'image') {
    const takenAt = webhooks.takenAt.get(entry.attemptId);
    if (takenAt === undefined) return 'no webhook';
    return takenAt <= decideAt ? 'webhook in time' : 'webhook too late';
  }
  if (entry.firstObjectAt === undefined) return 'no object ever written';
  return entry.firstObjectAt <= decideAt ? 'objects in time' : 'objects too late';
}

const shareOf = (total: Readonly<Statistics>, kinds: readonly string[]): number | undefined => {
  const of = (end: string): number =>
    kinds.reduce((sum, kind) => sum + (total[`unknown, ${kind}: ${end}`] ?? 0), 0);
  const all = of('resolved') + of('unresolved');
  return all === 0 ? undefined : of('resolved') / all;
};

/**
 * The resolved share of Vertex's unknown outcomes for which it wrote an object at any time. Outcomes that an operator
 * decided are not counted.
 */
export const resolvedShare = (total: Readonly<Statistics>): number | undefined =>
  shareOf(
    total,
    ['video', 'image'].flatMap((made) => [
      `vertex ${made}, objects in time`,
      `vertex ${made}, objects too late`,
    ]),
  );

/** The resolved share of the Developer API's unknown outcomes whose webhook arrived in time. */
export const webhookShare = (total: Readonly<Statistics>): number | undefined =>
  shareOf(total, ['gemini video, webhook in time', 'omni video, webhook in time']);
