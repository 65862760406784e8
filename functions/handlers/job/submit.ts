/** The `submit` function: takes the next job, prepares its call, claims the job, and sends the call once at most (I1). */
import { Readable } from 'node:stream';
import { type Batch, submissionStop } from '../../core/batch/batch.ts';
import { IMAGE_EXTENSIONS } from '../../core/catalogue/vocabulary.ts';
import type { AttemptEvent } from '../../core/job/attempt.ts';
import { outputPrefixOf } from '../../core/job/attempt-record.ts';
import { classifySubmitFailure } from '../../core/job/errors.ts';
import { type Job, type JobIn, liveAttemptOf } from '../../core/job/job.ts';
import { estimateStageUsd } from '../../core/job/price.ts';
import { submitQueueOf } from '../../core/job/queues.ts';
import { currentStage, stageIndexOf } from '../../core/job/stages.ts';
import type { PaidSubmission, Services, SubmitAnswer } from '../../ports.ts';
import { advance, advanceAndPerform, logFields, perform } from './advance.ts';
import { answerOf, noteAnswer, noteClaim, recoverLostAttempt } from './claim-notes.ts';
import { chooseNextJob, reportToRateLimiter, takeCallOrDefer } from './fair-dispatch.ts';
import { hasNextLocation, locationOf, withoutRetryAfter } from './locations.ts';
import type { SubmitMessage } from './wake-message.ts';

/**
 * Two tasks can pick the same job. Each retry picks from a larger set of candidates (4, then 16), so that five tries are
 * nearly always enough.
 */
const TRIES_MAX = 5;
const SPREAD = 4;
/**
 * Jobs of paused and cancelled batches that one task sets aside before it ends. Each of them has a task of its own, which
 * continues.
 */
const SET_ASIDE_MAX = 16;
/** A fallback: the resume of the batch wakes its held jobs. */
const HOLD_MS = 3_600_000;

export async function handleSubmit(services: Services, message: SubmitMessage): Promise<void> {
  let hasCallSlot = false;
  for (let tries = 0, aside = 0; tries < TRIES_MAX && aside < SET_ASIDE_MAX; ) {
    const job = await chooseNextJob(services, message, SPREAD ** (tries + aside));
    if (!job) {
      const { jobId } = message;
      return services.log('DEBUG', `job ${jobId}: its submit task found no waiting job`, { job: jobId });
    }
    // Before anything that may end the job as unpaid. There are as many submit tasks as waiting jobs.
    if (await recoverLostAttempt(services, job)) return;
    if (await isSetAside(services, job)) {
      aside++;
      continue;
    }
    // Only for a job that may be submitted: the jobs of a paused batch use up no quota.
    if (!hasCallSlot && (await takeCallOrDefer(services, message, job.caller)) === 'deferred') return;
    hasCallSlot = true;
    if ((await submit(services, job)) !== 'taken') return;
    tries++;
  }
}

/**
 * Holds a job whose batch is paused, and cancels one whose batch was cancelled. Releases a job that is still held though
 * its batch was resumed.
 */
async function isSetAside(services: Services, job: JobIn<'queued'>): Promise<boolean> {
  const stop = await stopOf(services, job);
  if (stop === 'cancelled') await advanceAndPerform(services, job.jobId, { type: 'cancel' });
  if (stop === 'paused') await hold(services, job);
  const isForgotten = stop === undefined && job.heldAt !== undefined;
  if (isForgotten) await advanceAndPerform(services, job.jobId, { type: 'release' });
  return stop !== undefined || isForgotten;
}

/**
 * The guard reads the batch in the transaction that holds the job. So a hold is saved before the resume, which releases
 * it, or not at all: a job that was held after the resume would wait for its fallback wake.
 */
async function hold(services: Services, { jobId, wake, batch }: JobIn<'queued'>): Promise<void> {
  if (!batch) return;
  const { batchId } = batch;
  const untilMs = services.clock.now() + HOLD_MS / services.policy.speedUp;
  const reason = `BATCH_PAUSED: batch ${batchId} is paused. Resume it to submit this job.`;
  const event = { type: 'hold', seq: wake.seq, untilMs, reason } as const;
  const allows = (stored: Batch | undefined): boolean => stored?.status === 'paused';
  await advanceAndPerform(services, jobId, event, undefined, { batchId, allows });
}

async function stopOf({ batches }: Services, job: Job): Promise<ReturnType<typeof submissionStop>> {
  return job.batch && submissionStop(await batches.get(job.batch.batchId), job);
}

/** `taken`: another task has claimed the job, or the job has ended; the slot is free for another job. */
async function submit(
  services: Services,
  job: JobIn<'queued'>,
): Promise<'submitted' | 'postponed' | 'taken'> {
  const { clock, ids, log, settings } = services;
  const { jobId } = job;
  const { seq } = job.wake;
  const attemptId = ids.newAttemptId();
  // Prepared before the claim: a crash before the claim does no harm; a crash between claim and call leaves an unknown
  // outcome.
  const submission = await prepare(services, job, attemptId, seq);
  if (typeof submission === 'string') return submission;
  const claimed = await claim(services, job, attemptId, seq);
  if (!claimed) return 'taken';

  const startedAt = clock.now();
  const observed = await observe(services, claimed, await submission());
  log(
    observed.type === 'submitFailed' ? 'WARNING' : 'INFO',
    `job ${jobId}: paid call ended in ${observed.type}`,
    {
      ...logFields(claimed),
      elapsedMs: clock.now() - startedAt,
      ...(observed.type === 'submitFailed' ? { failure: observed.failure } : {}),
      ...(settings.logPrompts ? { prompt: job.request.prompt } : {}),
    },
  );
  const event = { type: 'attempt', attemptId, observed } as const;
  await retryWrite(services, () => advanceAndPerform(services, jobId, event));
  await noteAnswer(services, claimed, attemptId, answerOf(observed));
  // A refusal by one location says nothing about the next one, so the model is closed after the last.
  const failure = observed.type === 'submitFailed' ? observed.failure : undefined;
  const isFinal = !failure || !hasNextLocation(services, currentStage(claimed), job.refusalsInARow);
  if (isFinal) await reportToRateLimiter(services, submitQueueOf(claimed), failure);
  return 'submitted';
}

