/** The `submit` function: claims a queued stage and makes the paid call, at most once (I1). */

import type { AttemptEvent } from '../core/attempt.ts';
import { classifySubmitFailure } from '../core/errors.ts';
import { type JobIn, liveAttemptOf } from '../core/job.ts';
import type { Services } from '../ports.ts';
import { advance, advanceAndPerform, logFields, perform } from './advance.ts';
import type { WakeMessage } from './wake-message.ts';

export async function handleSubmit(services: Services, { jobId, seq }: WakeMessage): Promise<void> {
  const { clock, policy, results, log, settings } = services;
  const claimed = await claim(services, jobId, seq);
  if (!claimed) return;
  const { attempt, request } = claimed;
  const provider = services.providers[request.provider];
  const startedAt = clock.now();
  const observed: AttemptEvent = provider
    ? await provider
        .submit({
          request,
          location: attempt.location,
          outputUri: `gs://${results.bucket}/${attempt.outputPrefix}`,
          timeoutMs: policy.submitTimeoutMs,
        })
        .then((answer) =>
          answer.kind === 'accepted'
            ? { type: 'submitAccepted', operation: answer.operation }
            : { type: 'submitFailed', failure: classifySubmitFailure(answer.signal) },
        )
    : notConfigured(request.provider);
  log(
    observed.type === 'submitAccepted' ? 'INFO' : 'WARNING',
    `job ${jobId}: paid call ended in ${observed.type}`,
    {
      ...logFields(claimed),
      elapsedMs: clock.now() - startedAt,
      ...(observed.type === 'submitFailed' ? { failure: observed.failure } : {}),
      ...(settings.logPrompts ? { prompt: request.prompt } : {}),
    },
  );
  await advanceAndPerform(services, jobId, { type: 'attempt', attemptId: attempt.attemptId, observed });
}

/** The job as claimed by this very invocation, or nothing: then somebody else has it, or it needs no call any more. */
async function claim(
  services: Services,
  jobId: string,
  seq: number,
): Promise<JobIn<'submitting'> | undefined> {
  const attemptId = services.ids.newAttemptId();
  const job = await services.jobs.get(jobId);
  if (!job) {
    services.log('WARNING', `job ${jobId}: a submit task names a job that does not exist`, { job: jobId });
    return undefined;
  }
  const location = services.settings.locations[job.request.provider];
  const claimed = await advance(services, jobId, { type: 'claim', seq, attemptId, location });
  if (claimed.kind === 'missing') return undefined;
  if (claimed.kind === 'saved') await perform(services, claimed.job, claimed.effects);
  // A commit whose answer was lost is run again by the client and then changes nothing; the fresh attempt id tells
  // that the claim is ours all the same.
  if (claimed.job.status === 'submitting' && liveAttemptOf(claimed.job)?.attemptId === attemptId)
    return claimed.job;
  services.log(
    'INFO',
    `job ${jobId}: stale submit task ignored (${claimed.job.status})`,
    logFields(claimed.job),
  );
  return undefined;
}

const notConfigured = (provider: string): AttemptEvent => ({
  type: 'submitFailed',
  failure: {
    outcome: 'rejected',
    retry: 'never',
    error: {
      code: 'PROVIDER_NOT_CONFIGURED',
      message: `This deployment has no credentials for provider ${provider}.`,
      retryable: true,
      charged: 'no',
    },
  },
});
