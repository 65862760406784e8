/**
 * The event that announces the end of a job, as an outbox: the save that ends the job also marks the event as due, and
 * the mark stays until the event has been published.
 */
import { isTerminal, type Job } from './job.ts';

/** Marks the announcement as due if the job has just become terminal. */
export function markAnnouncementDue(before: Job | undefined, job: Job, now: number): Job {
  if (!isTerminal(job) || (before && isTerminal(before))) return job;
  return { ...job, announcement: { dueAt: now } };
}

/** Marks the announcement as sent. Nothing else of a terminal job may change (I6). */
export function markAnnounced(job: Job, now: number): Job | undefined {
  if (announcementDueAt(job) === undefined || !isTerminal(job)) return undefined;
  return { ...job, announcement: { sentAt: now } };
}

/** When the announcement became due; undefined if it is not due or already sent. */
export const announcementDueAt = (job: Job): number | undefined =>
  isTerminal(job) && job.announcement && 'dueAt' in job.announcement ? job.announcement.dueAt : undefined;
