/** Accepting a job: parse everything, put inline pictures in the input bucket, store the job, ring its first wake. */

import type { Job, StoredImage, VideoRequest } from '../core/job.ts';
import { estimateUsd } from '../core/price.ts';
import { ProblemError } from '../core/problem.ts';
import { type GivenImage, parseRequest } from '../core/request.ts';
import { newJob } from '../core/step.ts';
import type { Services } from '../ports.ts';
import { logFields, perform } from './advance.ts';

export interface NewJob {
  readonly caller: string;
  readonly body: unknown;
  /** `Idempotency-Key`, when the caller sent one. */
  readonly idempotencyKey?: string | undefined;
  readonly trace?: string | undefined;
}

/**
 * @returns `created: false` when the same request under the same key has made this job before
 * @throws ProblemError 400 for a request that is not valid, 422 for another request under the same key
 */
export async function createJob(
  services: Services,
  { caller, body, idempotencyKey, trace }: NewJob,
): Promise<{ readonly job: Job; readonly created: boolean }> {
  const { clock, ids, jobs, policy, settings, log } = services;
  const now = clock.now();
  const fingerprint = ids.hash(['request', canonicalJson(body)]);
  const jobId = idempotencyKey === undefined ? ids.newJobId() : ids.jobIdOf(['http', caller, idempotencyKey]);
  if (idempotencyKey !== undefined) {
    // Before anything is judged: a request that was accepted stays accepted, whatever has been retired since.
    const earlier = await jobs.get(jobId);
    if (earlier) return { job: sameRequest(earlier, fingerprint), created: false };
  }
  const parsed = parseRequest(body, {
    today: new Date(now).toISOString().slice(0, 10),
    allowRetired: settings.allowRetiredModels,
    mayRead: (uri) => readableBy(services, caller).some((prefix) => uri.startsWith(prefix)),
  });
  const request: VideoRequest = {
    ...parsed.request,
    image: await store(services, jobId, 'image', parsed.image),
    lastFrame: await store(services, jobId, 'lastFrame', parsed.lastFrame),
  };
  const price = estimateUsd(parsed.spec, request);
  const first = newJob({ jobId, caller, request, fingerprint, estimateUsd: price, trace }, { now, policy });
  if ((await jobs.create(first.job)) === 'exists') {
    const earlier = await jobs.get(jobId);
    if (!earlier) throw new Error(`job ${jobId} exists and cannot be read`);
    return { job: sameRequest(earlier, fingerprint), created: false };
  }
  log('INFO', `job ${jobId}: accepted`, {
    ...logFields(first.job),
    caller,
    to: 'queued',
    ...(settings.logPrompts ? { prompt: request.prompt } : {}),
  });
  await perform(services, first.job, first.effects);
  return { job: first.job, created: true };
}

/** A caller's own folder, and what the operator has opened to all. */
const readableBy = ({ inputs, ids, settings }: Services, caller: string): readonly string[] => [
  `gs://${inputs.bucket}/callers/${ids.hash(['caller', caller])}/`,
  ...settings.readablePrefixes,
];

async function store(
  { inputs, ids }: Services,
  jobId: string,
  field: string,
  image: GivenImage | undefined,
): Promise<StoredImage | undefined> {
  if (!image || 'gcsUri' in image) return image;
  const { bytes, mimeType } = image;
  const extension = mimeType === 'image/png' ? 'png' : 'jpg';
  // By content: two requests that race under one key must not show each other's picture.
  const digest = ids.hash([Buffer.from(bytes).toString('base64')]);
  const gcsUri = await inputs.putOnce(`jobs/${jobId}/${field}-${digest}.${extension}`, mimeType, bytes);
  return { gcsUri, mimeType };
}

function sameRequest(job: Job, fingerprint: string): Job {
  if (job.fingerprint === fingerprint) return job;
  throw new ProblemError({
    status: 422,
    code: 'idempotency-key-reused',
    title: 'This Idempotency-Key belongs to another request',
    detail: `The key was used for job ${job.jobId} with a different body. Send that body again, or use a new key.`,
  });
}

/** JSON with the keys of every object in order, so that the same request is the same text however it was written. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
