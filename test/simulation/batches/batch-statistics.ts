/** Counts of one run of this world. */
import type { Engine } from '../engine.ts';
import { FAULT_CLASSES } from '../faults.ts';
import type { Ledger } from '../ledger.ts';
import type { Statistics } from '../statistics.ts';
import type { BatchMonitor } from './batch-monitor.ts';
import type { Retention } from './retention.ts';
import type { ScheduleStates } from './schedule-store.ts';
import type { Uploaders } from './uploaders.ts';

interface Observed {
  readonly engine: Engine;
  readonly ledger: Ledger;
  readonly batchMonitor: BatchMonitor;
  readonly uploaders: Uploaders;
  readonly states: ScheduleStates;
  readonly retention: Retention;
}

export function batchStatisticsOf({
  engine,
  ledger,
  batchMonitor,
  uploaders,
  states,
  retention,
}: Observed): Statistics {
  const total: Statistics = { runs: 1, events: engine.events, crashes: engine.crashes };
  const count = (name: string, by = 1): void => {
    total[name] = (total[name] ?? 0) + by;
  };
  for (const kind of FAULT_CLASSES) count(`faults ${kind}`, engine.faults.counts.get(kind) ?? 0);
  for (const { status, totals, cappedAtRow, retries, settings } of batchMonitor.batches.values()) {
    count(`batches ${status}`);
    count('rows', totals.rows);
    count('rows that are not valid requests', totals.faults);
    if (cappedAtRow !== undefined) count('batches stopped by maxSpendUsd');
    if (settings.strict) count('batches strict');
    if (settings.dryRun) count('batches dry run');
    count('retry rounds', retries);
  }
  for (const { status, batch, retryOf } of batchMonitor.jobs.values()) {
    count(`jobs ${status}`);
    count(retryOf ? 'jobs of retries' : batch ? 'jobs of rows' : 'jobs of uploads');
  }
  count('jobs of rows made after a cancel', batchMonitor.late.size);
  count('batches read twice at once', batchMonitor.readTwice.size);
  count('jobs held by a pause', batchMonitor.held.size);
  count('batches cancelled while their rows were read', batchMonitor.interrupted.size);
  for (const { calls, charged } of ledger.entries.values()) {
    count('paid calls', calls);
    if (charged > 0) count('charged attempts');
  }
  count('files uploaded', uploaders.dropped.length);
  for (const { fires } of states.states.values())
    for (const fire of fires) count(`fires ${fire.state}${'why' in fire ? `, ${fire.why}` : ''}`);
  count('records of jobs deleted', retention.deleted);
  return total;
}
