/** When a job wakes next: new wakes, re-enqueued wakes, and the deadlines that limit them. */
import { isTerminal, type Job, type JobBase, type JobIn, type Wake, wakeOf } from './job.ts';
import type { Policy } from './policy.ts';

/** The next wake of an unfinished job: never after its deadline, so that the deadline is enforced (I6). */
export const nextWake = (base: JobBase, at: number): { wakes: number; wake: Wake } =>
  followingWake(base, Math.min(at, base.deadlineAt));

/** The next wake, without a limit: for an attempt that a terminal job follows. */
export const followingWake = (
  { wakes }: Pick<JobBase, 'wakes'>,
  at: number,
): { wakes: number; wake: Wake } => ({
  wakes: wakes + 1,
  wake: { at, seq: wakes + 1, ring: 0 },
});

/**
 * The time at which the job fails if it is still unfinished: its deadline, or `startBy` if it was never submitted. The
 * default deadline of a held job stands still, so that only the times of the request count.
 */
export function timeUpAt(job: Job): number {
  if (job.status !== 'queued') return job.deadlineAt;
  if (job.heldAt === undefined) return startDeadline(job);
  return startDeadline({ ...job, deadlineAt: job.finishByAt ?? Number.POSITIVE_INFINITY });
}

/** The deadline of a job after it was held until now. */
export const deadlineAfterHold = ({ deadlineAt, finishByAt, heldAt }: JobIn<'queued'>, now: number): number =>
  Math.min(deadlineAt + now - (heldAt ?? now), finishByAt ?? Number.POSITIVE_INFINITY);

/** The deadline of a job that waits for a submission. */
export const startDeadline = ({ attempts, startByAt, deadlineAt }: JobBase): number =>
  attempts.length === 0 ? Math.min(startByAt ?? deadlineAt, deadlineAt) : deadlineAt;

/**
 * Re-enqueues the wake of the same step (`seq`) under a new task name (`ring`). If the task is still in a long queue
 * (`added` is 0), the wake is only postponed, so that the sweep does not check a whole backlog in every run.
 */
export function enqueueAgain(
  job: Job,
  added: 0 | 1,
  { now, policy }: { readonly now: number; readonly policy: Policy },
): Job | undefined {
  const wake = wakeOf(job);
  // Once per overdue wake, even if two sweeps run at the same time or a sweep is delivered twice.
  if (!wake || now < wake.at + policy.overdueAfterMs) return undefined;
  const later = now + 5 * policy.overdueAfterMs;
  const at = added === 1 ? now : isTerminal(job) ? later : Math.min(later, timeUpAt(job));
  const reEnqueued: Wake = { seq: wake.seq, ring: wake.ring + added, at };
  if ('wake' in job) return { ...job, wake: reEnqueued };
  return 'following' in job && job.following
    ? { ...job, following: { ...job.following, wake: reEnqueued } }
    : undefined;
}
