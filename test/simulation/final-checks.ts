/** What has to hold when everything has come to rest. */
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
import type { Wish } from './workload.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** I6: two sweeps, and what clocks and calls add to them. */
const PAST_DEADLINE_MAX_MS = 2 * MINUTE + 20 * SECOND;
const OUTPUT_NAME = /^jobs\/([^/]+)\/([^/]+)\//;
/** Prices are rounded up to a hundredth of a cent, and binary. */
const USD_NOISE = 1e-6;
/** So many requests to stop an operation are not all lost in crashes, nor all but one. */
const UNWANTED_SEEN_MIN = 8;

const isImpatient = ({ maxLandingTries }: Policy): boolean =>
  maxLandingTries < defaultPolicy().maxLandingTries;

export interface Rest {
  readonly engine: Engine;
  /** All that there ever were. */
  readonly jobs: ReadonlyMap<string, Job>;
  readonly ledger: Ledger;
  readonly output: Bucket;
  readonly monitor: Monitor;
  readonly operators: Pick<Operators, 'resubmitted'>;
  readonly retries: Pick<Retries, 'accepted' | 'told'>;
  readonly policy: Policy;
}

/** Of jobs, whoever asked for them. */
export function checkJobs(rest: Rest): void {
  for (const job of rest.jobs.values()) checkJob(rest, job);
  for (const entry of rest.ledger.entries.values()) if (entry.begun) checkPaid(rest, entry);
  checkObjects(rest);
}

export function checkRest(rest: Rest & { readonly clients: Clients }): void {
  checkJobs(rest);
  checkClients(rest);
}

function checkJob(rest: Rest, job: Job): void {
  const { engine, monitor } = rest;
  if (!isTerminal(job)) {
    engine.violate('I6 every job ends', `${job.jobId} is ${job.status}`);
    return;
  }
  if (liveAttemptOf(job)) engine.violate('I2 every attempt ends', `${job.jobId} still follows one`);
  const terminalAt = monitor.terminalAt(job.jobId) ?? engine.now;
  const latestMs = terminalAt - Math.max(job.deadlineAt, engine.quietAt);
  if (latestMs > PAST_DEADLINE_MAX_MS)
    engine.violate('I6 by its deadline', `${job.jobId} was ${job.status} ${latestMs} ms after its deadline`);
  const startedNever = job.attempts.length === 0 && job.startByAt !== undefined;
  const lateStartMs = terminalAt - Math.max(job.startByAt ?? 0, engine.quietAt);
  if (startedNever && lateStartMs > PAST_DEADLINE_MAX_MS)
    engine.violate('I6 by its startBy', `${job.jobId} was ${job.status} ${lateStartMs} ms after its startBy`);
  if (rest.policy.unknownOutcome === 'fail') {
    checkSuperseded(rest, job);
    checkRetry(rest, job);
  }
  if (job.status === 'succeeded') checkSucceeded(rest, job);
}

/** An attempt may follow another of the same stage only if that one cannot have cost anything. */
function checkSuperseded({ engine, ledger, operators, monitor }: Rest, job: Job): void {
  // One that was given up and followed again stands behind those that came after it.
  const claimOf = ({ attemptId }: EndedAttempt): number => monitor.claims.get(attemptId) ?? -1;
  const attempts = [...job.attempts].sort((a, b) => claimOf(a) - claimOf(b));
  for (const [n, attempt] of attempts.entries()) {
    const next = attempts[n + 1];
    if (next?.stage !== attempt.stage || operators.resubmitted.has(attempt.attemptId)) continue;
    const charged = ledger.entries.get(attempt.attemptId)?.charged ?? 0;
    if (attempt.charged !== 'no' || charged > 0)
      engine.violate(
        'I1 nothing is paid twice',
        `${job.jobId}: ${attempt.attemptId} (${charged} charged) was made again`,
      );
  }
}

