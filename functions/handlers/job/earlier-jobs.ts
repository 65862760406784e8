/** Inputs that a request takes from an earlier job of the same caller: its video, or the Omni operation to continue. */
import { defined } from '../../core/defined.ts';
import type { Job, JobIn } from '../../core/job/job.ts';
import type { PreviousTurn, StoredVideo } from '../../core/job/video-request.ts';
import type { FieldError } from '../../core/problem.ts';
import type { VideoBody } from '../../core/request/request-body.ts';
import type { Services } from '../../ports.ts';

/** Returns the job if it has succeeded. Another caller's job is reported as missing, so that ids reveal nothing. */
async function succeededJob(
  { jobs }: Services,
  caller: string,
  field: string,
  jobId: string,
  errors: FieldError[],
): Promise<JobIn<'succeeded'> | undefined> {
  const job = await jobs.get(jobId);
  if (job?.caller !== caller) {
    errors.push({ field, detail: `Job ${jobId} does not exist.` });
    return undefined;
  }
  if (job.status === 'succeeded') return job;
  const detail = `Job ${jobId} is ${job.status}; only the video of a succeeded job can be used.`;
  errors.push({ field, detail });
  return undefined;
}

export async function earlierVideo(
  services: Services,
  caller: string,
  field: string,
  { job: jobId, index }: Extract<VideoBody, { job: string }>,
  errors: FieldError[],
): Promise<StoredVideo | undefined> {
  const job = await succeededJob(services, caller, `${field}.job`, jobId, errors);
  if (!job) return undefined;
  const video = job.videos[index];
  if (!video) {
    errors.push({
      field: `${field}.index`,
      detail: `is ${index}; job ${jobId} has videos 0 to ${job.videos.length - 1}.`,
    });
    return undefined;
  }
  const sourceUri = job.attempts.at(-1)?.sourceUris?.[index];
  return {
    gcsUri: video.uri,
    mimeType: 'video/mp4',
    ...madeBy(job, index),
    ...defined({ sourceUri }),
  };
}

const madeBy = ({ request, videos }: JobIn<'succeeded'>, index: number) => ({
  durationSeconds: videos[index]?.durationSeconds ?? request.durationSeconds,
  aspectRatio: request.aspectRatio,
  resolution: request.resolution,
});

/** Returns the job's last operation. Only Omni can continue an operation, and only on the backend where it ran. */
export async function previousTurnOf(
  services: Services,
  caller: string,
  jobId: string,
  errors: FieldError[],
): Promise<PreviousTurn | undefined> {
  const field = 'previousJob';
  const job = await succeededJob(services, caller, field, jobId, errors);
  if (!job) return undefined;
  const landed = lastLanded(job);
  const { operation } = landed ?? {};
  const instead = `Use its video instead: {"video": {"job": "${jobId}"}}.`;
  if (operation?.provider !== 'omni') {
    const why =
      job.request.provider === 'omni'
        ? `The operation of job ${jobId} is unknown; only its video was found.`
        : `Job ${jobId} ran on ${job.request.model}; only Omni can continue an earlier job.`;
    errors.push({ field, detail: `${why} ${instead}` });
    return undefined;
  }
  if (!isSameBackend(services, landed?.sourceUris)) {
    const detail = `Job ${jobId} ran on Omni's other backend (Vertex AI or the Developer API), which does not share its operations.`;
    errors.push({ field, detail: `${detail} ${instead}` });
    return undefined;
  }
  return { jobId, operationName: operation.name, ...madeBy(job, 0) };
}

const lastLanded = ({ attempts }: Job) => attempts.findLast(({ outcome }) => outcome === 'landed');

/** Omni writes to our bucket on Vertex and keeps files on the Developer API, so the source URI shows the backend. */
function isSameBackend({ providers }: Services, sourceUris: readonly string[] | undefined): boolean {
  const [uri] = sourceUris ?? [];
  if (uri === undefined || !providers.omni) return true;
  return uri.startsWith('gs://') === (providers.omni.delivers === 'bucket');
}
