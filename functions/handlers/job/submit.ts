/** The `submit` function: makes the paid call of the job whose turn it is ready, claims it, and makes it, at most once (I1). */
import { Readable } from 'node:stream';
import { isBatchCancelled } from '../../core/batch/batch.ts';
import type { AttemptEvent } from '../../core/job/attempt.ts';
import { outputPrefixOf } from '../../core/job/attempt-record.ts';
import { classifySubmitFailure } from '../../core/job/errors.ts';
import { type Job, type JobIn, liveAttemptOf } from '../../core/job/job.ts';
import { estimateStageUsd } from '../../core/job/price.ts';
import { submitQueueOf } from '../../core/job/queues.ts';
import { currentStage } from '../../core/job/stages.ts';
import type { PaidSubmission, Services, SubmitAnswer } from '../../ports.ts';
import { advance, advanceAndPerform, logFields, perform } from './advance.ts';
import { nextOf, takeNextJob, tellRateLimiter } from './fair-dispatch.ts';
import type { SubmitMessage } from './wake-message.ts';

/** Tokens that have met at one job choose among so many more each time that five times is seldom not enough. */
const TRIES_MAX = 5;
const SPREAD = 4;

/** @throws ProblemError 429 when the model takes no call now: the task has to be delivered again */
export async function handleSubmit(services: Services, message: SubmitMessage): Promise<void> {
  let job = await takeNextJob(services, message);
  if (!job) {
    const { jobId } = message;
    return services.log('DEBUG', `job ${jobId}: its submit task finds nobody waiting`, { job: jobId });
  }
  for (let tries = 1; job && tries <= TRIES_MAX; tries++) {
    if ((await submit(services, job)) !== 'taken') return;
    job = await nextOf(services, message, SPREAD ** tries);
  }
}

/** `taken`: the job has been claimed by somebody else, or is over, and the turn is free for another one. */
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
  // Before the claim: a crash from here to the call costs nothing, a crash from the claim to the call costs the job
  // its certainty.
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
  await insist(services, () => advanceAndPerform(services, jobId, event));
  await tellRateLimiter(
    services,
    submitQueueOf(claimed),
    observed.type === 'submitFailed' ? observed.failure : undefined,
  );
  return 'submitted';
}

/**
 * A chunk of rows that was slow goes on to make jobs after its batch was cancelled, and after whoever cancelled the jobs
 * has looked. A retry is somebody's wish of its own.
 */
async function isOfCancelledBatch({ batches }: Services, { batch, retryOf }: Job): Promise<boolean> {
  if (!batch || retryOf) return false;
  const stored = await batches.get(batch.batchId);
  return stored !== undefined && isBatchCancelled(stored);
}

/** What was paid for is known here and nowhere else: one refused write must not make it unknown. */
async function insist<T>({ log }: Services, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === INSIST_TRIES) throw error;
      log('WARNING', 'what came of a paid call could not be written down; trying again', {
        error: String(error),
      });
    }
  }
}

/** Each waits for as long as the client itself repeats a call; together they stay within the lease. */
const INSIST_TRIES = 4;

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
      // Stored before it is written down: if that fails, the object under the prefix is the evidence.
      const name = `${job.attempt.outputPrefix}image_0.${answer.mimeType === 'image/png' ? 'png' : 'jpg'}`;
      const { results } = services;
      await insist(services, () => results.writeOnce(name, answer.mimeType, Readable.from([answer.bytes])));
      return { type: 'delivered', uri: `gs://${results.bucket}/${name}` };
    }
  }
}

/** The call, ready to be made; or nothing, when the job has to wait for what is missing. */
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
      ...{ jobId, attemptId },
      stage,
      location: settings.locations[stage.provider],
      outputUri: `gs://${results.bucket}/${outputPrefixOf(jobId, attemptId)}`,
      timeoutMs: policy.submitTimeoutMs,
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    log('ERROR', `job ${jobId}: its paid call cannot be made ready: ${message}`, logFields(job));
    const notReady = { code: 'NOT_READY', message, retryable: true, charged: 'no' } as const;
    await advanceAndPerform(services, jobId, { type: 'postpone', seq, error: notReady });
    return undefined;
  }
}

/** The job as claimed by this very invocation, or nothing: then somebody else has it, or its time is up. */
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
  // A commit whose answer was lost is run again by the client and then changes nothing; the fresh attempt id tells
  // that the claim is ours all the same.
  if (claimed.job.status === 'submitting' && liveAttemptOf(claimed.job)?.attemptId === attemptId)
    return claimed.job;
  if (claimed.kind === 'saved') await perform(services, claimed.job, claimed.effects);
  else logStale(services, claimed.job);
  return undefined;
}

function logStale({ log }: Services, job: Job): void {
  log('INFO', `job ${job.jobId}: stale submit task ignored (${job.status})`, logFields(job));
}
