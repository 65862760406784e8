/** `operations.list` of a model on the Developer API: the caller's operations, newest first. */
import { operationNameOf } from '../../core/compat/names.ts';
import type { Job } from '../../core/job/job.ts';
import type { Services } from '../../ports.ts';
import { decodePageToken, encodePageToken } from '../http/page-token.ts';
import { listQueryOf } from './list-query.ts';

const PAGE_SIZES = { fallback: 50, max: 100 } as const;
const JOBS_PER_READ = 100;
/** Limits the reads of one request when most of the caller's jobs are others. A short page has a `nextPageToken`. */
const READS_MAX = 5;

export interface OperationPage {
  readonly jobs: readonly Job[];
  readonly nextPageToken?: string;
}

export async function listOperations(
  { jobs }: Services,
  request: Request,
  caller: string,
  model: string,
): Promise<OperationPage> {
  const { pageSize, pageToken } = listQueryOf(request, PAGE_SIZES);
  const list = JSON.stringify(['operations', caller, model]);
  let after = pageToken === undefined ? undefined : decodePageToken(pageToken, list);
  const page: Job[] = [];
  for (let reads = 0; reads < READS_MAX; reads++) {
    const read = await jobs.list({ caller, pageSize: JOBS_PER_READ, after });
    for (const job of read) {
      if (page.length === pageSize && after)
        return { jobs: page, nextPageToken: encodePageToken(after, list) };
      after = job;
      if (operationNameOf(job)?.startsWith(`models/${model}/operations/`)) page.push(job);
    }
    if (read.length < JOBS_PER_READ || !after) return { jobs: page };
  }
  return { jobs: page, ...(after ? { nextPageToken: encodePageToken(after, list) } : {}) };
}
