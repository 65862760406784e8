/** The world of batches, uploads and schedules. A run builds the world from a seed, runs it until idle, and checks it. */
import { type Batch, isBatchOver } from '../../../functions/core/batch/batch.ts';
import type { Job } from '../../../functions/core/job/job.ts';
import { defaultPolicy, type Policy } from '../../../functions/core/job/policy.ts';
import { Engine, STREAM } from '../engine.ts';
import { checkJobs } from '../final-checks.ts';
import { Random } from '../random.ts';
import type { RunOptions, RunResult } from '../run.ts';
import type { Subject } from '../subject.ts';
import { buildWorld, hasOverdue, isIdle, isStrict, MINUTE, sweepSometimes } from '../world.ts';
import { checkArrivals } from './arrival-checks.ts';
import { checkBatches } from './batch-checks.ts';
import { BatchMonitor } from './batch-monitor.ts';
import { batchStatisticsOf } from './batch-statistics.ts';
import { Batches } from './batch-store.ts';
import { CloudScheduler } from './cloud-scheduler.ts';
import { RULES } from './drops.ts';
import { InputBucket } from './input-bucket.ts';
import { Owners } from './owners.ts';
import { placeFiles, plansOf } from './placed-files.ts';
import { Requesters } from './requesters.ts';
import { Retention } from './retention.ts';
import { ScheduleStates } from './schedule-store.ts';
import { UploadWaitStates } from './upload-waits.ts';
import { Uploaders } from './uploaders.ts';
import { sourcesOf } from './workload.ts';

/** Work that is still open after this much quiet virtual time will never finish. */
const HORIZON_MS = 40 * 60 * MINUTE;

const isHeld = (job: Job): boolean => job.status === 'queued' && job.heldAt !== undefined;

export async function simulateBatches(subject: Subject, options: RunOptions): Promise<RunResult> {
  const workload = new Random(options.seed, STREAM.workload);
  const quietAfterMs = workload.int(5 * MINUTE, 50 * MINUTE);
  const engine = new Engine({ ...options, quietAfterMs });
  const policy: Policy = {
    ...defaultPolicy(),
    jobDeadlineMs: workload.pick([6, 20, 60] as const) * MINUTE,
    outageMs: 60 * MINUTE,
  };
  const keepFinishedMs = workload.pick([undefined, undefined, 180 * MINUTE, 300 * MINUTE] as const);
  const input = new InputBucket(engine, subject, workload.chance(0.75));
  const taskAttemptsMax = workload.pick([1, 3, 100] as const);
  const sources = sourcesOf(workload, options.jobsMax);
  // The catalogue's quotas hold back none of so few jobs. Low ones defer submit tasks, also those of held jobs.
  const requestsPerMinute = workload.pick([undefined, 2, 6] as const);
  const plannedBatches = sources.filter((source) => source.kind === 'batch');
  const fires = sources.filter((source) => source.kind === 'fires');
  const drops = sources.flatMap((source) => (source.kind === 'uploads' ? source.drops : []));
  const nonOverlapping = fires.filter(({ schedule }) => schedule.overlap !== 'allow');
  const batchMonitor = new BatchMonitor(engine, new Set(nonOverlapping.map(({ id }) => `schedule:${id}`)));
  const states = new ScheduleStates(engine);
  const batchWritten = (before: Batch | undefined, after: Batch): void => {
    batchMonitor.written(before, after);
    owners.written(before, after);
  };
  const batches = new Batches(engine, batchWritten, isStrict(options.seed), keepFinishedMs);
  const world = buildWorld({
    ...{ engine, subject, policy, hasManyJobs: true },
    written: (before, after) => {
      batchMonitor.jobWritten(before, after);
      owners.jobWritten(before, after);
    },
    taskAttemptsMax,
    partsOf: (invocation) => {
      const inputs = input.portOf(invocation);
      return {
        ...{ inputs, uploads: inputs, batches: batches.portOf(invocation) },
        settings: {
          readablePrefixes: ['gs://in/manifests/', 'gs://in/pictures/'],
          ...{ uploadRules: RULES, requestsPerMinute },
        },
      };
    },
  });
  const { database, ledger, monitor, output, servicesOf } = world;
  database.batchOf = (batchId) => batches.batches.get(batchId);
  const users = new Random(options.seed, STREAM.users);
  placeFiles(engine, input, users, { plannedBatches, fires });
  const owners = new Owners(engine, subject, users, servicesOf, keepFinishedMs);
  const requesters = new Requesters(engine, subject, plannedBatches, servicesOf);
  const waits = new UploadWaitStates(engine);
  const uploaders = new Uploaders(engine, subject, { input, waits }, drops, servicesOf);
  const scheduler = new CloudScheduler(engine, subject, states, fires, servicesOf);
  const retention = new Retention(engine, database, batches, batchMonitor, keepFinishedMs);
  const isLeftHeld = (job: Job): boolean => {
    const batch = job.batch && batches.batches.get(job.batch.batchId);
    return batch !== undefined && isHeld(job) && owners.isLeftPaused(batch);
  };
  const isOver = (): boolean =>
    requesters.waiting + uploaders.waiting + scheduler.waiting + owners.waiting === 0 &&
    [...batches.batches.values()].every((batch) => isBatchOver(batch) || owners.isLeftPaused(batch)) &&
    scheduler.isSettled() &&
    waits.waits.size === 0 &&
    retention.isOver() &&
    isIdle(world, isLeftHeld);
  const hasWork = (): boolean =>
    hasOverdue(world) ||
    scheduler.hasDue() ||
    waits.hasDue() ||
    batches.overdue(engine.now).length > 0 ||
    batches.dueForRelease(engine.now).length > 0;
  const minute = (): void => {
    monitor.tick(database.jobs.values());
    batchMonitor.tick(batches.batches.values());
    retention.tick();
    if (isOver()) {
      if ([...database.jobs.values()].some(isLeftHeld)) engine.finish();
      return;
    }
    if (engine.now > engine.quietAt + HORIZON_MS)
      engine.violate('ends', `after ${HORIZON_MS / MINUTE} quiet minutes work is still open`);
    engine.after(MINUTE, minute);
    sweepSometimes(engine, hasWork, async (invocation) => {
      await subject.handleSweep(servicesOf(invocation));
      await scheduler.sweep(invocation);
      await uploaders.sweep(invocation);
    });
  };
  engine.after(engine.timing.int(0, MINUTE), minute);

  await engine.run();
  if (!engine.violation) {
    const none = { resubmitted: new Set<string>(), accepted: new Set<string>(), returned: new Map() };
    checkJobs({
      ...{ engine, ledger, output, monitor, policy },
      ...{ jobs: batchMonitor.jobs, isLeft: isLeftHeld },
      operators: none,
      retries: none,
    });
    const plans = plansOf({ plannedBatches, fires, drops });
    const final = { engine, ledger, output, monitor, batchMonitor, input, owners, plans };
    checkBatches(final);
    checkArrivals({ ...final, requesters, uploaders, scheduler, states, fires });
  }
  engine.note(`idle after ${engine.events} events`);
  return {
    seed: options.seed,
    violation: engine.violation,
    traceHash: engine.traceHash,
    faults: engine.faults.fired,
    statistics: batchStatisticsOf({ engine, ledger, batchMonitor, uploaders, states, retention }),
  };
}
