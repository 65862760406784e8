/** The `landed` function: an object of the output bucket wakes its job at once instead of at its next poll. */
import { z } from 'zod';
import { liveAttemptOf } from '../core/job.ts';
import type { Services } from '../ports.ts';
import { advanceAndPerform } from './advance.ts';

/** The part of `google.events.cloud.storage.v1.StorageObjectData` that is used. */
const objectSchema = z.object({ bucket: z.string(), name: z.string() });

const OUTPUT_NAME = /^jobs\/([^/]+)\/([^/]+)\/./;

export async function handleLanded(services: Services, data: unknown): Promise<void> {
  const { bucket, name } = objectSchema.parse(data);
  const [, jobId, attemptId] = OUTPUT_NAME.exec(name) ?? [];
  if (bucket !== services.results.bucket || jobId === undefined || attemptId === undefined) {
    return services.log('INFO', `object ${name} is no output of a job; ignored`, { bucket, object: name });
  }
  const job = await services.jobs.get(jobId);
  // Read first: most such events find an attempt that is landing or landed, and need no transaction.
  const attempt = job && liveAttemptOf(job);
  if (attempt?.attemptId !== attemptId || (attempt.state !== 'running' && attempt.state !== 'uncertain'))
    return;
  await advanceAndPerform(services, jobId, {
    type: 'attempt',
    attemptId,
    observed: { type: 'objectAppeared' },
  });
}
