/**
 * The `sweep` function: re-enqueues the wakes of jobs whose task was lost (I3) and ends jobs past their deadline (I6).
 * The work per run is bounded. Two concurrent runs do no harm: every change is fenced, and both use the same task
 * names.
 */
import { isTerminal, type Job, wakeOf } from '../core/job/job.ts';
import { submitQueueOf } from '../core/job/queues.ts';
import { timeUpAt } from '../core/job/wake-schedule.ts';
import type { Services } from '../ports.ts';
import { releaseJobs, sweepBatches } from './batch/sweep-batches.ts';
import { advanceAndPerform, logFields } from './job/advance.ts';
import { announceOverdue } from './job/announce.ts';
import { recoverLostAttempt } from './job/claim-notes.ts';
import { inParallel } from './job/in-parallel.ts';

/** One run handles this many jobs in well under a minute. The rest stays overdue and is first in the next run. */
const JOBS_PER_RUN = 500;
/** Each job needs a few round trips. Ten at once keep a run within seconds without overloading Firestore. */
const CONCURRENCY = 10;

export interface SweepReport {
  readonly overdue: number;
  readonly reEnqueued: number;
  readonly waiting: number;
  readonly ended: number;
  readonly errors: number;
  /** Overdue finished events that were published. */
  readonly announced: number;
}

export async function handleSweep(services: Services): Promise<SweepReport> {
  const { clock, jobs, policy, log } = services;
  await sweepBatches(services).catch((error: unknown) =>
    log('ERROR', 'sweep: the batches could not be read', { error: String(error) }),
  );
  await releaseJobs(services).catch((error: unknown) =>
    log('ERROR', 'sweep: jobs of a batch could not be released', { error: String(error) }),
  );
  const overdue = await jobs.overdue(clock.now() - policy.overdueAfterMs, JOBS_PER_RUN);
  const tally = { overdue: overdue.length, reEnqueued: 0, waiting: 0, ended: 0, errors: 0, announced: 0 };
  await inParallel(overdue, CONCURRENCY, async (job) => {
    try {
      tally[await sweepOne(services, job)]++;
    } catch (error) {
      tally.errors++;
      log('ERROR', `job ${job.jobId}: could not be swept`, { ...logFields(job), error: String(error) });
    }
  });
  tally.announced = await announceOverdue(services);
  const oldest = await jobs.oldestOpen();
  // The alert on jobs that do not finish uses this field, so every run that finds an unfinished job logs it.
  const measured = oldest
    ? { oldestOpenMs: Math.max(0, clock.now() - oldest.createdAt), job: oldest.jobId }
    : undefined;
  if (measured || overdue.length > 0 || tally.announced > 0)
    log('INFO', `sweep: ${JSON.stringify(tally)}`, { sweep: tally, ...measured });
  return tally;
}

async function sweepOne(services: Services, job: Job): Promise<'reEnqueued' | 'waiting' | 'ended'> {
  const { clock, tasks } = services;
  const wake = wakeOf(job);
  if (!isTerminal(job) && clock.now() >= timeUpAt(job)) {
    // A queued job ends as unpaid.
    if (job.status === 'queued' && (await recoverLostAttempt(services, job))) return 'reEnqueued';
    await advanceAndPerform(services, job.jobId, { type: 'deadline' }, wake?.seq);
    return 'ended';
  }
  if (!wake) return 'ended';
  const target = job.status === 'queued' ? 'submit' : 'poll';
  const waiting = await tasks.isWaiting({ target, jobId: job.jobId, wake, ...submitQueueOf(job) });
  await advanceAndPerform(services, job.jobId, { type: waiting ? 'stillWaiting' : 'enqueueAgain' }, wake.seq);
  return waiting ? 'waiting' : 'reEnqueued';
}
