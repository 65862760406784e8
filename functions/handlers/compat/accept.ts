/** `:predictLongRunning` of both Google APIs: translates a request in Google's format into a job. */
import { videoModelFor } from '../../core/compat/models.ts';
import { jobIdOfOutput, operationNameOf } from '../../core/compat/names.ts';
import { type RequestedVideo, requestOfGoogle } from '../../core/compat/request-of-google.ts';
import { defined } from '../../core/defined.ts';
import type { CompatOrigin } from '../../core/job/video-request.ts';
import { decodeBase64 } from '../../core/media/base64.ts';
import { invalidRequest } from '../../core/problem.ts';
import type { RequestRules } from '../../core/request/request-model.ts';
import type { Services } from '../../ports.ts';
import { idempotencyKeyOf } from '../http/idempotency-key.ts';
import { parseJson, readBytes } from '../http/json-body.ts';
import { traceOf } from '../http/trace.ts';
import { type CompatRequest, createJob } from '../job/create-job.ts';
import { callerFolder } from '../job/inputs.ts';

export type Target = Pick<CompatOrigin, 'surface' | 'model' | 'parent'>;

/**
 * @returns the name of the operation
 * @throws ProblemError 400 for an invalid request, 404 for an unknown model
 */
export async function acceptPrediction(
  services: Services,
  request: Request,
  caller: string,
  target: Target,
): Promise<string> {
  const idempotencyKey = idempotencyKeyOf(request.headers.get('idempotency-key') ?? undefined);
  // Google ignores the Content-Type; curl's default is that of a form.
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
    services.log('INFO', `job ${job.jobId}: runs with changed parameters: ${changes.join(' ')}`, {
      job: job.jobId,
    });
  const name = operationNameOf(job);
  // Unreachable: the fingerprint of a job of Clapper's own API differs, so createJob has already refused the key.
  if (name === undefined) throw new Error(`job ${job.jobId} has no operation`);
  return name;
}

async function translate(
  services: Services,
  caller: string,
  target: Target,
  source: unknown,
): Promise<CompatRequest> {
  const rules = compatRules(services);
  const running = videoModelFor(target.model, target.surface, rules);
  const mapped = requestOfGoogle(source, { ...target, running });
  const video = mapped.video && (await videoOf(services, caller, mapped.video));
  return {
    body: { ...mapped.body, ...defined({ video }) },
    origin: { ...target, changes: [...mapped.changes] },
    deliverTo: mapped.deliverTo,
    rules,
    // The recordings of Google's SDK send one for every image. Google refuses it free of charge.
    acceptsBarePng: true,
  };
}

/** On these routes a retired model runs on its successor, unless CLAPPER_COMPAT_ALIASES is false. */
export function compatRules({ catalogue, clock, settings }: Services): RequestRules {
  const aliasRetired = settings.compatAliases ?? true;
  return {
    catalogue,
    today: new Date(clock.now()).toISOString().slice(0, 10),
    allowRetired: settings.allowRetiredModels && !aliasRetired,
    aliasRetired,
    restrictedRegion: settings.restrictedRegion,
    pubsubTopics: settings.pubsubTopics ?? [],
    isGoogles: true,
  };
}

/** Translates the input video to Clapper's format: a video of one of the caller's jobs, or an object in a bucket. */
async function videoOf(services: Services, caller: string, video: RequestedVideo): Promise<object> {
  switch (video.kind) {
    case 'file':
      return { job: video.jobId, index: video.index };
    case 'object':
      return (await ownVideo(services, caller, video.gcsUri)) ?? { gcsUri: video.gcsUri };
    case 'bytes':
      return { gcsUri: await storeVideo(services, caller, video.bytesBase64Encoded) };
  }
}

/** A URI that one of the caller's jobs returned means that job's video. */
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

/** Stores the video in the caller's own folder, named by content, so that a repeated upload is stored once. */
async function storeVideo(services: Services, caller: string, text: string): Promise<string> {
  const decoded = decodeBase64(text);
  if ('fault' in decoded)
    throw invalidRequest([{ field: 'instances[0].video.bytesBase64Encoded', detail: decoded.fault }]);
  const { bytes } = decoded;
  const content = Buffer.from(bytes).toString('base64');
  const name = `${callerFolder(services, caller)}videos/${services.ids.hash(['video', content])}.mp4`;
  return services.inputs.putOnce(name, 'video/mp4', bytes);
}
