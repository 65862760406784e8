/** The `landed` function: a new object in the output bucket wakes its job at once instead of at the next poll. */
import { z } from 'zod';
import { CLAIMS_PREFIX } from '../../core/job/claim-note.ts';
import { type Job, liveAttemptOf } from '../../core/job/job.ts';
import type { Services } from '../../ports.ts';
import { advanceAndPerform } from './advance.ts';

/** The fields of `google.events.cloud.storage.v1.StorageObjectData` used here. */
const objectSchema = z.object({ bucket: z.string(), name: z.string() });

const OUTPUT_NAME = /^jobs\/([^/]+)\/([^/]+)\/./;

/** Whether the attempt is live, or has ended with an unknown outcome. */
function isWaitedFor(job: Job, attemptId: string): boolean {
  const attempt = liveAttemptOf(job);
  if (attempt) {
    return attempt.attemptId === attemptId && (attempt.state === 'running' || attempt.state === 'uncertain');
  }
  return job.attempts.some((ended) => ended.attemptId === attemptId && ended.outcome === 'unknown');
}

export async function handleLanded(services: Services, data: unknown): Promise<void> {
  const { bucket, name } = objectSchema.parse(data);
  if (name.startsWith(CLAIMS_PREFIX)) return;
  const [, jobId, attemptId] = OUTPUT_NAME.exec(name) ?? [];
  if (bucket !== services.results.bucket || jobId === undefined || attemptId === undefined) {
    return services.log('INFO', `object ${name} is not an output of a job; ignored`, {
      bucket,
      object: name,
    });
  }
  const job = await services.jobs.get(jobId);
  // Read before the transaction: for most events the attempt is already landing or landed, and nothing is to be done.
  if (!job || !isWaitedFor(job, attemptId)) return;
  await advanceAndPerform(services, jobId, {
    type: 'attempt',
    attemptId,
    observed: { type: 'objectAppeared' },
  });
}
