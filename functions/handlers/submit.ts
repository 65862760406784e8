/** The `submit` function: makes the paid call of a queued job ready, claims it, and makes it, at most once (I1). */
import { Readable } from 'node:stream';
import type { AttemptEvent } from '../core/attempt.ts';
import { classifySubmitFailure } from '../core/errors.ts';
import { type Job, type JobIn, liveAttemptOf, outputPrefixOf } from '../core/job.ts';
import { estimateStageUsd } from '../core/price.ts';
import { currentStage } from '../core/stages.ts';
import type { PaidSubmission, Services, SubmitAnswer } from '../ports.ts';
import { advance, advanceAndPerform, logFields, perform } from './advance.ts';
import type { WakeMessage } from './wake-message.ts';

export async function handleSubmit(services: Services, { jobId, seq }: WakeMessage): Promise<void> {
  const { clock, ids, jobs, log, settings } = services;
  const job = await jobs.get(jobId);
  if (!job)
    return log('WARNING', `job ${jobId}: a submit task names a job that does not exist`, { job: jobId });
  if (job.status !== 'queued' || job.wake.seq !== seq) return logStale(services, job);

  const attemptId = ids.newAttemptId();
  // Before the claim: a crash from here to the call costs nothing, a crash from the claim to the call costs the job
  // its certainty.
  const submission = await prepare(services, job, attemptId, seq);
  if (!submission) return;
  const claimed = await claim(services, job, attemptId, seq);
  if (!claimed) return;

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
  await advanceAndPerform(services, jobId, { type: 'attempt', attemptId, observed });
}

async function observe(
  { results }: Services,
  job: JobIn<'submitting'>,
  answer: SubmitAnswer,
): Promise<AttemptEvent> {
  switch (answer.kind) {
    case 'accepted':
      return { type: 'submitAccepted', operation: answer.operation };
    case 'stored':
      return { type: 'delivered', uri: answer.uri };
    case 'withheld':
      return { type: 'withheld', reasons: answer.reasons };
    case 'failed':
      return { type: 'submitFailed', failure: classifySubmitFailure(answer.signal) };
    case 'image': {
      // Stored before it is written down: if that fails, the object under the prefix is the evidence.
      const name = `${job.attempt.outputPrefix}image_0.${answer.mimeType === 'image/png' ? 'png' : 'jpg'}`;
      await results.writeOnce(name, answer.mimeType, Readable.from([answer.bytes]));
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
