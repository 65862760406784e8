/** The routes of batches. */
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import type { Batch } from '../../core/batch/batch.ts';
import { batchWakeOf } from '../../core/batch/batch.ts';
import { callerOf } from '../../core/batch/schedules.ts';
import { invalidRequest, notFound, ProblemError } from '../../core/problem.ts';
import { shown } from '../../core/shown.ts';
import type { Services } from '../../ports.ts';
import { handleBatch } from '../batch/batch.ts';
import { controlBatch } from '../batch/control-batch.ts';
import { createBatch } from '../batch/create-batch.ts';
import { withUncountedJobs } from '../batch/uncounted-rows.ts';
import { batchView, fullBatchView } from '../http/batch-view.ts';
import { listedCaller } from '../http/caller-scope.ts';
import { idempotencyKeyOf } from '../http/idempotency-key.ts';
import { readJson } from '../http/json-body.ts';
import { decodePageToken, encodePageToken } from '../http/page-token.ts';
import { parseAs, queryWords } from '../http/parse-as.ts';
import { answerWithLink } from '../http/signed-link.ts';
import { traceOf } from '../http/trace.ts';
import { tryToAnnounce } from '../job/announce.ts';

const BATCH_ID = /^bat_[a-z2-7]{26}$/;
/** An inline dry run takes three or four steps: open, one chunk, the report. */
const STEPS_MAX = 10;

const listQuerySchema = z.strictObject({
  caller: z.string().min(1).optional(),
  pageSize: z.coerce.number().int().min(1).max(200).default(50),
  pageToken: z.string().optional(),
});

const ACTIONS = {
  pause: 'nothing is left to stop.',
  resume: 'it is not paused.',
  cancel: 'it is finished or finishing.',
  retry:
    'only a batch that is running or finished can be retried, once its finished event has been published and while its ' +
    'jobs are kept.',
} as const;

export function addBatchRoutes(app: Hono, services: Services): void {
  app.post('/v1/batches', async (c) => {
    const { headers } = c.req.raw;
    const caller = await services.callers.verify(headers);
    const key = idempotencyKeyOf(c.req.header('idempotency-key'));
    const body = await readJson(c.req.raw);
    const cause = key === undefined ? undefined : ['http', caller, key];
    const { batch, created } = await createBatch(services, { caller, body, cause, trace: traceOf(headers) });
    c.header('location', `/v1/batches/${batch.batchId}`);
    const { source, settings } = batch;
    const answered = source.isInline && settings.dryRun ? await runNow(services, batch) : batch;
    const counted = await withUncountedJobs(services, answered);
    return c.json(await fullBatchView(services, counted), created ? 201 : 200);
  });

  app.get('/v1/batches', async (c) => {
    const caller = await services.callers.verify(c.req.raw.headers);
    const query = parseAs(listQuerySchema, c.req.query(), queryWords('batches'));
    const { pageSize, pageToken } = query;
    const listed = listedBatches(services, caller, query.caller);
    const list = JSON.stringify(['batches', listed.caller, listed.callers]);
    const position = pageToken === undefined ? undefined : decodePageToken(pageToken, list);
    const after = position && { createdAt: position.createdAt, batchId: position.jobId };
    const found = await services.batches.list({ ...listed, pageSize: pageSize + 1, after });
    const page = found.slice(0, pageSize);
    const counted = await Promise.all(page.map((batch) => withUncountedJobs(services, batch)));
    const last = page.at(-1);
    const more = found.length > pageSize && last;
    return c.json({
      batches: counted.map(batchView),
      ...(more
        ? { nextPageToken: encodePageToken({ createdAt: last.createdAt, jobId: last.batchId }, list) }
        : {}),
    });
  });

  app.get('/v1/batches/:id', async (c) => {
    const batch = await withUncountedJobs(services, await ownBatch(services, c));
    return c.json(await fullBatchView(services, batch));
  });

  for (const type of ['pause', 'resume', 'cancel', 'retry'] as const) {
    app.post(`/v1/batches/:id/${type}`, async (c) => {
      const batch = await ownBatch(services, c);
      // A retry replaces the batch's end, so that end has to be published first.
      if (type === 'retry') {
        await checkFailures(services, batch);
        await tryToAnnounce(services, batch);
      }
      const advanced = await controlBatch(services, batch.batchId, type);
      const after = advanced?.batch ?? batch;
      // A repeated request succeeds without effect.
      if (advanced?.isSaved || isDoneAlready(after, type))
        return c.json(await fullBatchView(services, after));
      throw new ProblemError({
        status: 409,
        code: `cannot-${type}`,
        title: `The batch cannot be ${PARTICIPLES[type]}`,
        detail: `Batch ${batch.batchId} is ${after.status}: ${ACTIONS[type]}`,
      });
    });
  }

  app.get('/v1/batches/:id/report', async (c) => {
    const batch = await ownBatch(services, c);
    if (!('report' in batch))
      throw notFound(`Batch ${batch.batchId} has no report yet: it is ${batch.status}.`);
    const format = z.enum(['csv', 'jsonl']).default('csv').safeParse(c.req.query('format'));
    if (!format.success)
      throw invalidRequest([
        { field: 'format', detail: `is ${shown(c.req.query('format'))}; it must be csv or jsonl.` },
      ]);
    const name = batch.report[format.data];
    const object = (await services.results.list(name)).find((each) => each.name === name);
    if (!object)
      throw notFound(`The report of batch ${batch.batchId}, ${name}, is no longer in the output bucket.`);
    const fileName = `${batch.batchId}-${name.slice(name.lastIndexOf('/') + 1)}`;
    return answerWithLink(services, c.req.raw, { ...object, fileName, disposition: 'attachment' });
  });
}

