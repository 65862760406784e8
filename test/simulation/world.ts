/** The parts that all worlds share: the stores, the task queue, the models, the output bucket and their events. */

import { CATALOGUE } from '../../functions/core/catalogue/models.ts';
import { isTerminal, type Job, liveAttemptOf } from '../../functions/core/job/job.ts';
import type { Policy } from '../../functions/core/job/policy.ts';
import type { Ids, Services } from '../../functions/ports.ts';
import { Bucket, OUTPUT_BUCKET } from './buckets.ts';
import { Database } from './database.ts';
import { type Ending, type Engine, type Invocation, STREAM } from './engine.ts';
import { Ledger } from './ledger.ts';
import { Models } from './models.ts';
import { Monitor } from './monitor.ts';
import { digitsOf, Random, randomDigits } from './random.ts';
import { RateLimiters } from './rate-limiters.ts';
import type { Subject } from './subject.ts';
import { checkSubmitTasks } from './submit-task-checks.ts';
import { deliverTo, Tasks } from './task-queue.ts';

const SECOND = 1000;
export const MINUTE = 60 * SECOND;
const EVENT_DELIVERIES_MAX = 6;
/** One run in 16 stores its records as JSON and parses them with the schema, as the Firestore adapter does. */
const STRICT_EVERY = 16;

export const isStrict = (seed: number): boolean => seed % STRICT_EVERY === 0;

type ServicesOf = (invocation: Invocation) => Services;
/** The services that a world brings itself. */
type OwnParts = Pick<Services, 'batches' | 'inputs'> &
  Partial<Pick<Services, 'uploads' | 'events'>> & { readonly settings?: Partial<Services['settings']> };

export interface World {
  readonly engine: Engine;
  readonly subject: Subject;
  readonly policy: Policy;
  readonly database: Database;
  readonly tasks: Tasks;
  readonly output: Bucket;
  readonly ledger: Ledger;
  readonly models: Models;
  readonly monitor: Monitor;
  readonly servicesOf: ServicesOf;
}

interface Plan extends Pick<World, 'engine' | 'subject' | 'policy'> {
  readonly taskAttemptsMax: number;
  /** A submit queue may hold more jobs than a submit task tries to claim. */
  readonly hasManyJobs: boolean;
  /** The quotas are so low that a job can wait for another job's task until the sweep gives it one of its own. */
  readonly hasLowQuota?: boolean;
  /** Called after each write of a job, after the monitor. */
  readonly written: (before: Job | undefined, after: Job) => void;
  readonly partsOf: (invocation: Invocation) => OwnParts;
}

export function buildWorld(plan: Plan): World {
  const {
    engine,
    subject,
    policy,
    taskAttemptsMax,
    hasManyJobs,
    hasLowQuota = false,
    written,
    partsOf,
  } = plan;
  const { seed } = engine;
  const monitor = new Monitor(engine, hasManyJobs || hasLowQuota);
  const onWrite = (before: Job | undefined, after: Job): void => {
    monitor.written(before, after);
    written(before, after);
  };
  const database = new Database(engine, onWrite, isStrict(seed));
  const tasks = new Tasks(engine, taskAttemptsMax);
  const rateLimiters = new RateLimiters(engine);
  const output = new Bucket(engine, OUTPUT_BUCKET);
  const ledger = new Ledger();
  const recorded = (jobId: string, attemptId: string): boolean =>
    hasAttempt(database.jobs.get(jobId), attemptId);
  const outcomes = new Random(seed, STREAM.outcomes);
  const models = new Models(engine, outcomes, ledger, output, CATALOGUE, recorded);
  const ids = idsOf(seed);
  const servicesOf = (invocation: Invocation): Services => {
    const { settings, ...parts } = partsOf(invocation);
    return {
      clock: { now: () => engine.now + invocation.process.skewMs },
      ids,
      jobs: database.portOf(invocation),
      tasks: tasks.portOf(invocation),
      rateLimiters: rateLimiters.portOf(invocation),
      results: output.portOf(invocation),
      ...parts,
      providers: {
        vertex: models.portOf(invocation, 'bucket'),
        gemini: models.portOf(invocation, 'download'),
        omni: models.cancellablePortOf(invocation),
      },
      callers: { verify: async () => 'local' },
      policy,
      catalogue: CATALOGUE,
      log: (_severity, message, fields) => readLog(engine, message, fields?.['error']),
      settings: settings ? { ...SETTINGS, ...settings } : SETTINGS,
    };
  };
  tasks.deliverBy(deliverTo(engine, subject, servicesOf));
  tasks.onEnded(() => checkSubmitTasks(engine, database.jobs.values(), tasks.submitTasks()));
  output.onFinalized((name) => sendFinalizedEvent(engine, subject, servicesOf, name));
  return { engine, subject, policy, database, tasks, output, ledger, models, monitor, servicesOf };
}

