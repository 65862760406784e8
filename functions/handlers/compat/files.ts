/** The Developer API's files: metadata and download of a job's videos. */

import { permissionDenied } from '../../core/compat/google-error.ts';
import { fileIdOf, type VideoRef, videoOfFile } from '../../core/compat/names.ts';
import type { LandedVideo } from '../../core/job/attempt-record.ts';
import type { JobIn } from '../../core/job/job.ts';
import { invalidRequest } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { rfc3339 } from '../http/job-view.ts';
import { answerWithoutLink, linkForRedirect } from '../http/signed-link.ts';
import { maySee, originOf } from './caller.ts';

const PATH = /^([a-zA-Z0-9-]{1,128})(:download)?$/;

/** @param path `{id}` or `{id}:download` */
export async function fileAnswer(
  services: Services,
  request: Request,
  caller: string,
  path: string,
): Promise<Response> {
  const [, id, download] = PATH.exec(path) ?? [];
  if (id === undefined) {
    throw invalidRequest([{ field: 'name', detail: `'files/${path}' is not the name of a file.` }]);
  }
  const found = await findFile(services, caller, id);
  // Like Google: the answer does not reveal whether another caller's file exists.
  if (!found)
    throw permissionDenied(`You do not have permission to access the File ${id} or it may not exist.`);
  if (download === undefined) return Response.json(resourceOf(found, originOf(request)));
  const { ref, job, video } = found;
  const fileName = `${job.jobId}-${ref.index}.mp4`;
  const file = { ...video, fileName, disposition: 'attachment' } as const;
  const answer = answerWithoutLink(request, file);
  if (answer) return answer;
  const location = await linkForRedirect(services, request, file);
  return new Response(null, { status: 302, headers: { location, 'cache-control': 'private, no-store' } });
}

interface FoundFile {
  readonly ref: VideoRef;
  readonly job: JobIn<'succeeded'>;
  readonly video: LandedVideo;
}

async function findFile(services: Services, caller: string, id: string): Promise<FoundFile | undefined> {
  const ref = videoOfFile(id);
  const job = ref && (await services.jobs.get(ref.jobId));
  if (!ref || job?.status !== 'succeeded' || !maySee(services, caller, job)) return undefined;
  const video = job.videos[ref.index];
  return video && { ref, job, video };
}

function resourceOf({ ref, job, video }: FoundFile, origin: string): Record<string, unknown> {
  const uri = `${origin}/v1beta/files/${fileIdOf(ref)}`;
  return {
    name: `files/${fileIdOf(ref)}`,
    mimeType: video.contentType,
    // int64, which protobuf JSON writes as a string.
    sizeBytes: String(video.bytes),
    createTime: rfc3339(job.finishedAt),
    updateTime: rfc3339(job.finishedAt),
    uri,
    downloadUri: `${uri}:download?alt=media`,
    state: 'ACTIVE',
    source: 'GENERATED',
    ...(video.durationSeconds === undefined
      ? {}
      : { videoMetadata: { videoDuration: `${video.durationSeconds}s` } }),
  };
}
