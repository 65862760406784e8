/** Telling the world that a job is over: due from the save that ends it until it has been published (an outbox). */
import { isTerminal, type Job } from './job.ts';

/** `job` as it is saved: one that has just ended is due, one that has been published is not any more. */
export function dueOnceOver(before: Job | undefined, job: Job, now: number): Job {
  if (!isTerminal(job) || (before && isTerminal(before))) return job;
  return { ...job, announcement: { dueAt: now } };
}

/** Nothing but this changes: what the job came to has been settled (I6). */
export function announced(job: Job, now: number): Job | undefined {
  if (announcementDueAt(job) === undefined || !isTerminal(job)) return undefined;
  return { ...job, announcement: { sentAt: now } };
}

/** Since when the job's end waits to be published. */
export const announcementDueAt = (job: Job): number | undefined =>
  isTerminal(job) && job.announcement && 'dueAt' in job.announcement ? job.announcement.dueAt : undefined;
