/**
 * The `sweep` function: rings again for jobs whose wake was lost (I3) and ends those whose time is up (I6). Bounded per
 * run; two runs at once do no harm, since every change is fenced and the names of their tasks agree.
 */
import { isTerminal, type Job, wakeOf } from '../core/job/job.ts';
import { submitQueueOf } from '../core/job/queues.ts';
import { timeUpAt } from '../core/job/wake-schedule.ts';
import type { Services } from '../ports.ts';
import { releaseJobs, sweepBatches } from './batch/sweep-batches.ts';
import { advanceAndPerform, logFields } from './job/advance.ts';
import { announceOverdue } from './job/announce.ts';

/** What one minute's run can do with room to spare; the rest stays overdue and is first in the next run. */
const JOBS_PER_RUN = 500;
/** Each job costs a few round trips; this many at once keep a run within seconds without crowding the store. */
const CONCURRENCY = 10;

export interface SweepReport {
  readonly overdue: number;
  readonly reEnqueued: number;
  readonly waiting: number;
  readonly ended: number;
  readonly errors: number;
  /** Ends of jobs published that had waited. */
  readonly announced: number;
}

export async function handleSweep(services: Services): Promise<SweepReport> {
  const { clock, jobs, policy, log } = services;
  await sweepBatches(services).catch((error: unknown) =>
    log('ERROR', 'sweep: the batches could not be read', { error: String(error) }),
  );
  await releaseJobs(services).catch((error: unknown) =>
    log('ERROR', 'sweep: jobs of a batch could not be let go', { error: String(error) }),
  );
  const overdue = await jobs.overdue(clock.now() - policy.overdueAfterMs, JOBS_PER_RUN);
  const tally = { overdue: overdue.length, reEnqueued: 0, waiting: 0, ended: 0, errors: 0, announced: 0 };
  const queue = overdue.values();
  const worker = async (): Promise<void> => {
    for (const job of queue) {
      try {
        tally[await sweepOne(services, job)]++;
      } catch (error) {
        tally.errors++;
        log('ERROR', `job ${job.jobId}: could not be swept`, { ...logFields(job), error: String(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  tally.announced = await announceOverdue(services);
  const oldest = await jobs.oldestOpen();
  // What the alert on jobs that do not end is made of, hence in every run that finds one.
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
    await advanceAndPerform(services, job.jobId, { type: 'deadline' }, wake?.seq);
    return 'ended';
  }
  if (!wake) return 'ended';
  const target = job.status === 'queued' ? 'submit' : 'poll';
  const waiting = await tasks.isWaiting({ target, jobId: job.jobId, wake, ...submitQueueOf(job) });
  await advanceAndPerform(services, job.jobId, { type: waiting ? 'stillWaiting' : 'enqueueAgain' }, wake.seq);
  return waiting ? 'waiting' : 'reEnqueued';
}
