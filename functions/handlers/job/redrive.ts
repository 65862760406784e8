/** Retries failed jobs in bulk, a page per call. Skips and lists jobs that may be charged twice. Safe to repeat. */
import { z } from 'zod';
import { ERROR_CODES, isErrorCode } from '../../core/job/error-codes.ts';
import type { Job, JobIn } from '../../core/job/job.ts';
import { doubleChargeRisk } from '../../core/job/retry.ts';
import { didYouMean } from '../../core/near-miss.ts';
import { invalidRequest } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { decodePageToken, encodePageToken } from '../http/page-token.ts';
import { parseAs } from '../http/parse-as.ts';
import { recoverLostAttempt } from './claim-notes.ts';
import { retry, retryIdOf } from './retry-job.ts';

const redriveSchema = z.strictObject({
  /** Only jobs with this error code. */
  errorCode: z
    .string()
    .refine(isErrorCode, {
      error: ({ input }) => {
        const codes = Object.keys(ERROR_CODES);
        const meant = didYouMean(String(input), codes).replace(/\?$/, '');
        return `is not an error code${meant}; the codes are ${codes.join(', ')} and PROVIDER_ERROR_n`;
      },
    })
    .optional(),
  caller: z.string().optional(),
  model: z.string().optional(),
  /** Only jobs created at or after this time. */
  createdAfter: z.iso.datetime({ offset: true }).optional(),
  /** Required without a filter, so that an empty body does not retry every failed job. */
  all: z.boolean().default(false),
  acceptDoubleCharge: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  pageSize: z.int().min(1).max(200).default(100),
  pageToken: z.string().optional(),
});

const REDRIVE_WORDS = {
  what: 'a redrive',
  example: '{"errorCode": "PROVIDER_UNAVAILABLE", "dryRun": true}',
  examples: { createdAfter: '2026-11-21T18:00:00Z', pageSize: 100 },
};

export interface RedriveReport {
  /** The failed jobs and their retries. With `dryRun` the retries are not created. */
  readonly retried: readonly { readonly job: string; readonly retry: string }[];
  /** The jobs that were skipped, with the reason. */
  readonly left: readonly { readonly job: string; readonly why: string }[];
  readonly nextPageToken?: string;
}

/** @throws ProblemError 400 */
export async function redrive(services: Services, body: unknown): Promise<RedriveReport> {
  const { pageToken, pageSize, caller, model, createdAfter, all, ...options } = parseAs(
    redriveSchema,
    body,
    REDRIVE_WORDS,
  );
  const hasFilter = [options.errorCode, caller, model, createdAfter].some((filter) => filter !== undefined);
  // A page token stands for the filters, and for the `all`, of the first page. A dry run retries nothing.
  const isOfAll = !hasFilter && (all || !options.dryRun);
  if (isOfAll && !all && pageToken === undefined) {
    const detail =
      'is required without errorCode, caller, model or createdAfter; send {"all": true} to retry every failed job.';
    throw invalidRequest([{ field: 'all', detail }]);
  }
  const list = JSON.stringify(['redrive', caller, model, ...(isOfAll ? ['all'] : [])]);
  const after = pageToken === undefined ? undefined : decodePageToken(pageToken, list);
  const page = await services.jobs.list({ caller, model, status: 'failed', pageSize, after });
  const since = createdAfter === undefined ? 0 : Date.parse(createdAfter);
  const wanted = page.filter((job) => job.status === 'failed').filter((job) => job.createdAt >= since);
  const retried: { job: string; retry: string }[] = [];
  const left: { job: string; why: string }[] = [];
  for (const job of wanted) {
    if (options.errorCode !== undefined && job.error.code !== options.errorCode) continue;
    const why = await skipReason(services, job, options);
    if (why !== undefined) left.push({ job: job.jobId, why });
    else retried.push({ job: job.jobId, retry: await retryOne(services, job, options) });
  }
  const last = page.at(-1);
  const more = last && page.length === pageSize && last.createdAt >= since;
  return { retried, left, ...(more ? { nextPageToken: encodePageToken(last, list) } : {}) };
}

async function skipReason(
  services: Services,
  job: JobIn<'failed'>,
  { acceptDoubleCharge, dryRun }: { readonly acceptDoubleCharge: boolean; readonly dryRun: boolean },
): Promise<string | undefined> {
  const { retriedBy = retryIdOf(services, job.jobId) } = job;
  if (job.retriedBy !== undefined || (await services.jobs.get(retriedBy)))
    return `was already retried as ${retriedBy}`;
  if (acceptDoubleCharge) return undefined;
  if (!dryRun && (await recoverLostAttempt(services, job)))
    return 'was paid for after the copy of the restored database; the attempt is followed now';
  return doubleChargeRisk(job);
}

async function retryOne(
  services: Services,
  job: Job,
  { acceptDoubleCharge, dryRun }: { readonly acceptDoubleCharge: boolean; readonly dryRun: boolean },
): Promise<string> {
  if (dryRun) return retryIdOf(services, job.jobId);
  return (await retry(services, job, { acceptDoubleCharge })).job.jobId;
}
