/** One run: a world made of a seed, run until everything is at rest, and judged. */
import { isTerminal, type Job, liveAttemptOf } from '../../functions/core/job.ts';
import { CATALOGUE } from '../../functions/core/models.ts';
import { defaultPolicy, type Policy } from '../../functions/core/policy.ts';
import type { Ids, Services } from '../../functions/ports.ts';
import { Bucket, OUTPUT_BUCKET } from './buckets.ts';
import { Clients } from './clients.ts';
import { Database } from './database.ts';
import { type Ending, Engine, type Invocation, STREAM, type Violation } from './engine.ts';
import type { FaultLimits } from './faults.ts';
import { checkRest } from './final-checks.ts';
import { Ledger } from './ledger.ts';
import { Models } from './models.ts';
import { Monitor } from './monitor.ts';
import { NO_BATCHES } from './no-batches.ts';
import { Operators } from './operators.ts';
import { digitsOf, Random, randomDigits } from './random.ts';
import { Retries } from './retries.ts';
import { type Statistics, statisticsOf } from './statistics.ts';
import type { Subject } from './subject.ts';
import { deliverTo, Tasks } from './task-queue.ts';
import { Turnstiles } from './turnstiles.ts';
import { Webhooks } from './webhooks.ts';
import { JOBS_MAX, wishesOf } from './workload.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** After this much virtual time whatever is left would be left for ever. */
const HORIZON_MS = 14 * 60 * MINUTE;
const EVENT_DELIVERIES_MAX = 6;
const LANDING_TRIES_FEW = 3;
/** One run in so many stores its jobs as JSON and reads them by the schema, as Firestore does. */
const STRICT_EVERY = 16;

export interface RunOptions extends FaultLimits {
  readonly seed: number;
  readonly jobsMax: number;
  readonly onLine?: ((line: string) => void) | undefined;
}

export interface RunResult {
  readonly seed: number;
  readonly violation: Violation | undefined;
  /** Of every line of the trace. */
  readonly traceHash: string;
  /** Faults that took effect. */
  readonly faults: number;
  readonly statistics: Statistics;
}

export const everything = (seed: number): RunOptions => ({
  seed,
  jobsMax: JOBS_MAX,
  without: new Set(),
  faultsMax: Number.POSITIVE_INFINITY,
});

