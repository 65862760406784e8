/** `:predictLongRunning` of either surface: a request in Google's shape becomes a job like any other. */
import { videoModelFor } from '../../core/compat/models.ts';
import { jobIdOfOutput, operationNameOf } from '../../core/compat/names.ts';
import { type AskedVideo, requestOfGoogle } from '../../core/compat/request-of-google.ts';
import type { CompatOrigin } from '../../core/job/video-request.ts';
import { decodeBase64 } from '../../core/media/image.ts';
import { invalidRequest } from '../../core/problem.ts';
import type { RequestRules } from '../../core/request/request-model.ts';
import type { Services } from '../../ports.ts';
import { idempotencyKeyOf } from '../http/idempotency-key.ts';
import { parseJson, readBytes } from '../http/json-body.ts';
import { traceOf } from '../http/trace.ts';
import { createJob, type ForeignRequest } from '../job/create-job.ts';
import { callerFolder } from '../job/inputs.ts';

export type Target = Pick<CompatOrigin, 'surface' | 'model' | 'parent'>;

/**
 * @returns the name of the operation
 * @throws ProblemError 400 for a request that is not valid, 404 for a model that is not there
 */
export async function acceptPrediction(
  services: Services,
  request: Request,
  caller: string,
  target: Target,
): Promise<string> {
  const idempotencyKey = idempotencyKeyOf(request.headers.get('idempotency-key') ?? undefined);
  // Google reads JSON whatever the type says; curl's own is that of a form.
  const source = parseJson(await readBytes(request));
  const { job, created } = await createJob(services, {
    caller,
    body: { target, source },
    idempotencyKey,
    trace: traceOf(request.headers),
    translate: () => translate(services, caller, target, source),
  });
  const changes = job.request.compat?.changes ?? [];
  if (created && changes.length > 0)
    services.log('INFO', `job ${job.jobId}: runs otherwise than asked: ${changes.join(' ')}`, {
      job: job.jobId,
    });
  const name = operationNameOf(job);
  // The key was used for a job of our own API, and its fingerprint agrees: that cannot be.
  if (name === undefined) throw new Error(`job ${job.jobId} has no operation`);
  return name;
}

async function translate(
  services: Services,
  caller: string,
  target: Target,
  source: unknown,
): Promise<ForeignRequest> {
  const rules = compatRules(services);
  const running = videoModelFor(target.model, target.surface, rules);
  const mapped = requestOfGoogle(source, { ...target, running });
  const video = mapped.video && (await videoOf(services, caller, mapped.video));
  return {
    body: { ...mapped.body, ...(video ? { video } : {}) },
    origin: { ...target, changes: [...mapped.changes] },
    deliverTo: mapped.deliverTo,
    rules,
    // Google judges pictures itself, and refuses without a charge what it cannot read.
    pictures: 'kind',
  };
}

/** A retired model runs on its successor here, unless configuration says otherwise. */
export function compatRules({ catalogue, clock, settings }: Services): RequestRules {
  const aliasRetired = settings.compatAliases ?? true;
  return {
    catalogue,
    today: new Date(clock.now()).toISOString().slice(0, 10),
    allowRetired: settings.allowRetiredModels && !aliasRetired,
    aliasRetired,
    restrictedRegion: settings.restrictedRegion,
    pubsubTopics: settings.pubsubTopics ?? [],
  };
}

/** The video as our own requests name it: one of the caller's jobs, or an object in a bucket. */
async function videoOf(services: Services, caller: string, video: AskedVideo): Promise<object> {
  switch (video.kind) {
    case 'file':
      return { job: video.jobId, index: video.index };
    case 'object':
      return (await ownVideo(services, caller, video.gcsUri)) ?? { gcsUri: video.gcsUri };
    case 'bytes':
      return { gcsUri: await storeVideo(services, caller, video.bytesBase64Encoded) };
  }
}

/** A name that one of the caller's jobs has given out means that job's video. */
async function ownVideo(
  { jobs, results }: Services,
  caller: string,
  gcsUri: string,
): Promise<object | undefined> {
  const jobId = jobIdOfOutput(gcsUri, results.bucket);
  const job = jobId === undefined ? undefined : await jobs.get(jobId);
  if (job?.status !== 'succeeded' || job.caller !== caller) return undefined;
  const index = job.videos.findIndex(({ uri, deliveredUri }) => uri === gcsUri || deliveredUri === gcsUri);
  return index < 0 ? undefined : { job: job.jobId, index };
}

/** In the caller's own folder, by its content: a program that sends the same video again puts it there once. */
async function storeVideo(services: Services, caller: string, text: string): Promise<string> {
  const bytes = decodeBase64(text);
  if (!bytes || bytes.length === 0) {
    throw invalidRequest([{ field: 'instances[0].video.bytesBase64Encoded', detail: 'is not base64.' }]);
  }
  const name = `${callerFolder(services, caller)}videos/${services.ids.hash(['video', text])}.mp4`;
  return services.inputs.putOnce(name, 'video/mp4', bytes);
}
