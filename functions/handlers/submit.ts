/** The `submit` function: makes the paid call of a queued job ready, claims it, and makes it, at most once (I1). */
import type { AttemptEvent } from '../core/attempt.ts';
import { classifySubmitFailure } from '../core/errors.ts';
import { type Job, type JobIn, liveAttemptOf, outputPrefixOf } from '../core/job.ts';
import type { PaidSubmission, Services } from '../ports.ts';
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
  const answer = await submission();
  const observed: AttemptEvent =
    answer.kind === 'accepted'
      ? { type: 'submitAccepted', operation: answer.operation }
      : { type: 'submitFailed', failure: classifySubmitFailure(answer.signal) };
  log(answer.kind === 'accepted' ? 'INFO' : 'WARNING', `job ${jobId}: paid call ended in ${observed.type}`, {
    ...logFields(claimed),
    elapsedMs: clock.now() - startedAt,
    ...(observed.type === 'submitFailed' ? { failure: observed.failure } : {}),
    ...(settings.logPrompts ? { prompt: job.request.prompt } : {}),
  });
  await advanceAndPerform(services, jobId, { type: 'attempt', attemptId, observed });
}

/** The call, ready to be made; or nothing, when the job has to wait for what is missing. */
async function prepare(
  services: Services,
  job: Job,
  attemptId: string,
  seq: number,
): Promise<PaidSubmission | undefined> {
  const { policy, results, log, providers, settings } = services;
  const { jobId, request } = job;
  try {
    const provider = providers[request.provider];
    if (!provider) throw new Error(`this deployment has no credentials for provider ${request.provider}`);
    return await provider.prepare({
      request,
      location: settings.locations[request.provider],
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
  { jobId, request }: Job,
  attemptId: string,
  seq: number,
): Promise<JobIn<'submitting'> | undefined> {
  const location = services.settings.locations[request.provider];
  const claimed = await advance(services, jobId, { type: 'claim', seq, attemptId, location });
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
