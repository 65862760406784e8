/** The `submit` function: takes the next job, prepares its call, claims the job, and sends the call once at most (I1). */
import { Readable } from 'node:stream';
import { isBatchCancelled } from '../../core/batch/batch.ts';
import { IMAGE_EXTENSIONS } from '../../core/catalogue/vocabulary.ts';
import type { AttemptEvent } from '../../core/job/attempt.ts';
import { outputPrefixOf } from '../../core/job/attempt-record.ts';
import { classifySubmitFailure } from '../../core/job/errors.ts';
import { type Job, type JobIn, liveAttemptOf } from '../../core/job/job.ts';
import { estimateStageUsd } from '../../core/job/price.ts';
import { submitQueueOf } from '../../core/job/queues.ts';
import { currentStage } from '../../core/job/stages.ts';
import type { PaidSubmission, Services, SubmitAnswer } from '../../ports.ts';
import { advance, advanceAndPerform, logFields, perform } from './advance.ts';
import { chooseNextJob, reportToRateLimiter, takeNextJob } from './fair-dispatch.ts';
import type { SubmitMessage } from './wake-message.ts';

/**
 * Two tasks can pick the same job. Each retry picks from a larger set of candidates (4, then 16), so that five tries are
 * nearly always enough.
 */
const TRIES_MAX = 5;
const SPREAD = 4;

/** @throws ProblemError 429 if the model is over its quota: the task has to be delivered again */
export async function handleSubmit(services: Services, message: SubmitMessage): Promise<void> {
  let job = await takeNextJob(services, message);
  if (!job) {
    const { jobId } = message;
    return services.log('DEBUG', `job ${jobId}: its submit task found no waiting job`, { job: jobId });
  }
  for (let tries = 1; job && tries <= TRIES_MAX; tries++) {
    if ((await submit(services, job)) !== 'taken') return;
    job = await chooseNextJob(services, message, SPREAD ** tries);
  }
}

/** `taken`: another task has claimed the job, or the job has ended; the slot is free for another job. */
async function submit(
  services: Services,
  job: JobIn<'queued'>,
): Promise<'submitted' | 'postponed' | 'taken'> {
  const { clock, ids, log, settings } = services;
  const { jobId } = job;
  const { seq } = job.wake;
  if (await isOfCancelledBatch(services, job)) {
    await advanceAndPerform(services, jobId, { type: 'cancel' });
    return 'taken';
  }
  const attemptId = ids.newAttemptId();
  // Prepared before the claim: a crash before the claim does no harm; a crash between claim and call leaves an unknown
  // outcome.
  const submission = await prepare(services, job, attemptId, seq);
  if (!submission) return 'postponed';
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
  await reportToRateLimiter(
    services,
    submitQueueOf(claimed),
    observed.type === 'submitFailed' ? observed.failure : undefined,
  );
  return 'submitted';
}

/**
 * A slow chunk may create jobs after its batch was cancelled and its jobs were listed for cancellation. A retry was
 * requested separately, so it is submitted.
 */
async function isOfCancelledBatch({ batches }: Services, { batch, retryOf }: Job): Promise<boolean> {
  if (!batch || retryOf) return false;
  const stored = await batches.get(batch.batchId);
  return stored !== undefined && isBatchCancelled(stored);
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
    case 'failed':
      return { type: 'submitFailed', failure: classifySubmitFailure(answer.signal) };
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

/** Returns the prepared call; or nothing if that failed, in which case the job is postponed. */
async function prepare(
  services: Services,
  job: Job,
  attemptId: string,
  seq: number,
): Promise<PaidSubmission | undefined> {
  const { policy, results, log, providers, settings } = services;
  const { jobId } = job;
  const stage = currentStage(job);
  try {
    const provider = providers[stage.provider];
    if (!provider) throw new Error(`this deployment has no credentials for provider ${stage.provider}`);
    return await provider.prepare({
      jobId,
      attemptId,
      stage,
      location: settings.locations[stage.provider],
      outputUri: `gs://${results.bucket}/${outputPrefixOf(jobId, attemptId)}`,
      timeoutMs: policy.submitTimeoutMs,
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    log('ERROR', `job ${jobId}: its paid call could not be prepared: ${message}`, logFields(job));
    const notReady = { code: 'NOT_READY', message, retryable: true, charged: 'no' } as const;
    await advanceAndPerform(services, jobId, { type: 'postpone', seq, error: notReady });
    return undefined;
  }
}

/** Returns the job if this invocation claimed it; nothing if another one has, or its time is up. */
async function claim(
  services: Services,
  job: Job,
  attemptId: string,
  seq: number,
): Promise<JobIn<'submitting'> | undefined> {
  const { jobId } = job;
  const stage = currentStage(job);
  const location = services.settings.locations[stage.provider];
  const reservedUsd = estimateStageUsd(services.catalogue, stage);
  const claimed = await advance(services, jobId, { type: 'claim', seq, attemptId, location, reservedUsd });
  if (claimed.kind === 'missing') return undefined;
  // If the answer to a commit is lost, the Firestore client runs the transaction again, which then changes nothing. The
  // new attempt id shows that the claim is ours.
  if (claimed.job.status === 'submitting' && liveAttemptOf(claimed.job)?.attemptId === attemptId)
    return claimed.job;
  if (claimed.kind === 'saved') await perform(services, claimed.job, claimed.effects);
  else logStale(services, claimed.job);
  return undefined;
}

function logStale({ log }: Services, job: Job): void {
  log('INFO', `job ${job.jobId}: stale submit task ignored (${job.status})`, logFields(job));
}
