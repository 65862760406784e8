/** Checks between a failed job and its retry. */
import type { EndedAttempt } from '../../functions/core/job/attempt-record.ts';
import type { Job } from '../../functions/core/job/job.ts';
import type { FinalState } from './final-checks.ts';

export function checkRetry(final: FinalState, job: Job): void {
  checkOne(final, job);
  const parent = job.retryOf && final.jobs.get(job.retryOf.jobId);
  if (!job.retryOf) return;
  if (parent?.status !== 'failed') {
    final.engine.violate('only a failed job is retried', `${job.jobId} retries a ${parent?.status} job`);
    return;
  }
  if (parent.retriedBy !== job.jobId)
    final.engine.violate('a failed job knows its retry', `${parent.jobId} has retriedBy ${parent.retriedBy}`);
  checkInherited(final, job, parent);
  checkPaidOnce(final, job, parent);
}

/** At most one retry of a job, however often callers request it. */
function checkOne({ engine, jobs, retries }: FinalState, job: Job): void {
  const made = [...jobs.values()].filter(({ retryOf }) => retryOf?.jobId === job.jobId);
  const returned = retries.returned.get(job.jobId) ?? new Set();
  if (made.length > 1 || returned.size > 1)
    engine.violate(
      'I5 one retry per job',
      `${job.jobId} has ${made.length} retries; its answers named ${returned.size}`,
    );
  for (const jobId of returned)
    if (!jobs.has(jobId)) engine.violate('I3 no accepted job is missing', `retry ${jobId}`);
}

/** The largest clock difference, plus the calls in between. */
const CLOCKS_MS = 30_000;

/** A retry inherits the stages that the failed job has landed, and does not make them again. */
function checkInherited({ engine, retries }: FinalState, job: Job, parent: Job): void {
  const inherited = job.retryOf?.landed ?? [];
  const before = [...(parent.retryOf?.landed ?? []), ...parent.attempts.filter(isLanded)];
  for (const [n, { attemptId, stage }] of inherited.entries())
    if (stage !== n || !before.some((each) => each.attemptId === attemptId))
      engine.violate(
        'a retry inherits what landed',
        `${job.jobId} has ${attemptId}, which its parent did not land`,
      );
  if (retries.accepted.has(parent.jobId)) return;
  // An attempt that was given up and landed later may have landed after the retry was created.
  const inTime = before.filter(({ endedAt }) => endedAt + CLOCKS_MS < job.createdAt);
  for (const { stage, attemptId } of inTime)
    if (!inherited.some((each) => each.stage === stage))
      engine.violate('a retry inherits what landed', `${job.jobId} does not inherit ${attemptId}`);
}

function checkPaidOnce({ engine, ledger, retries }: FinalState, job: Job, parent: Job): void {
  const next = job.retryOf?.landed.length ?? 0;
  const known = new Set(parent.attempts.map(({ attemptId }) => attemptId));
  // With an accepted double charge, the attempt may still have been in progress.
  const lost = parent.attempts
    .filter(({ stage, endedAt }) => stage === next && endedAt + CLOCKS_MS < job.createdAt)
    .filter(canLandAgain);
  // If an operator had the stage made twice, landing either attempt is right.
  if (
    lost.length > 0 &&
    !lost.some(({ attemptId }) => job.attempts.some((each) => each.attemptId === attemptId))
  )
    engine.violate(
      'a retry lands what was already paid for',
      `${job.jobId} pays for ${lost[0]?.attemptId} again`,
    );
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
