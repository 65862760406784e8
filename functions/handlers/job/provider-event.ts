/**
 * Handles webhooks of providers. An event names the job and attempt that were sent with the paid call, so it proves
 * that the call arrived even if its answer was lost (I2). The operation's outcome is always polled, never taken from
 * the event.
 */
import { z } from 'zod';
import type { EndedAttempt, LiveAttempt, OperationRef } from '../../core/job/attempt-record.ts';
import { type Job, liveAttemptOf } from '../../core/job/job.ts';
import { stageOf } from '../../core/job/stages.ts';
import { invalidRequest } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { advanceAndPerform } from './advance.ts';

const eventSchema = z.object({
  type: z.string(),
  data: z.object({ id: z.string().min(1) }),
  user_metadata: z.object({ job_id: z.string(), attempt_id: z.string() }),
});

/** @throws ProblemError 400 for an event that does not name a job, an attempt and an operation */
export async function handleProviderEvent(services: Services, body: unknown): Promise<void> {
  const parsed = eventSchema.safeParse(body);
  if (!parsed.success)
    throw invalidRequest([
      {
        field: '',
        detail:
          'The event needs data.id (the operation), user_metadata.job_id and user_metadata.attempt_id, as Clapper sent ' +
          'them with the paid call.',
      },
    ]);
  const { data, type, user_metadata: ours } = parsed.data;
  const { job_id: jobId, attempt_id: attemptId } = ours;
  const job = await services.jobs.get(jobId);
  const attempt = job && attemptOf(job, attemptId);
  if (!job || !attempt) return;
  services.log('INFO', `job ${jobId}: received provider event ${type}`, { job: jobId, attempt: attemptId });
  if (attempt.state === 'submitting' || attempt.state === 'uncertain' || attempt.state === 'ended') {
    const { provider, model } = stageOf(job, attempt);
    const name = provider === 'gemini' ? operationName(data.id, model) : data.id;
    const operation: OperationRef = { provider, name, model, location: attempt.location };
    const observed = { type: 'submitAccepted', operation } as const;
    await advanceAndPerform(services, jobId, { type: 'attempt', attemptId, observed });
  }
  const observed = { type: 'objectAppeared' } as const;
  await advanceAndPerform(services, jobId, { type: 'attempt', attemptId, observed });
}

/** Returns the attempt if it is live, or has ended with an unknown outcome. */
function attemptOf(job: Job, attemptId: string): LiveAttempt | EndedAttempt | undefined {
  const live = liveAttemptOf(job);
  if (live) return live.attemptId === attemptId ? live : undefined;
  return job.attempts.find((each) => each.attemptId === attemptId && each.outcome === 'unknown');
}

/** The operation's full name: as in the event, or built from the bare id. */
const operationName = (id: string, model: string): string =>
  id.includes('/') ? id : `models/${model}/operations/${id}`;
