/** What has to hold between a failed job and the one that makes it good. */
import type { EndedAttempt } from '../../functions/core/job/attempt-record.ts';
import type { Job } from '../../functions/core/job/job.ts';
import type { Rest } from './final-checks.ts';

export function checkRetry(rest: Rest, job: Job): void {
  checkOne(rest, job);
  const parent = job.retryOf && rest.jobs.get(job.retryOf.jobId);
  if (!job.retryOf) return;
  if (parent?.status !== 'failed') {
    rest.engine.violate('only a failed job is retried', `${job.jobId} retries a ${parent?.status} job`);
    return;
  }
  if (parent.retriedBy !== job.jobId)
    rest.engine.violate('a failed job knows its retry', `${parent.jobId} knows of ${parent.retriedBy}`);
  checkInherited(rest, job, parent);
  checkPaidOnce(rest, job, parent);
}

/** However often it was asked for. */
function checkOne({ engine, jobs, retries }: Rest, job: Job): void {
  const made = [...jobs.values()].filter(({ retryOf }) => retryOf?.jobId === job.jobId);
  const told = retries.told.get(job.jobId) ?? new Set();
  if (made.length > 1 || told.size > 1)
    engine.violate('I5 one retry per job', `${job.jobId} has ${made.length}, callers know of ${told.size}`);
  for (const jobId of told)
    if (!jobs.has(jobId)) engine.violate('I3 no accepted job is missing', `retry ${jobId}`);
}

/** Two clocks at their worst, and the calls between them. */
const CLOCKS_MS = 30_000;

/** What the job before has landed is there, and is not made again. */
function checkInherited({ engine, retries }: Rest, job: Job, parent: Job): void {
  const inherited = job.retryOf?.landed ?? [];
  const before = [...(parent.retryOf?.landed ?? []), ...parent.attempts.filter(isLanded)];
  for (const [n, { attemptId, stage }] of inherited.entries())
    if (stage !== n || !before.some((each) => each.attemptId === attemptId))
      engine.violate('a retry inherits what landed', `${job.jobId} has ${attemptId} from nowhere`);
  if (retries.accepted.has(parent.jobId)) return;
  // What was given up and landed after all may have come too late for it.
  const inTime = before.filter(({ endedAt }) => endedAt + CLOCKS_MS < job.createdAt);
  for (const { stage, attemptId } of inTime)
    if (!inherited.some((each) => each.stage === stage))
      engine.violate('a retry inherits what landed', `${job.jobId} does not know ${attemptId}`);
}

function checkPaidOnce({ engine, ledger, retries }: Rest, job: Job, parent: Job): void {
  const next = job.retryOf?.landed.length ?? 0;
  const known = new Set(parent.attempts.map(({ attemptId }) => attemptId));
  // Where a double charge was accepted it may have been under way still.
  const lost = parent.attempts
    .filter(({ stage, endedAt }) => stage === next && endedAt + CLOCKS_MS < job.createdAt)
    .filter(canLandAgain);
  // Where an operator had it made twice, either will do.
  if (
    lost.length > 0 &&
    !lost.some(({ attemptId }) => job.attempts.some((each) => each.attemptId === attemptId))
  )
    engine.violate('what was made is landed again', `${job.jobId} pays for ${lost[0]?.attemptId} again`);
  if (retries.accepted.has(parent.jobId)) return;
  for (const { stage, attemptId } of parent.attempts) {
    if ((ledger.entries.get(attemptId)?.charged ?? 0) === 0) continue;
    const twice = job.attempts.find(
      (each) =>
        each.stage === stage && !known.has(each.attemptId) && ledger.entries.get(each.attemptId)?.begun,
    );
    if (twice)
      engine.violate('I1 nothing is paid twice', `${job.jobId}: ${twice.attemptId} follows ${attemptId}`);
  }
}

const isLanded = ({ outcome }: EndedAttempt): boolean => outcome === 'landed';

const canLandAgain = ({ error, operation }: EndedAttempt): boolean =>
  error?.code === 'LANDING_FAILED' && operation !== undefined;
