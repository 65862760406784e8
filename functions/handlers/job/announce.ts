/**
 * Publishing what has ended, jobs and batches: at once after the save, and again by the sweep until it is known to be
 * published. At least once, under an id that follows from what ended, so that whoever listens can tell a repetition.
 */
import { type Batch, type BatchIn, batchAnnouncementDueAt, isBatchOver } from '../../core/batch/batch.ts';
import { stepBatch } from '../../core/batch/step-batch.ts';
import { isTerminal, type Job, type TerminalJob } from '../../core/job/job.ts';
import { step } from '../../core/job/step.ts';
import type { OutgoingEvent, Services } from '../../ports.ts';
import { fullBatchView } from '../http/batch-view.ts';
import { jobView } from '../http/job-view.ts';
import { inParallel } from './in-parallel.ts';

/** What one minute's sweep publishes with room to spare. */
const PER_RUN = 200;
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

/** The same of a batch. */
async function announceBatch(services: Services, batch: Batch): Promise<void> {
  const { events, batches, clock } = services;
  if (!events || !isBatchOver(batch)) return;
  await events.publish(await batchFinished(services, batch));
  await batches.update(batch.batchId, (stored) =>
    // Retried meanwhile, it has another end to come.
    stored.retries === batch.retries
      ? stepBatch(stored, { type: 'announced' }, { now: clock.now() })
      : undefined,
  );
}

/** The batch is saved; what cannot be published now is left to the sweep. */
export async function tryToAnnounce(services: Services, batch: Batch): Promise<void> {
  if (batchAnnouncementDueAt(batch) === undefined) return;
  await orLater(services, `batch ${batch.batchId}`, () => announceBatch(services, batch));
}

/** Ends that were saved and not published, for whatever reason. @returns how many were published now */
export async function announceOverdue(services: Services): Promise<number> {
  const { events, jobs, batches, clock, policy } = services;
  if (!events) return 0;
  const before = clock.now() - policy.overdueAfterMs;
  let published = 0;
  let failed = 0;
  const publish = async (what: string, work: () => Promise<void>): Promise<void> => {
    // Each failure takes its time, and the sweep has other things to do than to wait for a topic that is gone.
    if (failed >= CONCURRENCY) return;
    if (await orLater(services, what, work)) published++;
    else failed++;
  };
  await inParallel(await jobs.unannounced(before, PER_RUN), CONCURRENCY, (job) =>
    publish(`job ${job.jobId}`, () => announceJob(services, job)),
  );
  await inParallel(await batches.unannounced(before, PER_RUN), CONCURRENCY, (batch) =>
    publish(`batch ${batch.batchId}`, () => announceBatch(services, batch)),
  );
  return published;
}

async function orLater({ log }: Services, what: string, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    log('ERROR', `${what}: its end could not be published; the sweep tries again`, { error: String(error) });
    return false;
  }
}

/** Prompts are told only to a log that may have them. */
function jobFinished({ settings, clock }: Services, job: TerminalJob): OutgoingEvent {
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

/** A batch that was retried ends again, and says so again. */
async function batchFinished(
  services: Services,
  batch: BatchIn<'done' | 'cancelled' | 'failed'>,
): Promise<OutgoingEvent> {
  const { template, defaults, ...view } = await fullBatchView(services, batch);
  const round = batch.retries === 0 ? '' : `.${batch.retries}`;
  return {
    id: `${batch.batchId}.${batch.status}${round}`,
    type: 'dev.clapper.batch.finished.v1',
    subject: `batches/${batch.batchId}`,
    time: batch.finishedAt,
    data: {
      ...view,
      caller: batch.caller,
      ...(services.settings.logPrompts ? { template, defaults } : {}),
    },
  };
}