function checkSucceeded({ engine, ledger, output }: Rest, job: Extract<Job, { status: 'succeeded' }>): void {
  if (job.videos.length === 0) engine.violate('I6 success has videos', `${job.jobId} has none`);
  for (const { uri, bytes, crc32c, generation } of job.videos) {
    const object = output.objects.get(uri.replace(/^gs:\/\/out\//, ''));
    if (object?.bytes !== bytes || object.crc32c !== crc32c || object.generation !== generation)
      engine.violate('I6 success has videos', `${job.jobId}: ${uri} is not in the bucket as recorded`);
  }
  const { firstFrame, extensions = [] } = job.request;
  const stages = (firstFrame ? 1 : 0) + 1 + extensions.length;
  const inherited = job.retryOf?.landed ?? [];
  const done = [...inherited, ...job.attempts.filter(({ outcome }) => outcome === 'landed')];
  const landed = done.map(({ stage }) => stage);
  if (landed.length !== stages || landed.some((stage, n) => stage !== n))
    engine.violate('success is of every stage', `${job.jobId} landed ${landed.join()} of ${stages}`);
  const last = done.at(-1);
  const charged = last ? (ledger.entries.get(last.attemptId)?.charged ?? 0) : 0;
  if (job.videos.some(({ uri }) => uri !== `gs://out/${last?.outputPrefix}${uri.split('/').at(-1)}`))
    engine.violate('success is of its own attempt', `${job.jobId} shows what others made`);
  if (job.videos.length < charged)
    engine.violate(
      'I6 success has every video',
      `${job.jobId} has ${job.videos.length} of ${charged} videos`,
    );
}

function checkPaid({ engine, jobs, monitor, policy }: Rest, entry: PaidEntry): void {
  const { jobId, attemptId, charged } = entry;
  if (entry.cancelled && charged > 0)
    engine.violate('what is stopped is not charged', `${attemptId}: ${charged} were charged`);
  const seen = monitor.unwanted.get(attemptId) ?? 0;
  if (seen >= UNWANTED_SEEN_MIN && entry.cancelTries < 2)
    engine.violate(
      'an unwanted operation is stopped',
      `${attemptId} ran on, asked ${entry.cancelTries} times`,
    );
  const attempt: EndedAttempt | undefined = jobs
    .get(jobId)
    ?.attempts.find((each) => each.attemptId === attemptId);
  if (!attempt) {
    engine.violate('I2 what is paid is recorded', `${jobId} does not record ${attemptId}`);
    return;
  }
  if (charged > 0 && attempt.charged === 'no')
    engine.violate('I2 what is paid is recorded', `${attemptId} says "no", ${charged} were charged`);
  // Patience that is short by intention, or the word of an operator who has looked.
  if (attempt.resolved || (attempt.error?.code === 'LANDING_FAILED' && isImpatient(policy))) return;
  // Files are kept for longer than a run lasts, and every outage is shorter than landing has patience.
  if (charged > 0 && attempt.outcome !== 'landed' && attempt.outcome !== 'unknown')
    engine.violate(
      'I6 what is paid has landed',
      `${attemptId} is ${attempt.outcome}, ${charged} were charged`,
    );
  if (charged > 0 && attempt.outcome !== 'landed' && engine.faults.fired === 0)
    engine.violate('I6 what is paid has landed', `${attemptId} is ${attempt.outcome}, though nothing failed`);
  if (attempt.outcome === 'landed' && (attempt.videos?.length ?? 0) < charged)
    engine.violate(
      'I6 what is paid has landed',
      `${attemptId} landed ${attempt.videos?.length} of ${charged}`,
    );
  if (charged * entry.pricePerPieceUsd > attempt.reservedUsd + USD_NOISE)
    engine.violate('I7 nothing above the reservation', `${attemptId} reserved $${attempt.reservedUsd}`);
}

function checkObjects({ engine, jobs, output }: Rest): void {
  for (const name of output.objects.keys()) {
    if (!name.startsWith('jobs/')) continue;
    const [, jobId = '', attemptId] = OUTPUT_NAME.exec(name) ?? [];
    if (!jobs.get(jobId)?.attempts.some((each) => each.attemptId === attemptId))
      engine.violate('no object without an attempt', name);
  }
}

function checkClients({ engine, jobs, clients }: Rest & { readonly clients: Clients }): void {
  if (clients.waiting > 0) engine.violate('every caller is answered', `${clients.waiting} still wait`);
  for (const { wish, jobIds, refused } of clients.accepted) {
    for (const jobId of jobIds)
      if (!jobs.has(jobId)) engine.violate('I3 no accepted job is missing', `${wish.name}: ${jobId}`);
    const all = [...jobs.values()].filter(({ request }) => request.prompt === wish.name);
    const made = all.filter(({ retryOf }) => !retryOf);
    for (const job of all) checkWish(engine, job, wish);
    if (refused && made.length === 0) continue;
    if (wish.key !== undefined && (made.length !== 1 || (jobIds.size !== 1 && !refused)))
      engine.violate('I5 one key, one job', `${wish.name} made ${made.length} jobs, told of ${jobIds.size}`);
  }
}

/** The record says what its caller asked for. */
function checkWish(engine: Engine, job: Job, { caller, body, name }: Wish): void {
  if (job.caller !== caller)
    engine.violate("a job is its caller's", `${name} of ${caller} is ${job.caller}'s`);
  if (job.retryOf) return;
  const { lane, finishBy, startBy } = body;
  if (job.lane !== (lane ?? 'interactive')) engine.violate('a job keeps its lane', `${name} is ${job.lane}`);
  if (typeof finishBy === 'string' && job.deadlineAt !== Date.parse(finishBy))
    engine.violate('a job keeps its times', `${name} is due at ${job.deadlineAt}, not at ${finishBy}`);
  if (typeof startBy === 'string' && job.startByAt !== Date.parse(startBy))
    engine.violate('a job keeps its times', `${name} starts by ${job.startByAt}, not by ${startBy}`);
}