/** Operators get the batches of schedules with their own: nobody else sees those of a schedule without a `caller`. */
function listedBatches(
  services: Services,
  caller: string,
  requested: string | undefined,
): { readonly caller?: string | undefined; readonly callers?: readonly string[] } {
  const { settings, schedules } = services;
  const listed = listedCaller(services, caller, requested);
  if (requested !== undefined || !schedules || !settings.operators.includes(caller))
    return { caller: listed };
  const ofSchedules = Object.entries(schedules.schedules).map(([id, schedule]) => callerOf(id, schedule));
  return { callers: [...new Set([caller, ...ofSchedules])].sort() };
}

const PARTICIPLES = { pause: 'paused', resume: 'resumed', cancel: 'cancelled', retry: 'retried' } as const;

const isDoneAlready = ({ status }: Batch, type: keyof typeof PARTICIPLES): boolean =>
  (type === 'pause' && status === 'paused') ||
  (type === 'resume' && (status === 'expanding' || status === 'running' || status === 'retrying')) ||
  (type === 'cancel' && (status === 'cancelling' || status === 'cancelled')) ||
  (type === 'retry' && status === 'retrying');

/** @throws ProblemError 409 if no job of the batch has failed */
async function checkFailures(
  { jobs }: Services,
  { batchId, status, settings, totals }: Batch,
): Promise<void> {
  if (status === 'retrying' || (await jobs.countOfBatch(batchId, ['failed'])) > 0) return;
  const why = settings.dryRun ? 'it is a dry run, which makes no jobs' : 'none of its jobs has failed';
  const invalid =
    totals.faults === 0
      ? ''
      : ` Its ${totals.faults} invalid rows made no jobs: send them, corrected, as a new batch.`;
  throw new ProblemError({
    status: 409,
    code: 'nothing-to-retry',
    title: 'The batch cannot be retried',
    detail: `Batch ${batchId} has nothing to retry: ${why}.${invalid}`,
  });
}

/** Returns the caller's batch, or any batch for an operator. Another caller's batch is reported as missing. */
async function ownBatch(services: Services, c: Context<object, '/v1/batches/:id'>): Promise<Batch> {
  const caller = await services.callers.verify(c.req.raw.headers);
  const id = c.req.param('id');
  if (!BATCH_ID.test(id))
    throw notFound(`'${id}' is not a batch id; a batch id is bat_ and 26 letters or digits.`);
  const batch = await services.batches.get(id);
  const mayRead = batch?.caller === caller || services.settings.operators.includes(caller);
  if (!batch || !mayRead) throw notFound(`Batch ${id} does not exist.`);
  return batch;
}

/** Runs the batch's steps within the request. Its tasks then find them done. */
async function runNow(services: Services, batch: Batch): Promise<Batch> {
  let latest = batch;
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    const wake = batchWakeOf(latest);
    if (!wake) break;
    await handleBatch(services, { batchId: batch.batchId, seq: wake.seq });
    latest = (await services.batches.get(batch.batchId)) ?? latest;
  }
  return latest;
}
