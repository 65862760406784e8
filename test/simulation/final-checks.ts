/** Checks of the final state, after the world has become idle. */
import type { EndedAttempt } from '../../functions/core/job/attempt-record.ts';
import { isTerminal, type Job, liveAttemptOf } from '../../functions/core/job/job.ts';
import { defaultPolicy, type Policy } from '../../functions/core/job/policy.ts';
import type { Bucket } from './buckets.ts';
import type { Clients } from './clients.ts';
import type { Engine } from './engine.ts';
import type { Ledger, PaidEntry } from './ledger.ts';
import type { Monitor } from './monitor.ts';
import type { Operators } from './operators.ts';
import type { Retries } from './retries.ts';
import { checkRetry } from './retry-checks.ts';
import type { PlannedJob } from './workload.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** I6: two sweeps, plus 20 s for clock differences and calls. */
const PAST_DEADLINE_MAX_MS = 2 * MINUTE + 20 * SECOND;
const OUTPUT_NAME = /^jobs\/([^/]+)\/([^/]+)\//;
/** Tolerance for binary floating point. */
const USD_NOISE = 1e-6;
/** If so many cancel requests were due, crashes cannot have prevented all but one. */
const UNWANTED_SEEN_MIN = 8;

const isImpatient = ({ maxLandingTries }: Policy): boolean =>
  maxLandingTries < defaultPolicy().maxLandingTries;

export interface FinalState {
  readonly engine: Engine;
  /** Every job of the run, the deleted ones included. */
  readonly jobs: ReadonlyMap<string, Job>;
  readonly ledger: Ledger;
  readonly output: Bucket;
  readonly monitor: Monitor;
  readonly operators: Pick<Operators, 'resubmitted'>;
  readonly retries: Pick<Retries, 'accepted' | 'returned'>;
  readonly policy: Policy;
  /** Whether this job never ends, because its batch stays paused. Its attempts are checked all the same. */
  readonly isLeft?: (job: Job) => boolean;
}

/** Checks every job, whatever its origin. */
export function checkJobs(final: FinalState): void {
  const { isLeft = () => false } = final;
  for (const job of final.jobs.values()) if (!isLeft(job)) checkJob(final, job);
  for (const entry of final.ledger.entries.values()) if (entry.begun) checkPaid(final, entry);
  checkObjects(final);
}

export function checkFinalState(final: FinalState & { readonly clients: Clients }): void {
  checkJobs(final);
  checkClients(final);
}

function checkJob(final: FinalState, job: Job): void {
  const { engine, monitor } = final;
  if (!isTerminal(job)) {
    engine.violate('I6 every job ends', `${job.jobId} is ${job.status}`);
    return;
  }
  if (liveAttemptOf(job)) engine.violate('I2 every attempt ends', `${job.jobId} still follows an attempt`);
  const terminalAt = monitor.terminalAt(job.jobId) ?? engine.now;
  const latestMs = terminalAt - Math.max(job.deadlineAt, engine.quietAt);
  if (latestMs > PAST_DEADLINE_MAX_MS)
    engine.violate('I6 by its deadline', `${job.jobId} was ${job.status} ${latestMs} ms after its deadline`);
  const startedNever = job.attempts.length === 0 && job.startByAt !== undefined;
  const lateStartMs = terminalAt - Math.max(job.startByAt ?? 0, engine.quietAt);
  if (startedNever && lateStartMs > PAST_DEADLINE_MAX_MS)
    engine.violate('I6 by its startBy', `${job.jobId} was ${job.status} ${lateStartMs} ms after its startBy`);
  if (final.policy.unknownOutcome === 'fail') {
    checkSuperseded(final, job);
    checkRetry(final, job);
  }
  if (job.status === 'succeeded') checkSucceeded(final, job);
}

/** An attempt may follow another of the same stage only if that one cannot have cost anything. */
function checkSuperseded({ engine, ledger, operators, monitor }: FinalState, job: Job): void {
  // In the record, a reopened attempt comes after attempts that were made after it. The order of claims is right.
  const claimOf = ({ attemptId }: EndedAttempt): number => monitor.claims.get(attemptId) ?? -1;
  const attempts = [...job.attempts].sort((a, b) => claimOf(a) - claimOf(b));
  for (const [n, attempt] of attempts.entries()) {
    const next = attempts[n + 1];
    if (next?.stage !== attempt.stage || operators.resubmitted.has(attempt.attemptId)) continue;
    const charged = ledger.entries.get(attempt.attemptId)?.charged ?? 0;
    if (attempt.charged !== 'no' || charged > 0)
      engine.violate(
        'I1 nothing is paid twice',
        `${job.jobId}: ${attempt.attemptId} (${charged} charged) was followed by another attempt`,
      );
  }
}

