/** The effects of a saved job, derived only from the job before and after the save. */
import { announcementDueAt } from './announcement.ts';
import type { OperationRef } from './attempt-record.ts';
import { type Job, liveAttemptOf, type Wake, wakeOf } from './job.ts';

/** An action to take after the save. If it is lost, the sweep repeats it. */
export type Effect =
  | { readonly type: 'wake'; readonly target: 'submit' | 'poll'; readonly jobId: string; readonly wake: Wake }
  /** The job was cancelled: cancel its operation, if the provider supports that. */
  | { readonly type: 'cancelOperation'; readonly operation: OperationRef }
  /** The job has ended: publish its announcement. */
  | { readonly type: 'announce' };

/** @param before undefined for a new job */
export const effectsOf = (before: Job | undefined, after: Job): readonly Effect[] => [
  ...wakeEffects(before, after),
  ...cancelEffects(after),
  ...announceEffects(before, after),
];

/**
 * A task for every new wake. The wake of a paid call in progress gets no task: the call itself continues the job, and the
 * sweep enqueues a task only if the call is lost.
 */
function wakeEffects(before: Job | undefined, after: Job): readonly Effect[] {
  const wake = wakeOf(after);
  const was = before && wakeOf(before);
  if (!wake || (was?.seq === wake.seq && was.ring === wake.ring)) return [];
  if (after.status === 'submitting' && wake.ring === 0) return [];
  return [{ type: 'wake', target: after.status === 'queued' ? 'submit' : 'poll', jobId: after.jobId, wake }];
}

/** Repeated with every step of a cancelled job whose operation still runs, in case a cancel request was lost. */
function cancelEffects(job: Job): readonly Effect[] {
  const attempt = liveAttemptOf(job);
  if (job.status !== 'cancelled' || attempt?.state !== 'running') return [];
  return [{ type: 'cancelOperation', operation: attempt.operation }];
}

const announceEffects = (before: Job | undefined, after: Job): readonly Effect[] =>
  announcementDueAt(after) !== undefined && (!before || announcementDueAt(before) === undefined)
    ? [{ type: 'announce' }]
    : [];