export async function simulate(subject: Subject, options: RunOptions): Promise<RunResult> {
  const workload = new Random(options.seed, STREAM.workload);
  const quietAfterMs = workload.int(5 * MINUTE, 50 * MINUTE);
  const engine = new Engine({ ...options, quietAfterMs });
  const policy: Policy = {
    ...defaultPolicy(),
    jobDeadlineMs: workload.pick([6, 20, 60, 120] as const) * MINUTE,
    outageMs: 60 * MINUTE,
    // Patience for two hours is seldom exhausted, and then the retry has nothing to land.
    maxLandingTries: workload.chance(0.8) ? defaultPolicy().maxLandingTries : LANDING_TRIES_FEW,
    unknownOutcome: workload.chance(0.85) ? 'fail' : 'resubmit',
  };
  const monitor = new Monitor(engine);
  const written = (before: Job | undefined, after: Job): void => {
    monitor.written(before, after);
    clients.written(before, after);
    operators.written(after);
    retries.written(before, after);
  };
  const database = new Database(engine, written, options.seed % STRICT_EVERY === 0);
  const tasks = new Tasks(engine, workload.pick([1, 3, 100] as const));
  const turnstiles = new Turnstiles(engine);
  const output = new Bucket(engine, OUTPUT_BUCKET);
  const input = new Bucket(engine, 'in');
  const ledger = new Ledger();
  const recorded = (jobId: string, attemptId: string): boolean => knows(database.jobs.get(jobId), attemptId);
  const outcomes = new Random(options.seed, STREAM.outcomes);
  const models = new Models(engine, outcomes, ledger, output, CATALOGUE, recorded);
  const ids = idsOf(options.seed);

  const servicesOf = (invocation: Invocation): Services => ({
    clock: { now: () => engine.now + invocation.process.skewMs },
    ids,
    jobs: database.portOf(invocation),
    tasks: tasks.portOf(invocation),
    turnstiles: turnstiles.portOf(invocation),
    batches: NO_BATCHES,
    results: output.portOf(invocation),
    inputs: input.portOf(invocation),
    providers: {
      vertex: models.portOf(invocation, 'bucket'),
      gemini: models.portOf(invocation, 'download'),
      omni: models.stoppablePortOf(invocation),
    },
    callers: { verify: async () => 'local' },
    policy,
    catalogue: CATALOGUE,
    log: (_severity, message, fields) => readLog(engine, message, fields?.['error']),
    settings: SETTINGS,
  });

  tasks.deliverBy(deliverTo(engine, subject, servicesOf));
  output.onFinalized((name) => tellOf(engine, subject, servicesOf, name));
  const people = new Random(options.seed, STREAM.people);
  const webhooks = new Webhooks(engine, subject, people, servicesOf);
  models.operations.onEnded(webhooks.ended);
  const operators = new Operators(engine, subject, people, models, servicesOf);
  const retries = new Retries(engine, subject, people, servicesOf);
  const wishes = wishesOf(workload, options.jobsMax);
  const clients = new Clients(engine, subject, people, wishes, servicesOf);
  const atRest = (): boolean =>
    engine.faults.quiet &&
    clients.waiting + operators.waiting + retries.waiting === 0 &&
    [...database.jobs.values()].every((job) => isTerminal(job) && !liveAttemptOf(job));
  const minute = (): void => {
    monitor.tick(database.jobs.values());
    if (atRest()) return;
    if (engine.now > engine.quietAt + HORIZON_MS)
      engine.violate('ends', `after ${HORIZON_MS / MINUTE} quiet minutes something is still to be done`);
    engine.after(MINUTE, minute);
    sweepSometimes(engine, subject, servicesOf, database, policy);
  };
  engine.after(engine.timing.int(0, MINUTE), minute);

  await engine.run();
  const { jobs } = database;
  if (!engine.violation)
    checkRest({ engine, jobs, ledger, output, monitor, clients, operators, retries, policy });
  engine.note(`at rest after ${engine.events} events`);
  return {
    seed: options.seed,
    violation: engine.violation,
    traceHash: engine.traceHash,
    faults: engine.faults.fired,
    statistics: statisticsOf({ engine, jobs, ledger, monitor, operators, retries, webhooks }),
  };
}

/** An error that a handler catches and lives with is read all the same: it may be one of its own making. */
function readLog(engine: Engine, message: string, error: unknown): void {
  engine.comment(message);
  if (typeof error === 'string' && OWN_ERROR.test(error))
    engine.violate('only the world fails', `${message}: ${error}`);
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

const knows = (job: Job | undefined, attemptId: string): boolean =>
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

/** Eventarc: at least once, late, and lost now and then. */
function tellOf(
  engine: Engine,
  { handleLanded }: Subject,
  servicesOf: (invocation: Invocation) => Services,
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

function sweepSometimes(
  engine: Engine,
  { handleSweep }: Subject,
  servicesOf: (invocation: Invocation) => Services,
  database: Database,
  { ringAfterMs }: Policy,
): void {
  const { faults, timing, now } = engine;
  const lost = faults.happens('sweep');
  const doubled = faults.happens('sweep');
  if (lost) {
    engine.note('a sweep is lost');
    return;
  }
  // A sweep that would find nothing, whatever its clock says, is not worth its time.
  if (database.overdue(now - ringAfterMs + 10 * SECOND).length === 0) return;
  const sweep = (): void =>
    engine.start(
      'sweep',
      (invocation) => handleSweep(servicesOf(invocation)),
      () => undefined,
    );
  sweep();
  if (doubled) engine.after(timing.int(0, timing.chance(0.5) ? 20 : 2 * SECOND), sweep);
}
