/**
 * A terminal job follows its live attempt until the charge is known. The status of the job does not change (I6).
 */
import { defined } from '../defined.ts';
import { type AttemptChange, type AttemptContext, attemptBaseOf } from './attempt.ts';
import type { EndedAttempt, JobError, LiveAttempt, OperationRef } from './attempt-record.ts';
import type { Job, TerminalJob } from './job.ts';
import { followingWake } from './wake-schedule.ts';

/** Applies the change of an attempt to the terminal job that follows it. */
export function follow(
  job: TerminalJob,
  before: LiveAttempt,
  change: Exclude<AttemptChange, { kind: 'unchanged' }>,
  { now }: Pick<AttemptContext, 'now'>,
): Job | undefined {
  if (job.status === 'succeeded') return undefined;
  if (change.kind === 'live') {
    const { wakes, wake } = followingWake(job, change.wakeAt);
    return { ...job, wakes, following: { attempt: change.attempt, wake } };
  }
  const ended = change.kind === 'ended' ? change.attempt : refusedAttempt(before, change.error, now);
  return { ...job, attempts: [...job.attempts, ended], following: undefined };
}

function refusedAttempt(attempt: LiveAttempt, error: JobError, now: number): EndedAttempt {
  return {
    ...attemptBaseOf(attempt),
    state: 'ended',
    outcome: 'rejected',
    charged: 'no',
    endedAt: now,
    polls: 0,
    error,
  };
}

/** Follows an attempt again that was given up as unknown, because new evidence of it has arrived. */
export function resumeFollowing(
  job: Job,
  attemptId: string,
  reported: OperationRef | undefined,
  { now, latency }: Pick<AttemptContext, 'now' | 'latency'>,
): Job | undefined {
  if (job.status !== 'failed' && job.status !== 'cancelled') return undefined;
  const ended = job.attempts.find((each) => each.attemptId === attemptId);
  if (ended?.outcome !== 'unknown' || ended.charged !== 'unknown') return undefined;
  const operation = ended.operation ?? reported;
  const attempt: LiveAttempt = {
    ...attemptBaseOf(ended),
    state: 'uncertain',
    cause: ended.error?.message ?? 'The attempt was given up as unknown.',
    decideAt: now + latency.longestMs,
    looks: 0,
    ...defined({ operation }),
  };
  const attempts = job.attempts.filter((each) => each !== ended);
  const { wakes, wake } = followingWake(job, now);
  return { ...job, attempts, wakes, following: { attempt, wake } };
}