/** Only this process knows the result of the paid call, so one failed write must not lose it. */
async function retryWrite<T>({ log }: Services, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === WRITE_TRIES) throw error;
      log('WARNING', 'the result of a paid call could not be saved; trying again', {
        error: String(error),
      });
    }
  }
}

/** Each try lasts as long as the client's own retries; four tries stay within the lease. */
const WRITE_TRIES = 4;

async function observe(
  services: Services,
  job: JobIn<'submitting'>,
  answer: SubmitAnswer,
): Promise<AttemptEvent> {
  switch (answer.kind) {
    case 'accepted':
      return { type: 'submitAccepted', operation: answer.operation };
    case 'stored':
      return { type: 'delivered', uri: answer.uri };
    case 'withheld':
      return { type: 'withheld', side: answer.side, reasons: answer.reasons };
    case 'failed': {
      const failure = classifySubmitFailure(answer.signal);
      const mayMove = hasNextLocation(services, currentStage(job), job.attempt.refusalsBefore);
      return { type: 'submitFailed', failure: mayMove ? withoutRetryAfter(failure) : failure };
    }
    case 'image': {
      // Stored before the job is saved: if the save fails, the object under the prefix proves the result.
      const name = `${job.attempt.outputPrefix}image_0.${IMAGE_EXTENSIONS[answer.mimeType]}`;
      const { results } = services;
      await retryWrite(services, () =>
        results.writeOnce(name, answer.mimeType, Readable.from([answer.bytes])),
      );
      return { type: 'delivered', uri: `gs://${results.bucket}/${name}` };
    }
  }
}

/** Returns the prepared call; if that failed, whether the job was postponed or another task has taken it meanwhile. */
async function prepare(
  services: Services,
  job: JobIn<'queued'>,
  attemptId: string,
  seq: number,
): Promise<PaidSubmission | 'postponed' | 'taken'> {
  const { policy, results, log, providers } = services;
  const { jobId } = job;
  const stage = currentStage(job);
  try {
    const provider = providers[stage.provider];
    if (!provider) throw new Error(`this deployment has no credentials for provider ${stage.provider}`);
    const location = locationOf(services, stage, job.refusalsInARow);
    const submission = await provider.prepare({
      jobId,
      attemptId,
      stage,
      location,
      outputUri: `gs://${results.bucket}/${outputPrefixOf(jobId, attemptId)}`,
      timeoutMs: policy.submitTimeoutMs,
    });
    await noteClaim(services, jobId, {
      attemptId,
      stage: stageIndexOf(job),
      location,
      reservedUsd: estimateStageUsd(services.catalogue, stage),
      notedAt: services.clock.now(),
    });
    return submission;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    log('ERROR', `job ${jobId}: its paid call could not be prepared: ${message}`, logFields(job));
    const notReady = { code: 'NOT_READY', message, retryable: true, charged: 'no' } as const;
    const { kind } = await advanceAndPerform(services, jobId, { type: 'postpone', seq, error: notReady });
    return kind === 'saved' ? 'postponed' : 'taken';
  }
}

/** Returns the job if this invocation claimed it; nothing if another one has, or its time is up. */
async function claim(
  services: Services,
  job: JobIn<'queued'>,
  attemptId: string,
  seq: number,
): Promise<JobIn<'submitting'> | undefined> {
  const { jobId } = job;
  const stage = currentStage(job);
  const location = locationOf(services, stage, job.refusalsInARow);
  const reservedUsd = estimateStageUsd(services.catalogue, stage);
  // The batch may have been paused or cancelled while the call was prepared.
  const guard = job.batch && {
    batchId: job.batch.batchId,
    allows: (batch: Batch | undefined) => submissionStop(batch, job) === undefined,
  };
  const event = { type: 'claim', seq, attemptId, location, reservedUsd } as const;
  const claimed = await advance(services, jobId, event, undefined, guard);
  if (claimed.kind === 'missing') return undefined;
  // If the answer to a commit is lost, the Firestore client runs the transaction again, which then changes nothing. The
  // new attempt id shows that the claim is ours.
  if (claimed.job.status === 'submitting' && liveAttemptOf(claimed.job)?.attemptId === attemptId)
    return claimed.job;
  await noteAnswer(services, job, attemptId, { outcome: 'free' });
  if (claimed.kind === 'saved') await perform(services, claimed.job, claimed.effects);
  else logStale(services, claimed.job);
  return undefined;
}

function logStale({ log }: Services, job: Job): void {
  log('INFO', `job ${job.jobId}: stale submit task ignored (${job.status})`, logFields(job));
}