function checkSucceeded(
  { engine, ledger, output }: FinalState,
  job: Extract<Job, { status: 'succeeded' }>,
): void {
  if (job.videos.length === 0) engine.violate('I6 a succeeded job has its videos', `${job.jobId} has none`);
  for (const { uri, bytes, crc32c, generation } of job.videos) {
    const object = output.objects.get(uri.replace(/^gs:\/\/out\//, ''));
    if (object?.bytes !== bytes || object.crc32c !== crc32c || object.generation !== generation)
      engine.violate(
        'I6 a succeeded job has its videos',
        `${job.jobId}: ${uri} is not in the bucket as recorded`,
      );
  }
  const { firstFrame, extensions = [] } = job.request;
  const stages = (firstFrame ? 1 : 0) + 1 + extensions.length;
  const inherited = job.retryOf?.landed ?? [];
  const done = [...inherited, ...job.attempts.filter(({ outcome }) => outcome === 'landed')];
  const landed = done.map(({ stage }) => stage);
  if (landed.length !== stages || landed.some((stage, n) => stage !== n))
    engine.violate(
      'a succeeded job has landed every stage',
      `${job.jobId} landed stages ${landed.join()} of ${stages}`,
    );
  const last = done.at(-1);
  const charged = last ? (ledger.entries.get(last.attemptId)?.charged ?? 0) : 0;
  if (job.videos.some(({ uri }) => uri !== `gs://out/${last?.outputPrefix}${uri.split('/').at(-1)}`))
    engine.violate(
      'a succeeded job has the videos of its own last attempt',
      `${job.jobId} has videos of another one`,
    );
  if (job.videos.length < charged)
    engine.violate(
      'I6 a succeeded job has every video',
      `${job.jobId} has ${job.videos.length} of ${charged} videos`,
    );
}

function checkPaid({ engine, jobs, monitor, policy }: FinalState, entry: PaidEntry): void {
  const { jobId, attemptId, charged } = entry;
  if (entry.cancelled && charged > 0)
    engine.violate('a cancelled operation is not charged', `${attemptId}: ${charged} were charged`);
  const seen = monitor.unwanted.get(attemptId) ?? 0;
  if (seen >= UNWANTED_SEEN_MIN && entry.cancelTries < 2)
    engine.violate(
      'the operation of a cancelled job is cancelled',
      `${attemptId} kept running after ${entry.cancelTries} cancel requests`,
    );
  const attempt: EndedAttempt | undefined = jobs
    .get(jobId)
    ?.attempts.find((each) => each.attemptId === attemptId);
  if (!attempt) {
    engine.violate('I2 every paid call is recorded', `${jobId} does not record ${attemptId}`);
    return;
  }
  if (charged > 0 && attempt.charged === 'no')
    engine.violate(
      'I2 every paid call is recorded',
      `${attemptId} has charged "no", ${charged} were charged`,
    );
  // Landing gave up early because the policy says so, or an operator has decided.
  if (attempt.resolved || (attempt.error?.code === 'LANDING_FAILED' && isImpatient(policy))) return;
  // Files are kept for longer than a run, and every outage is shorter than landing keeps trying.
  if (charged > 0 && attempt.outcome !== 'landed' && attempt.outcome !== 'unknown')
    engine.violate(
      'I6 everything paid for has landed',
      `${attemptId} is ${attempt.outcome}, ${charged} were charged`,
    );
  if (charged > 0 && attempt.outcome !== 'landed' && engine.faults.fired === 0)
    engine.violate(
      'I6 everything paid for has landed',
      `${attemptId} is ${attempt.outcome}, though no fault happened`,
    );
  if (attempt.outcome === 'landed' && (attempt.videos?.length ?? 0) < charged)
    engine.violate(
      'I6 everything paid for has landed',
      `${attemptId} landed ${attempt.videos?.length} of ${charged}`,
    );
  if (charged * entry.pricePerPieceUsd > attempt.reservedUsd + USD_NOISE)
    engine.violate('I7 no charge exceeds the reservation', `${attemptId} reserved $${attempt.reservedUsd}`);
}

function checkObjects({ engine, jobs, output }: FinalState): void {
  for (const name of output.objects.keys()) {
    if (!name.startsWith('jobs/')) continue;
    const [, jobId = '', attemptId] = OUTPUT_NAME.exec(name) ?? [];
    if (!jobs.get(jobId)?.attempts.some((each) => each.attemptId === attemptId))
      engine.violate('no object without an attempt', name);
  }
}

function checkClients({ engine, jobs, clients }: FinalState & { readonly clients: Clients }): void {
  if (clients.waiting > 0)
    engine.violate('every caller is answered', `${clients.waiting} requests have no answer`);
  for (const { planned, jobIds, refused } of clients.accepted) {
    for (const jobId of jobIds)
      if (!jobs.has(jobId)) engine.violate('I3 no accepted job is missing', `${planned.name}: ${jobId}`);
    const all = [...jobs.values()].filter(({ request }) => request.prompt === planned.name);
    const made = all.filter(({ retryOf }) => !retryOf);
    for (const job of all) checkRequested(engine, job, planned);
    if (refused && made.length === 0) continue;
    if (planned.key !== undefined && (made.length !== 1 || (jobIds.size !== 1 && !refused)))
      engine.violate(
        'I5 one key, one job',
        `${planned.name} made ${made.length} jobs; its answers named ${jobIds.size}`,
      );
  }
}

/** The record has what its caller requested. */
function checkRequested(engine: Engine, job: Job, { caller, body, name }: PlannedJob): void {
  if (job.caller !== caller)
    engine.violate('a job belongs to its caller', `${name} of ${caller} belongs to ${job.caller}`);
  if (job.retryOf) return;
  const { lane, finishBy, startBy } = body;
  if (job.lane !== (lane ?? 'interactive')) engine.violate('a job keeps its lane', `${name} is ${job.lane}`);
  if (typeof finishBy === 'string' && job.deadlineAt !== Date.parse(finishBy))
    engine.violate('a job keeps its times', `${name} has deadline ${job.deadlineAt}, not ${finishBy}`);
  if (typeof startBy === 'string' && job.startByAt !== Date.parse(startBy))
    engine.violate('a job keeps its times', `${name} has startBy ${job.startByAt}, not ${startBy}`);
}
