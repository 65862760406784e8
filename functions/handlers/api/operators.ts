/** Routes for operators: list money at stake, resolve attempts with an unknown outcome, redrive failed jobs. */
import type { Hono } from 'hono';
import { z } from 'zod';
import { atStakeUsd, unknownAttempts } from '../../core/job/at-stake.ts';
import type { Ruling } from '../../core/job/attempt.ts';
import type { OperationRef } from '../../core/job/attempt-record.ts';
import { type Job, liveAttemptOf } from '../../core/job/job.ts';
import { stageOf } from '../../core/job/stages.ts';
import { invalidRequest, notFound, ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { operatorOf } from '../http/caller-scope.ts';
import { type JobView, rfc3339 } from '../http/job-view.ts';
import { readJson } from '../http/json-body.ts';
import { decodeStakeToken, encodeStakeToken } from '../http/page-token.ts';
import { parseAs, queryWords } from '../http/parse-as.ts';
import { advanceAndPerform } from '../job/advance.ts';
import { redrive } from '../job/redrive.ts';

const atStakeQuerySchema = z.strictObject({
  pageSize: z.coerce.number().int().min(1).max(200).default(50),
  pageToken: z.string().optional(),
});

export function addOperatorRoutes(app: Hono, services: Services, view: (job: Job) => JobView): void {
  app.get('/v1/at-stake', async (c) => {
    await operatorOf(services, c.req.raw.headers);
    const { pageSize, pageToken } = parseAs(atStakeQuerySchema, c.req.query(), queryWords('at-stake'));
    const after = pageToken === undefined ? undefined : decodeStakeToken(pageToken);
    const [found, total] = await Promise.all([
      services.jobs.atStake({ pageSize: pageSize + 1, after }),
      services.jobs.totalAtStakeUsd(),
    ]);
    const page = found.slice(0, pageSize);
    const last = page.at(-1);
    const next = { jobId: last?.jobId ?? '', atStakeUsd: last ? atStakeUsd(last) : 0 };
    return c.json({
      ...atStakeView(page, total),
      ...(found.length > pageSize ? { nextPageToken: encodeStakeToken(next) } : {}),
    });
  });

  app.post('/v1/jobs/:jobId/resolve', async (c) => {
    const by = await operatorOf(services, c.req.raw.headers);
    const jobId = c.req.param('jobId');
    const job = await services.jobs.get(jobId);
    if (!job) throw notFound(`Job ${jobId} does not exist.`);
    const ruling = rulingOf(job, by, await readJson(c.req.raw));
    const resolved = await advanceAndPerform(services, jobId, { type: 'resolve', ruling });
    if (resolved.kind !== 'saved') throw conflict(job, ruling);
    services.log(
      'NOTICE',
      `job ${jobId}: attempt ${ruling.attemptId} resolved as ${ruling.decision} by ${by}`,
      {
        job: jobId,
        attempt: ruling.attemptId,
        decision: ruling.decision,
        operator: by,
        note: ruling.note,
      },
    );
    return c.json(view(resolved.job));
  });

  app.post('/v1/redrives', async (c) => {
    await operatorOf(services, c.req.raw.headers);
    return c.json(await redrive(services, await readJson(c.req.raw)));
  });
}

/** `atStakeUsd`: the most that may have been charged with an unknown outcome, over all jobs, not only this page. */
function atStakeView(jobs: readonly Job[], totalUsd: number) {
  return {
    atStakeUsd: totalUsd,
    attempts: jobs.flatMap((job) =>
      unknownAttempts(job).map((attempt) => ({
        job: job.jobId,
        caller: job.caller,
        status: job.status,
        attempt: attempt.attemptId,
        model: job.request.model,
        atStakeUsd: attempt.reservedUsd,
        submittedAt: rfc3339(attempt.submittedAt),
        outputPrefix: attempt.outputPrefix,
        ...(attempt.state === 'uncertain'
          ? { state: attempt.state, cause: attempt.cause, decidesAt: rfc3339(attempt.decideAt) }
          : { state: attempt.outcome, cause: attempt.error?.message ?? '' }),
        ...(attempt.operation ? { operationName: attempt.operation.name } : {}),
      })),
    ),
  };
}

const rulingSchema = z.strictObject({
  decision: z.enum(['not-charged', 'charged', 'fail', 'resubmit', 'found']),
  attempt: z.string().optional(),
  operationName: z.string().min(1).max(1000).optional(),
  note: z.string().max(2000).optional(),
});

const RULING_WORDS = {
  what: 'a decision',
  example: '{"decision": "not-charged"}',
  examples: { attempt: 'att_aaaaaaaaaaaaaaaaaaaaaaaaaa', note: 'no line on the bill' },
};

/** @throws ProblemError 400 */
function rulingOf(job: Job, by: string, body: unknown): Ruling {
  const { decision, attempt, operationName, note } = parseAs(rulingSchema, body, RULING_WORDS);
  const open = unknownAttempts(job);
  const [first] = open;
  const chosen = attempt === undefined ? first : open.find(({ attemptId }) => attemptId === attempt);
  if (!chosen || (attempt === undefined && open.length > 1)) {
    const ids = open.map(({ attemptId }) => attemptId).join(', ');
    const detail =
      ids === ''
        ? 'cannot be resolved: no attempt of this job has an unknown outcome.'
        : `has to be one of ${ids}.`;
    throw invalidRequest([{ field: 'attempt', detail }]);
  }
  if (decision !== 'found') return { attemptId: chosen.attemptId, by, note, decision };
  if (operationName === undefined) {
    throw invalidRequest([{ field: 'operationName', detail: "is required if the decision is 'found'." }]);
  }
  const { provider, model } = stageOf(job, chosen);
  const operation: OperationRef = { provider, name: operationName, model, location: chosen.location };
  return { attemptId: chosen.attemptId, by, note, decision, operation };
}

function conflict(job: Job, { attemptId, decision }: Ruling): ProblemError {
  const live = liveAttemptOf(job)?.attemptId === attemptId;
  return new ProblemError({
    status: 409,
    code: 'cannot-resolve',
    title: 'The attempt cannot be resolved',
    detail: live
      ? `Job ${job.jobId} is ${job.status}: '${decision}' does not apply to its attempt ${attemptId}.`
      : `Attempt ${attemptId} has ended, so the decision has to be 'charged' or 'not-charged'. ` +
        `To run the job again: POST /v1/jobs/${job.jobId}/retry.`,
  });
}
