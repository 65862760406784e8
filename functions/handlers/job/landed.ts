/** The `landed` function: an object of the output bucket wakes its job at once instead of at its next poll. */
import { z } from 'zod';
import { type Job, liveAttemptOf } from '../../core/job/job.ts';
import type { Services } from '../../ports.ts';
import { advanceAndPerform } from './advance.ts';

/** The part of `google.events.cloud.storage.v1.StorageObjectData` that is used. */
const objectSchema = z.object({ bucket: z.string(), name: z.string() });

const OUTPUT_NAME = /^jobs\/([^/]+)\/([^/]+)\/./;

/** By an attempt that is under way, or by one that was given up without knowing. */
function isWaitedFor(job: Job, attemptId: string): boolean {
  const attempt = liveAttemptOf(job);
  if (attempt) {
    return attempt.attemptId === attemptId && (attempt.state === 'running' || attempt.state === 'uncertain');
  }
  return job.attempts.some((ended) => ended.attemptId === attemptId && ended.outcome === 'unknown');
}

export async function handleLanded(services: Services, data: unknown): Promise<void> {
  const { bucket, name } = objectSchema.parse(data);
  const [, jobId, attemptId] = OUTPUT_NAME.exec(name) ?? [];
  if (bucket !== services.results.bucket || jobId === undefined || attemptId === undefined) {
    return services.log('INFO', `object ${name} is no output of a job; ignored`, { bucket, object: name });
  }
  const job = await services.jobs.get(jobId);
  // Read first: most such events find an attempt that is landing or landed, and need no transaction.
  if (!job || !isWaitedFor(job, attemptId)) return;
  await advanceAndPerform(services, jobId, {
    type: 'attempt',
    attemptId,
    observed: { type: 'objectAppeared' },
  });
}
