/** The routes of jobs: create, estimate, list, get, cancel, retry, and links to their videos. */
import type { Hono } from 'hono';
import { z } from 'zod';
import { defined } from '../../core/defined.ts';
import { isTerminal, JOB_STATUSES, type Job, liveAttemptOf } from '../../core/job/job.ts';
import { notFound, ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { listedCaller } from '../http/caller-scope.ts';
import { idempotencyKeyOf } from '../http/idempotency-key.ts';
import type { JobView } from '../http/job-view.ts';
import { readJobRequest, readJsonIfAny } from '../http/json-body.ts';
import { decodePageToken, encodePageToken } from '../http/page-token.ts';
import { parseAs, queryWords } from '../http/parse-as.ts';
import { answerWithLink } from '../http/signed-link.ts';
import { traceOf } from '../http/trace.ts';
import { advanceAndPerform } from '../job/advance.ts';
import { createJob, estimateJob } from '../job/create-job.ts';
import { waitReason } from '../job/fair-dispatch.ts';
import { retry } from '../job/retry-job.ts';

const JOB_ID = /^job_[a-z2-7]{26}$/;
/** Google's load balancers and most clients allow a request to take this long. */
const WAIT_SECONDS_MAX = 60;

const listQuerySchema = z.strictObject({
  status: z.enum(JOB_STATUSES).optional(),
  model: z.string().min(1).optional(),
  /** Another caller, or `*` for all callers: operators only. */
  caller: z.string().min(1).optional(),
  pageSize: z.coerce.number().int().min(1).max(200).default(50),
  pageToken: z.string().optional(),
});

export function addJobRoutes(app: Hono, services: Services, view: (job: Job) => JobView): void {
  app.post('/v1/jobs', async (c) => {
    const caller = await services.callers.verify(c.req.raw.headers);
    const idempotencyKey = idempotencyKeyOf(c.req.header('idempotency-key'));
    const body = await readJobRequest(c.req.raw);
    const trace = traceOf(c.req.raw.headers);
    const { job, created } = await createJob(services, { caller, body, idempotencyKey, trace });
    c.header('location', `/v1/jobs/${job.jobId}`);
    return c.json(view(job), created ? 201 : 200);
  });

  app.post('/v1/estimates', async (c) => {
    const caller = await services.callers.verify(c.req.raw.headers);
    return c.json(await estimateJob(services, caller, await readJobRequest(c.req.raw)));
  });

  app.get('/v1/jobs', async (c) => {
    const caller = await services.callers.verify(c.req.raw.headers);
    const query = parseAs(listQuerySchema, c.req.query(), queryWords('jobs'));
    const { pageToken, pageSize, status, model } = query;
    const listed = listedCaller(services, caller, query.caller);
    const list = JSON.stringify([listed, status, model]);
    const after = pageToken === undefined ? undefined : decodePageToken(pageToken, list);
    const jobs = await services.jobs.list({ caller: listed, status, model, pageSize: pageSize + 1, after });
    const page = jobs.slice(0, pageSize);
    const last = page.at(-1);
    const nextPageToken = jobs.length > pageSize && last ? encodePageToken(last, list) : undefined;
    return c.json({ jobs: page.map(view), ...defined({ nextPageToken }) });
  });

  app.get('/v1/jobs/:jobId', async (c) => {
    const job = await ownJob(services, c.req.raw.headers, c.req.param('jobId'));
    const waitSeconds = waitOf(c.req.header('prefer'));
    if (waitSeconds === undefined) return c.json({ ...view(job), ...(await waitReason(services, job)) });
    const after = await services.jobs.waitFor(job.jobId, isTerminal, waitSeconds * 1000);
    c.header('preference-applied', `wait=${waitSeconds}`);
    return c.json(view(after ?? job));
  });

  app.post('/v1/jobs/:jobId/cancel', async (c) => {
    const job = await ownJob(services, c.req.raw.headers, c.req.param('jobId'));
    const cancelled = await advanceAndPerform(services, job.jobId, { type: 'cancel' });
    const after = cancelled.kind === 'missing' ? job : cancelled.job;
    if (after.status === 'cancelled') return c.json(view(after));
    throw new ProblemError({
      status: 409,
      code: 'already-finished',
      title: 'The job is finished',
      detail: `Job ${job.jobId} is ${after.status}; only an unfinished job can be cancelled.`,
    });
  });

  app.post('/v1/jobs/:jobId/retry', async (c) => {
    const job = await ownJob(services, c.req.raw.headers, c.req.param('jobId'));
    const { acceptDoubleCharge } = await retryBody(c.req.raw);
    const trace = traceOf(c.req.raw.headers);
    const { job: retryJob, created } = await retry(services, job, { acceptDoubleCharge, trace });
    c.header('location', `/v1/jobs/${retryJob.jobId}`);
    return c.json(view(retryJob), created ? 201 : 200);
  });

  app.get('/v1/jobs/:jobId/videos/:n', async (c) => {
    const job = await ownJob(services, c.req.raw.headers, c.req.param('jobId'));
    const n = c.req.param('n');
    if (job.status !== 'succeeded') {
      throw notFound(
        `Job ${job.jobId} has no videos: it is ${job.status}${liveAttemptOf(job) ? ', and an attempt is still running' : ''}.`,
      );
    }
    const video = /^\d{1,3}$/.test(n) ? job.videos[Number(n)] : undefined;
    if (!video)
      throw notFound(`Job ${job.jobId} has no video '${n}'; it has videos 0 to ${job.videos.length - 1}.`);
    const fileName = `${job.jobId}-${Number(n)}.mp4`;
    return answerWithLink(services, c.req.raw, { ...video, fileName, disposition: 'inline' });
  });
}

/** Returns the caller's job, or any job for an operator. Another caller's job is reported as missing. */
async function ownJob(services: Services, headers: Headers, jobId: string): Promise<Job> {
  const caller = await services.callers.verify(headers);
  if (!JOB_ID.test(jobId))
    throw notFound(`'${jobId}' is not a job id; a job id is job_ and 26 letters or digits.`);
  const job = await services.jobs.get(jobId);
  const mayRead = job?.caller === caller || services.settings.operators.includes(caller);
  if (!job || !mayRead) throw notFound(`Job ${jobId} does not exist.`);
  return job;
}

const retryBodySchema = z.strictObject({ acceptDoubleCharge: z.boolean().default(false) });

const RETRY_WORDS = { what: 'a retry', example: '{"acceptDoubleCharge": true}' };

/** Without a body `acceptDoubleCharge` is false. */
async function retryBody(request: Request): Promise<z.infer<typeof retryBodySchema>> {
  return parseAs(retryBodySchema, (await readJsonIfAny(request)) ?? {}, RETRY_WORDS);
}

/** Parses RFC 7240 `Prefer: wait=n`; other preferences are ignored. */
function waitOf(prefer: string | undefined): number | undefined {
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?(?:$|[,;\s])/.exec(prefer ?? '') ?? [];
  return seconds === undefined ? undefined : Math.min(Number(seconds), WAIT_SECONDS_MAX);
}