/**
 * Whether every job is terminal and no attempt is still followed.
 * @param isLeft whether this job will never end, because its batch stays paused
 */
export const isIdle = ({ engine, database }: World, isLeft: (job: Job) => boolean = () => false): boolean =>
  engine.faults.quiet &&
  [...database.jobs.values()].every((job) => (isTerminal(job) && !liveAttemptOf(job)) || isLeft(job));

/** Checks the errors that handlers catch and log: a TypeError among them is a defect of the handler. */
function readLog(engine: Engine, message: string, error: unknown): void {
  engine.comment(message);
  if (typeof error === 'string' && OWN_ERROR.test(error))
    engine.violate('handlers throw only simulated faults and expected errors', `${message}: ${error}`);
}

const OWN_ERROR = /^(?:Type|Reference|Range|Syntax)Error/;

const SETTINGS: Services['settings'] = {
  locations: { vertex: 'us-central1', gemini: 'global', omni: 'global' },
  allowRetiredModels: true,
  aliasRetiredModels: false,
  restrictedRegion: false,
  readablePrefixes: [],
  signedUrlTtlMs: 15 * MINUTE,
  logPrompts: false,
  operators: [],
};

const hasAttempt = (job: Job | undefined, attemptId: string): boolean =>
  job !== undefined &&
  (liveAttemptOf(job)?.attemptId === attemptId || job.attempts.some((each) => each.attemptId === attemptId));

function idsOf(seed: number): Ids {
  const random = new Random(seed, STREAM.ids);
  const jitter = new Random(seed, STREAM.jitter);
  return {
    newJobId: () => `job_${randomDigits(random)}`,
    newAttemptId: () => `att_${randomDigits(random)}`,
    jobIdOf: (cause) => `job_${digitsOf(cause)}`,
    hash: (parts) => digitsOf(parts),
    random: () => jitter.unit(),
  };
}

/** Eventarc: an event is delivered at least once, perhaps late, and is sometimes lost. */
function sendFinalizedEvent(
  engine: Engine,
  { handleLanded }: Subject,
  servicesOf: ServicesOf,
  name: string,
): void {
  const { faults, timing } = engine;
  const deliver = (delivery: number): void => {
    engine.start(
      `landed ${name.slice(-12)}`,
      (invocation) => handleLanded(servicesOf(invocation), { bucket: OUTPUT_BUCKET, name }),
      ({ kind }: Ending<void>) => {
        if (kind !== 'returned' && delivery < EVENT_DELIVERIES_MAX)
          engine.after(timing.int(SECOND, 30 * SECOND), () => deliver(delivery + 1));
      },
    );
  };
  if (faults.happens('event')) {
    engine.note(`event of ${name.slice(-12)} is lost`);
    return;
  }
  const lateMs = faults.happens('event') ? timing.int(SECOND, 10 * MINUTE) : timing.int(20, 400);
  engine.after(lateMs, () => deliver(1));
  if (faults.happens('event')) engine.after(timing.int(1, 60 * SECOND), () => deliver(1));
}

/** Cloud Scheduler's call once a minute. A sweep is sometimes lost or runs twice. */
export function sweepSometimes(
  engine: Engine,
  hasWork: () => boolean,
  sweep: (invocation: Invocation) => Promise<unknown>,
): void {
  const { faults, timing } = engine;
  const lost = faults.happens('sweep');
  const doubled = faults.happens('sweep');
  if (lost) {
    engine.note('a sweep is lost');
    return;
  }
  if (!hasWork()) return;
  const start = (): void => engine.start('sweep', sweep, () => undefined);
  start();
  if (doubled) engine.after(timing.int(0, timing.chance(0.5) ? 20 : 2 * SECOND), start);
}

/** Whether a sweep could find an overdue job, whatever its clock reads. Other sweeps are skipped to save time. */
export const hasOverdue = ({ engine, database, policy }: World): boolean =>
  database.overdue(engine.now - policy.overdueAfterMs + 10 * SECOND).length > 0;
