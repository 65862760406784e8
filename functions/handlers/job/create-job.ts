/** Accepting a job: parse everything, put inline pictures in the input bucket, store the job, ring its first wake. */
import type { BatchRow, Job } from '../../core/job/job.ts';
import { estimateUsd } from '../../core/job/price.ts';
import { stagesOf } from '../../core/job/stages.ts';
import { newJob } from '../../core/job/step.ts';
import type { CompatOrigin } from '../../core/job/video-request.ts';
import { invalidRequest, ProblemError } from '../../core/problem.ts';
import { jobTimes } from '../../core/request/job-times.ts';
import { completeRequest, parseRequest } from '../../core/request/request.ts';
import type { RequestRules } from '../../core/request/request-model.ts';
import type { Services } from '../../ports.ts';
import { logFields, perform } from './advance.ts';
import { checkInputs, mayDeliver, type PictureDepth, storeInputs } from './inputs.ts';

export interface NewJob {
  readonly caller: string;
  /** The request as it came: what makes it the same one under the same key. */
  readonly body: unknown;
  /** `Idempotency-Key`, when the caller sent one. */
  readonly idempotencyKey?: string | undefined;
  /** The id that follows from its cause (I5), where that is no key: a job that has it is the one. */
  readonly jobId?: string | undefined;
  readonly trace?: string | undefined;
  /** What `body` means, where it is a request of one of Google's own surfaces; asked when it has made no job before. */
  readonly translate?: (() => Promise<ForeignRequest>) | undefined;
  /** The row that it is made of; the id follows from it, and the job is the same however often the row is read (I5). */
  readonly batch?: BatchRow | undefined;
  /** Of {@link validateRequest}, where it was asked before. */
  readonly validated?: ValidatedRequest | undefined;
}

export interface ForeignRequest {
  /** Of our own. */
  readonly body: unknown;
  readonly origin: CompatOrigin;
  /** `gs://bucket/folder/` */
  readonly deliverTo?: string | undefined;
  readonly rules: Pick<RequestRules, 'allowRetired' | 'aliasRetired'>;
  readonly pictures: PictureDepth;
}

/** I5 */
const jobIdOfRow = ({ ids }: Pick<Services, 'ids'>, { batchId, row }: BatchRow): string =>
  ids.jobIdOf(['batch', batchId, String(row)]);

/**
 * @returns `created: false` when the same request under the same key has made this job before
 * @throws ProblemError 400 for a request that is not valid, 422 for another request under the same key
 */
export async function createJob(
  services: Services,
  { caller, body, idempotencyKey, jobId: givenId, trace, translate, batch, validated }: NewJob,
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
    // Before anything is validated: a request that was accepted stays accepted, whatever has been retired since.
    const earlier = await jobs.get(jobId);
    if (earlier) return { job: same(earlier), created: false };
  }
  const foreign = await translate?.();
  const { parsed, checked, times } =
    validated ?? (await validateRequest(services, caller, foreign ? foreign.body : body, foreign));
  const request = {
    ...completeRequest(parsed, await storeInputs(services, jobId, checked)),
    ...(foreign?.deliverTo === undefined ? {} : { deliverTo: foreign.deliverTo }),
    ...(foreign ? { compat: foreign.origin } : {}),
  };
  const price = estimateUsd(services.catalogue, request);
  const { lane } = parsed;
  const first = newJob(
    { jobId, caller, request, fingerprint, estimateUsd: price, lane, trace, batch, ...times },
    { now },
  );
  if ((await jobs.create(first.job)) === 'exists') {
    const earlier = await jobs.get(jobId);
    if (!earlier) throw new Error(`job ${jobId} exists and cannot be read`);
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
 * What a request would cost and what it would be, without making a job of it.
 * @throws ProblemError 400 for a request that is not valid
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

/** Everything that can be known of a request before anything is written: its meaning, its inputs, its chain. */
export async function validateRequest(
  services: Services,
  caller: string,
  body: unknown,
  foreign?: Pick<ForeignRequest, 'deliverTo' | 'rules' | 'pictures'>,
) {
  const { clock, settings, catalogue, policy } = services;
  const parsed = parseRequest(body, {
    catalogue,
    today: new Date(clock.now()).toISOString().slice(0, 10),
    allowRetired: settings.allowRetiredModels,
    aliasRetired: settings.aliasRetiredModels,
    restrictedRegion: settings.restrictedRegion,
    // Only the simulated models run when they are retired.
    scaledDownVideos: settings.allowRetiredModels,
    pubsubTopics: settings.pubsubTopics ?? [],
    ...foreign?.rules,
  });
  if (foreign?.deliverTo !== undefined && !mayDeliver(services, caller, foreign.deliverTo)) {
    const detail =
      `is '${foreign.deliverTo}', where this service does not put videos for this caller; ` +
      'its operator has to allow the bucket and folder (CLAPPER_DELIVERY_PREFIXES).';
    throw invalidRequest([{ field: 'deliverTo', detail }]);
  }
  const checked = await checkInputs(services, caller, parsed.inputs, foreign?.pictures);
  // The places of pictures make no difference to it; the length of a video does.
  const complete = completeRequest(parsed, {
    ...NO_INPUTS,
    video: checked.video,
    previousJob: checked.previousJob,
  });
  const times = jobTimes(parsed.times, complete, { now: clock.now(), policy, catalogue });
  return { parsed, checked, complete, times };
}

const NO_INPUTS = {
  image: undefined,
  lastFrame: undefined,
  referenceImages: [],
  firstFrameImage: undefined,
  video: undefined,
} as const;

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
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
