/** The Developer API's files: list, metadata and download of the videos of jobs. */

import { permissionDenied } from '../../core/compat/google-error.ts';
import { fileIdOf, type VideoRef, videoOfFile } from '../../core/compat/names.ts';
import type { LandedVideo } from '../../core/job/attempt-record.ts';
import type { JobIn } from '../../core/job/job.ts';
import { invalidRequest, ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { rfc3339 } from '../http/job-view.ts';
import { decodeFileToken, encodeFileToken } from '../http/page-token.ts';
import { answerWithoutLink, linkForRedirect } from '../http/signed-link.ts';
import { maySee, originOf } from './caller.ts';
import { listQueryOf } from './list-query.ts';

const PATH = /^([a-zA-Z0-9-]{1,128})(:download)?$/;

/** @param path `{id}` or `{id}:download` */
export async function fileAnswer(
  services: Services,
  request: Request,
  caller: string,
  path: string,
): Promise<Response> {
  const [, id, download] = PATH.exec(path) ?? [];
  if (id === undefined) throw notAName(path);
  const found = await findFile(services, caller, id);
  if (download === undefined) return Response.json(resourceOf(found, originOf(request)));
  const { ref, job, video } = found;
  const fileName = `${job.jobId}-${ref.index}.mp4`;
  const file = { ...video, fileName, disposition: 'attachment' } as const;
  const answer = answerWithoutLink(request, file);
  if (answer) return answer;
  const location = await linkForRedirect(services, request, file);
  return new Response(null, { status: 302, headers: { location, 'cache-control': 'private, no-store' } });
}

const PAGE_SIZES = { fallback: 10, max: 100 } as const;

/** Lists the videos of the caller's finished jobs, newest job first. */
export async function listFiles(services: Services, request: Request, caller: string): Promise<Response> {
  const { pageSize, pageToken } = listQueryOf(request, PAGE_SIZES);
  const last = pageToken === undefined ? undefined : decodeFileToken(pageToken);
  // A page may end between two videos of one job.
  const cut = last && (await services.jobs.get(last.jobId));
  const jobs = [
    ...(cut && last && cut.caller === caller ? [cut] : []),
    ...(await services.jobs.list({ caller, status: 'succeeded', pageSize: pageSize + 1, after: last })),
  ];
  const files = jobs
    .flatMap((job) =>
      job.status === 'succeeded'
        ? job.videos.map((video, index) => ({ ref: { jobId: job.jobId, index }, job, video }))
        : [],
    )
    .filter(({ ref }) => ref.jobId !== last?.jobId || ref.index > last.index);
  const page = files.slice(0, pageSize);
  const end = page.at(-1);
  return Response.json({
    files: page.map((file) => resourceOf(file, originOf(request))),
    ...(end && files.length > pageSize
      ? { nextPageToken: encodeFileToken({ ...end.ref, createdAt: end.job.createdAt }) }
      : {}),
  });
}

/**
 * Refuses to delete a file. It is the video of a job, in the operator's bucket, whose lifecycle deletes it. A refusal
 * is better than a reply of success with the video still there.
 */
export async function deleteFile(services: Services, caller: string, id: string): Promise<never> {
  if (!PATH.test(id) || id.includes(':')) throw notAName(id);
  await findFile(services, caller, id);
  throw new ProblemError({
    status: 501,
    code: 'not-implemented',
    title: 'Files are not deleted here',
    detail:
      `files/${id} was not deleted: it is a video in this deployment's bucket, which keeps videos for as long as its ` +
      'lifecycle says.',
  });
}

const notAName = (path: string): ProblemError =>
  invalidRequest([{ field: 'name', detail: `'files/${path}' is not the name of a file.` }]);

interface FoundFile {
  readonly ref: VideoRef;
  readonly job: JobIn<'succeeded'>;
  readonly video: LandedVideo;
}

/** @throws ProblemError 403, like Google: the answer does not reveal whether another caller's file exists */
async function findFile(services: Services, caller: string, id: string): Promise<FoundFile> {
  const ref = videoOfFile(id);
  const job = ref && (await services.jobs.get(ref.jobId));
  const isReadable = ref && job?.status === 'succeeded' && maySee(services, caller, job);
  const video = isReadable ? job.videos[ref.index] : undefined;
  if (!isReadable || !video)
    throw permissionDenied(`You do not have permission to access the File ${id} or it may not exist.`);
  return { ref, job, video };
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
