/**
 * What a provider tells by webhook. It carries the job and the attempt that were sent with the paid call, and so is
 * evidence where the answer to that call was lost (I2). What came of the operation is always asked for, never believed.
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

/** @throws ProblemError 400 for an event that names no job and attempt of ours */
export async function handleProviderEvent(services: Services, body: unknown): Promise<void> {
  const parsed = eventSchema.safeParse(body);
  if (!parsed.success)
    throw invalidRequest([{ field: '', detail: 'The event names no job, attempt and operation.' }]);
  const { data, type, user_metadata: ours } = parsed.data;
  const { job_id: jobId, attempt_id: attemptId } = ours;
  const job = await services.jobs.get(jobId);
  const attempt = job && attemptOf(job, attemptId);
  if (!job || !attempt) return;
  services.log('INFO', `job ${jobId}: the provider tells of ${type}`, { job: jobId, attempt: attemptId });
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

/** One that is under way, or that was given up without knowing. */
function attemptOf(job: Job, attemptId: string): LiveAttempt | EndedAttempt | undefined {
  const live = liveAttemptOf(job);
  if (live) return live.attemptId === attemptId ? live : undefined;
  return job.attempts.find((each) => each.attemptId === attemptId && each.outcome === 'unknown');
}

/** The whole name where the event has it, otherwise made of its last part. */
const operationName = (id: string, model: string): string =>
  id.includes('/') ? id : `models/${model}/operations/${id}`;
