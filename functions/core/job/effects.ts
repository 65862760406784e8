/** What has to be done after the save of a job: it follows from the job as it was and as it is, and from nothing else. */
import { announcementDueAt } from './announcement.ts';
import type { OperationRef } from './attempt-record.ts';
import { type Job, liveAttemptOf, type Wake, wakeOf } from './job.ts';

/** What to do after the save. Lost effects are made good by the sweep. */
export type Effect =
  | { readonly type: 'wake'; readonly target: 'submit' | 'poll'; readonly jobId: string; readonly wake: Wake }
  /** Nobody wants the operation any more; where its provider can stop it, it should. */
  | { readonly type: 'cancelOperation'; readonly operation: OperationRef }
  /** The job is over, and those who listen have to be told. */
  | { readonly type: 'announce' };

/** @param before nothing for a job that did not exist */
export const effectsOf = (before: Job | undefined, after: Job): readonly Effect[] => [
  ...wakeEffects(before, after),
  ...cancelEffects(after),
  ...announceEffects(before, after),
];

/** A task for every new wake, except that of a call in progress: only if it is lost does the sweep ring for it. */
function wakeEffects(before: Job | undefined, after: Job): readonly Effect[] {
  const wake = wakeOf(after);
  const was = before && wakeOf(before);
  if (!wake || (was?.seq === wake.seq && was.ring === wake.ring)) return [];
  if (after.status === 'submitting' && wake.ring === 0) return [];
  return [{ type: 'wake', target: after.status === 'queued' ? 'submit' : 'poll', jobId: after.jobId, wake }];
}

/** With every step of a cancelled job whose operation runs on: a request to stop that was lost is made again. */
function cancelEffects(job: Job): readonly Effect[] {
  const attempt = liveAttemptOf(job);
  if (job.status !== 'cancelled' || attempt?.state !== 'running') return [];
  return [{ type: 'cancelOperation', operation: attempt.operation }];
}

const announceEffects = (before: Job | undefined, after: Job): readonly Effect[] =>
  announcementDueAt(after) !== undefined && (!before || announcementDueAt(before) === undefined)
    ? [{ type: 'announce' }]
    : [];
