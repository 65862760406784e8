/**
 * Publishes an event when a job or batch has ended: once right after the save, and again by the sweep until publishing
 * succeeds. Delivery is at least once. The event id derives from the job or batch, so that subscribers can deduplicate.
 */
import { type Batch, type BatchIn, batchAnnouncementDueAt, isBatchOver } from '../../core/batch/batch.ts';
import { stepBatch } from '../../core/batch/step-batch.ts';
import { isTerminal, type Job, type TerminalJob } from '../../core/job/job.ts';
import { step } from '../../core/job/step.ts';
import type { OutgoingEvent, Services } from '../../ports.ts';
import { fullBatchView } from '../http/batch-view.ts';
import { jobView } from '../http/job-view.ts';
import { inParallel } from './in-parallel.ts';

/** One sweep publishes this many events in well under a minute. */
const PER_RUN = 200;
const CONCURRENCY = 10;
/** The job has ended, so the latency of its model does not affect the event. */
const NO_LATENCY = { minMs: 0, typicalMs: 0, longestMs: 0 };

/** Publishes the end of a job and records that. @throws Error when publishing fails; the event stays due */
export async function announceJob(services: Services, job: Job): Promise<void> {
  const { events, jobs, clock, policy, ids } = services;
  if (!events || !isTerminal(job)) return;
  await events.publish(jobFinished(services, job));
  await jobs.update(job.jobId, (stored) => {
    const context = { now: clock.now(), random: ids.random(), policy, latency: NO_LATENCY };
    return step(stored, { type: 'announced' }, context);
  });
}

/** Publishes the end of a batch and records that. @throws Error when publishing fails; the event stays due */
async function announceBatch(services: Services, batch: Batch): Promise<void> {
  const { events, batches, clock } = services;
  if (!events || !isBatchOver(batch)) return;
  await events.publish(await batchFinished(services, batch));
  await batches.update(batch.batchId, (stored) =>
    // A batch that was retried meanwhile will end again, and that event is still to be published.
    stored.retries === batch.retries
      ? stepBatch(stored, { type: 'announced' }, { now: clock.now() })
      : undefined,
  );
}

/** Publishes the end of a saved batch. On failure the sweep publishes it later. */
export async function tryToAnnounce(services: Services, batch: Batch): Promise<void> {
  if (batchAnnouncementDueAt(batch) === undefined) return;
  await tryToPublish(services, `batch ${batch.batchId}`, () => announceBatch(services, batch));
}

/** Publishes events that are overdue. @returns how many were published */
export async function announceOverdue(services: Services): Promise<number> {
  const { events, jobs, batches, clock, policy } = services;
  if (!events) return 0;
  const before = clock.now() - policy.overdueAfterMs;
  let published = 0;
  let failed = 0;
  const publish = async (what: string, work: () => Promise<void>): Promise<void> => {
    // A failed publication takes seconds. With a broken topic the rest is left to the next sweep.
    if (failed >= CONCURRENCY) return;
    if (await tryToPublish(services, what, work)) published++;
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

async function tryToPublish({ log }: Services, what: string, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    log('ERROR', `${what}: its finished event could not be published; the sweep tries again`, {
      error: String(error),
    });
    return false;
  }
}

/** The event contains the request, with its prompt, only if CLAPPER_LOG_PROMPTS allows that. */
function jobFinished({ settings, clock }: Services, job: TerminalJob): OutgoingEvent {
  const { model, provider } = job.request;
  const { request, ...view } = jobView(job, clock.now(), NO_LATENCY);
  const { labels } = request;
  const details = settings.logPrompts ? { request } : labels ? { labels } : {};
  return {
    id: `${job.jobId}.${job.status}`,
    type: 'dev.clapper.job.finished.v1',
    subject: `jobs/${job.jobId}`,
    time: job.finishedAt,
    data: { ...view, caller: job.caller, provider, model, ...details },
  };
}

/** A batch that was retried ends again, with an event id of its own. */
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
