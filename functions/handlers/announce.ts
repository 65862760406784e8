/**
 * Publishing what has ended: at once after the save, and again by the sweep until it is known to be published. At least
 * once, under an id that follows from what ended, so that whoever listens can tell a repetition.
 */
import { isTerminal, type Job, type TerminalJob } from '../core/job.ts';
import { step } from '../core/step.ts';
import type { OutgoingEvent, Services } from '../ports.ts';
import { jobView } from './job-view.ts';

/** What one minute's sweep publishes with room to spare. */
const JOBS_PER_RUN = 200;
const CONCURRENCY = 10;
/** A job of such an event is over; how long its model takes makes no difference to what is told of it. */
const NO_LATENCY = { minMs: 0, typicalMs: 0, longestMs: 0 };

/** Publishes the end of a job and remembers that. @throws when it could not be published; it stays due */
export async function announceJob(services: Services, job: Job): Promise<void> {
  const { events, jobs, clock, policy, ids } = services;
  if (!events || !isTerminal(job)) return;
  await events.publish(jobFinished(services, job));
  await jobs.update(job.jobId, (stored) => {
    const context = { now: clock.now(), random: ids.random(), policy, latency: NO_LATENCY };
    return step(stored, { type: 'announced' }, context);
  });
}

/** Ends that were saved and not published, for whatever reason. @returns how many were published now */
export async function announceOverdue(services: Services): Promise<number> {
  const { events, jobs, clock, policy, log } = services;
  if (!events) return 0;
  const overdue = await jobs.unannounced(clock.now() - policy.ringAfterMs, JOBS_PER_RUN);
  let published = 0;
  const queue = overdue.values();
  const worker = async (): Promise<void> => {
    for (const job of queue) {
      try {
        await announceJob(services, job);
        published++;
      } catch (error) {
        log('ERROR', `job ${job.jobId}: its end could not be published; the next sweep tries again`, {
          job: job.jobId,
          error: String(error),
        });
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return published;
}

function jobFinished(services: Services, job: TerminalJob): OutgoingEvent {
  const { settings, clock } = services;
  const { model, provider } = job.request;
  const { request, ...view } = jobView(job, clock.now(), NO_LATENCY);
  const { labels } = request;
  const told = settings.logPrompts ? { request } : labels ? { labels } : {};
  return {
    id: `${job.jobId}.${job.status}`,
    type: 'dev.clapper.job.finished.v1',
    subject: `jobs/${job.jobId}`,
    time: job.finishedAt,
    data: { ...view, caller: job.caller, provider, model, ...told },
  };
}
