/** The world of single jobs. A run builds the world from a seed, runs it until it is idle, and checks the final state. */
import type { Job } from '../../functions/core/job/job.ts';
import { defaultPolicy, type Policy } from '../../functions/core/job/policy.ts';
import { Bucket } from './buckets.ts';
import { Clients } from './clients.ts';
import { Engine, STREAM } from './engine.ts';
import { checkFinalState } from './final-checks.ts';
import { NO_BATCHES } from './no-batches.ts';
import { Operators } from './operators.ts';
import { Random } from './random.ts';
import { Retries } from './retries.ts';
import type { RunOptions, RunResult } from './run.ts';
import { statisticsOf } from './statistics.ts';
import type { Subject } from './subject.ts';
import { Webhooks } from './webhooks.ts';
import { plannedJobsOf } from './workload.ts';
import { buildWorld, hasOverdue, isIdle, MINUTE, sweepSometimes } from './world.ts';

/** Work that is still open after this much quiet virtual time will never finish. */
const HORIZON_MS = 14 * 60 * MINUTE;
const LANDING_TRIES_FEW = 3;

export async function simulate(subject: Subject, options: RunOptions): Promise<RunResult> {
  const workload = new Random(options.seed, STREAM.workload);
  const quietAfterMs = workload.int(5 * MINUTE, 50 * MINUTE);
  const engine = new Engine({ ...options, quietAfterMs });
  const policy: Policy = {
    ...defaultPolicy(),
    jobDeadlineMs: workload.pick([6, 20, 60, 120] as const) * MINUTE,
    outageMs: 60 * MINUTE,
    // The default of two hours seldom runs out. A small limit makes landing give up, so that the retry has to land.
    maxLandingTries: workload.chance(0.8) ? defaultPolicy().maxLandingTries : LANDING_TRIES_FEW,
    unknownOutcome: workload.chance(0.85) ? 'fail' : 'resubmit',
  };
  const written = (before: Job | undefined, after: Job): void => {
    clients.written(before, after);
    operators.written(after);
    retries.written(before, after);
  };
  const input = new Bucket(engine, 'in');
  // The catalogue's quotas hold back none of so few jobs. Low ones defer their submit tasks.
  const requestsPerMinute = workload.pick([undefined, 1, 3] as const);
  const world = buildWorld({
    ...{ engine, subject, policy, written, hasManyJobs: false },
    hasLowQuota: requestsPerMinute !== undefined,
    taskAttemptsMax: workload.pick([1, 3, 100] as const),
    partsOf: (invocation) => ({
      ...{ batches: NO_BATCHES, inputs: input.portOf(invocation), settings: { requestsPerMinute } },
    }),
  });
  const { database, ledger, monitor, models, output, servicesOf } = world;
  const users = new Random(options.seed, STREAM.users);
  const webhooks = new Webhooks(engine, subject, users, servicesOf);
  models.operations.onEnded(webhooks.ended);
  const operators = new Operators(engine, subject, users, models, servicesOf);
  const retries = new Retries(engine, subject, users, servicesOf);
  const plannedJobs = plannedJobsOf(workload, options.jobsMax);
  const clients = new Clients(engine, subject, users, plannedJobs, servicesOf);
  const isOver = (): boolean => clients.waiting + operators.waiting + retries.waiting === 0 && isIdle(world);
  const minute = (): void => {
    monitor.tick(database.jobs.values());
    if (isOver()) return;
    if (engine.now > engine.quietAt + HORIZON_MS)
      engine.violate('ends', `after ${HORIZON_MS / MINUTE} quiet minutes work is still open`);
    engine.after(MINUTE, minute);
    const sweep = subject.handleSweep;
    sweepSometimes(
      engine,
      () => hasOverdue(world),
      (invocation) => sweep(servicesOf(invocation)),
    );
  };
  engine.after(engine.timing.int(0, MINUTE), minute);

  await engine.run();
  const { jobs } = database;
  if (!engine.violation)
    checkFinalState({ engine, jobs, ledger, output, monitor, clients, operators, retries, policy });
  engine.note(`idle after ${engine.events} events`);
  return {
    seed: options.seed,
    violation: engine.violation,
    traceHash: engine.traceHash,
    faults: engine.faults.fired,
    statistics: statisticsOf({ engine, jobs, ledger, monitor, operators, retries, webhooks }),
  };
}
