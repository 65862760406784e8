/** Accepts a job: validates it, stores inline images in the input bucket, stores the job, enqueues its first wake. */
import { defined } from '../../core/defined.ts';
import type { BatchRow, Job } from '../../core/job/job.ts';
import { estimateUsd } from '../../core/job/price.ts';
import { stagesOf } from '../../core/job/stages.ts';
import { newJob } from '../../core/job/step.ts';
import type { CompatOrigin } from '../../core/job/video-request.ts';
import { type FieldError, invalidRequest, ProblemError } from '../../core/problem.ts';
import { jobTimes } from '../../core/request/job-times.ts';
import {
  completeRequest,
  completionErrors,
  NO_INPUTS,
  type ReadRequest,
  readRequest,
} from '../../core/request/request.ts';
import type { RequestRules } from '../../core/request/request-model.ts';
import type { BatchGuard, Services } from '../../ports.ts';
import { logFields, perform } from './advance.ts';
import { type CheckedInputs, checkInputs, mayDeliver, storeInputs } from './inputs.ts';

export interface NewJob {
  readonly caller: string;
  /** The request as received. Its hash tells a repetition under the same key from a different request. */
  readonly body: unknown;
  /** `Idempotency-Key`, if the caller sent one. */
  readonly idempotencyKey?: string | undefined;
  /** The job id, if it derives from a cause other than a key (I5). An existing job with this id is returned as it is. */
  readonly jobId?: string | undefined;
  readonly trace?: string | undefined;
  /** Translates a `body` in Google's format. Called only if no job exists for this request yet. */
  readonly translate?: (() => Promise<CompatRequest>) | undefined;
  /** The batch row. The job id derives from it, so that reading the row again gives the same job (I5). */
  readonly batch?: BatchRow | undefined;
  /** The job is created only if its batch allows that. */
  readonly guard?: BatchGuard | undefined;
  /** The result of {@link validateRequest}, if the request was validated before. */
  readonly validated?: ValidatedRequest | undefined;
}

/** The guard of a batch refused: the batch was paused or cancelled, or another task has counted its rows. */
export class BatchRefusedError extends Error {}

/** A request of a Google-compatible route, translated. */
export interface CompatRequest {
  /** The request in Clapper's own format. */
  readonly body: unknown;
  readonly origin: CompatOrigin;
  /** `gs://bucket/folder/` */
  readonly deliverTo?: string | undefined;
  readonly rules: Pick<RequestRules, 'allowRetired' | 'aliasRetired' | 'isGoogles'>;
  readonly acceptsBarePng: boolean;
}

/** I5: the same row gives the same job id. */
const jobIdOfRow = ({ ids }: Pick<Services, 'ids'>, { batchId, row }: BatchRow): string =>
  ids.jobIdOf(['batch', batchId, String(row)]);

/**
 * @returns `created: false` if the same request under the same key has created this job before
 * @throws ProblemError 400 for an invalid request, 422 for a different request under the same key
 * @throws BatchRefusedError if the guard refuses
 */
