/**
 * Landing: collects the videos of a finished operation under the attempt's prefix of the output bucket and records
 * them.
 *
 * The listing of the prefix is the source of truth. Some providers write there themselves. For the others each video is
 * streamed there first, into an object that must not exist yet, so that a repeated landing keeps objects that an
 * earlier one stored.
 */

import { deliveryUriOf } from '../../core/compat/names.ts';
import { defined } from '../../core/defined.ts';
import type { AttemptEvent } from '../../core/job/attempt.ts';
import type { AttemptIn, LandedVideo } from '../../core/job/attempt-record.ts';
import { classifyDownloadFailure } from '../../core/job/errors.ts';
import { isTerminal, type Job } from '../../core/job/job.ts';
import { type Stage, stageIndexOf, stageOf, stagesOf } from '../../core/job/stages.ts';
import { mp4DurationSeconds } from '../../core/media/mp4.ts';
import type { Services, StoredObject, VideoProvider } from '../../ports.ts';
import { logFields } from './advance.ts';

export async function land(
  services: Services,
  job: Job,
  attempt: AttemptIn<'landing'>,
): Promise<AttemptEvent> {
  const stage = stageOf(job, attempt);
  const provider = services.providers[stage.provider];
  try {
    const failure =
      stage.kind !== 'image' && provider?.delivers === 'download'
        ? await fetchAll(services, provider, attempt)
        : undefined;
    if (failure) return failure;
    const objects = outputsAmong(await services.results.list(attempt.outputPrefix), stage);
    const promised = attempt.result.sources.length;
    if (objects.length === 0 || objects.length < promised) {
      const message = `The operation reported ${promised} videos; ${objects.length} are under ${attempt.outputPrefix}.`;
      // Listings are consistent: if the operation reported no video, none will appear later.
      return { type: 'landingFailed', message, final: promised === 0 };
    }
    const videos: LandedVideo[] = [];
    for (const object of objects) videos.push(await describe(services, object));
    return { type: 'landed', videos: await deliver(services, job, videos) };
  } catch (error) {
    services.log('WARNING', `job ${job.jobId}: landing failed; the next poll tries again`, {
      ...logFields(job),
      error: String(error),
    });
    return { type: 'landingFailed', message: String(error), final: false };
  }
}

/** Copies the last stage's videos to the request's target, unless the job has already ended (cancelled, overdue). */
async function deliver({ results }: Services, job: Job, videos: LandedVideo[]): Promise<LandedVideo[]> {
  const { deliverTo } = job.request;
  const isLast = stageIndexOf(job) === stagesOf(job.request).length - 1;
  if (deliverTo === undefined || !isLast || isTerminal(job)) return videos;
  const delivered: LandedVideo[] = [];
  for (const [index, video] of videos.entries()) {
    const deliveredUri = deliveryUriOf(deliverTo, job.jobId, index);
    await results.copyTo(video, deliveredUri);
    delivered.push({ ...video, deliveredUri });
  }
  return delivered;
}

/** Copies that failed verification and were renamed by the result store. */
const DAMAGED = /\.damaged-\d+$/;

/** Selects the objects that a stage of this kind produces; other objects under the prefix are not results. */
export function outputsAmong(objects: readonly StoredObject[], { kind }: Stage): StoredObject[] {
  const wanted =
    kind === 'image' ? { type: 'image/', name: /\.(?:png|jpe?g)$/ } : { type: 'video/', name: /\.mp4$/ };
  return objects.filter(
    ({ contentType, name }) =>
      (contentType.startsWith(wanted.type) || wanted.name.test(name)) && !DAMAGED.test(name),
  );
}

async function fetchAll(
  { results, clock }: Services,
  provider: VideoProvider,
  attempt: AttemptIn<'landing'>,
): Promise<AttemptEvent | undefined> {
  const landed = new Set((await results.list(attempt.outputPrefix)).map(({ name }) => name));
  for (const [index, source] of attempt.result.sources.entries()) {
    const name = `${attempt.outputPrefix}sample_${index}.mp4`;
    if (landed.has(name)) continue;
    const answer = await provider.download(source.uri);
    if (answer.kind === 'failed') {
      const { signal } = answer;
      return {
        type: 'landingFailed',
        message: `${source.uri} could not be downloaded: ${signal.message}`,
        final: classifyDownloadFailure(signal, clock.now() - attempt.doneAt) === 'deleted',
      };
    }
    await results.writeOnce(name, answer.contentType, answer.body);
  }
  return undefined;
}

async function describe({ results }: Services, object: StoredObject): Promise<LandedVideo> {
  const { name, uri, generation, bytes, crc32c, contentType } = object;
  if (contentType.startsWith('image/')) return { uri, generation, bytes, crc32c, contentType };
  const durationSeconds = await mp4DurationSeconds(bytes, (start, end) =>
    results.readRange(name, start, end),
  );
  return {
    uri,
    generation,
    bytes,
    crc32c,
    contentType,
    ...defined({ durationSeconds }),
  };
}