export async function createJob(
  services: Services,
  { caller, body, idempotencyKey, jobId: givenId, trace, translate, batch, guard, validated }: NewJob,
): Promise<{ readonly job: Job; readonly created: boolean }> {
  const { clock, ids, jobs, settings, log } = services;
  const now = clock.now();
  const fingerprint = ids.hash(['request', canonicalJson(body)]);
  const causedId = batch ? jobIdOfRow(services, batch) : givenId;
  const jobId =
    causedId ??
    (idempotencyKey === undefined ? ids.newJobId() : ids.jobIdOf(['http', caller, idempotencyKey]));
  const same = (earlier: Job): Job => (causedId === undefined ? sameRequest(earlier, fingerprint) : earlier);
  if (givenId !== undefined || idempotencyKey !== undefined) {
    // Before validation: an accepted request stays accepted, even if its model has been retired since.
    const earlier = await jobs.get(jobId);
    if (earlier) return { job: same(earlier), created: false };
  }
  const compat = await translate?.();
  const { parsed, checked, times } =
    validated ?? (await validateRequest(services, caller, compat ? compat.body : body, compat));
  const request = {
    ...completeRequest(parsed, await storeInputs(services, jobId, checked)),
    ...defined({ deliverTo: compat?.deliverTo, compat: compat?.origin }),
  };
  const price = estimateUsd(services.catalogue, request);
  const { lane } = parsed;
  const first = newJob(
    { jobId, caller, request, fingerprint, estimateUsd: price, lane, trace, batch, ...times },
    { now },
  );
  const made = await jobs.create(first.job, guard);
  if (made === 'refused') throw new BatchRefusedError(`batch ${batch?.batchId} makes no jobs now`);
  if (made === 'exists') {
    const earlier = await jobs.get(jobId);
    if (!earlier) throw new Error(`job ${jobId} exists but cannot be read`);
    return { job: same(earlier), created: false };
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

/**
 * Validates and prices a request without creating a job.
 * @throws ProblemError 400 for an invalid request
 */
export async function estimateJob(
  services: Services,
  caller: string,
  body: unknown,
): Promise<{
  readonly model: string;
  readonly provider: string;
  readonly stages: number;
  readonly priceUsd: number;
}> {
  const { parsed, complete } = await validateRequest(services, caller, body);
  const { model, provider } = parsed.request;
  const stages = stagesOf(complete).length;
  return { model, provider, stages, priceUsd: estimateUsd(services.catalogue, complete) };
}

export type ValidatedRequest = Awaited<ReturnType<typeof validateRequest>>;

/**
 * Validates everything about a request before anything is written: fields, inputs, stages and times. A refusal names every
 * fault. Google's surfaces name those of the body first, as Google does.
 */
export async function validateRequest(
  services: Services,
  caller: string,
  body: unknown,
  compat?: Pick<CompatRequest, 'deliverTo' | 'rules' | 'acceptsBarePng'>,
) {
  const { clock, settings, catalogue, policy } = services;
  const read = readRequest(body, {
    catalogue,
    today: new Date(clock.now()).toISOString().slice(0, 10),
    now: clock.now(),
    allowRetired: settings.allowRetiredModels,
    aliasRetired: settings.aliasRetiredModels,
    restrictedRegion: settings.restrictedRegion,
    // Retired models run only on the simulator, whose videos have fewer pixels than their resolution says.
    scaledDownVideos: settings.scaledDownVideos ?? settings.allowRetiredModels,
    pubsubTopics: settings.pubsubTopics ?? [],
    ...compat?.rules,
  });
  if (compat && read.errors.length > 0) throw invalidRequest(read.errors);
  if (compat?.deliverTo !== undefined && !mayDeliver(services, caller, compat.deliverTo)) {
    const detail =
      `is '${compat.deliverTo}'; this caller may not have videos copied there. ` +
      'An operator can allow the bucket and folder (CLAPPER_DELIVERY_PREFIXES).';
    throw invalidRequest([{ field: 'deliverTo', detail }]);
  }
  const { parsed } = read;
  const { checked, errors } = await lookUp(services, caller, read, compat?.acceptsBarePng);
  // Price, times and limits depend on the lengths of input videos, but not on where input images are stored.
  const { referenceVideos, video, previousJob } = checked;
  const found = { ...NO_INPUTS, referenceVideos, video, previousJob };
  if (parsed && (errors.length === 0 || !compat)) errors.push(...completionErrors(parsed, found, errors));
  if (errors.length > 0 || !parsed) throw invalidRequest(errors);
  const complete = completeRequest(parsed, found);
  const times = jobTimes(parsed.times, complete, { now: clock.now(), policy, catalogue });
  return { parsed, checked, complete, times };
}

/** The inputs, and all faults so far. The known faults of a request do not wait for a bucket that cannot be read now. */
async function lookUp(
  services: Services,
  caller: string,
  read: ReadRequest,
  acceptsBarePng: boolean | undefined,
): Promise<{ readonly checked: CheckedInputs; readonly errors: FieldError[] }> {
  const errors = [...read.errors];
  try {
    return { checked: await checkInputs(services, caller, read, errors, acceptsBarePng), errors };
  } catch (error) {
    if (read.errors.length === 0) throw error;
    throw invalidRequest(read.errors);
  }
}

function sameRequest(job: Job, fingerprint: string): Job {
  if (job.fingerprint === fingerprint) return job;
  throw new ProblemError({
    status: 422,
    code: 'idempotency-key-reused',
    title: 'This Idempotency-Key was used for another request',
    detail: `The key was used for job ${job.jobId} with a different body. Send the same body, or use a new key.`,
  });
}

/** JSON with sorted object keys: equal requests give equal text, whatever the order of their keys. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
