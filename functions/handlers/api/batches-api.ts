/** The routes of batches. */
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import type { Batch } from '../../core/batch/batch.ts';
import { batchWakeOf } from '../../core/batch/batch.ts';
import { invalidRequest, notFound, ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { advanceBatch, handleBatch } from '../batch/batch.ts';
import { createBatch } from '../batch/create-batch.ts';
import { batchView, fullBatchView } from '../http/batch-view.ts';
import { idempotencyKeyOf, listedCaller } from '../http/caller-scope.ts';
import { readJson } from '../http/json-body.ts';
import { decodePageToken, encodePageToken } from '../http/page-token.ts';
import { traceOf } from '../http/trace.ts';
import { tryToAnnounce } from '../job/announce.ts';

const BATCH_ID = /^bat_[a-z2-7]{26}$/;
/** Opening, one chunk, its report: an inline dry run takes three or four. */
const STEPS_MAX = 10;

const listQuerySchema = z.strictObject({
  caller: z.string().min(1).optional(),
  pageSize: z.coerce.number().int().min(1).max(200).default(50),
  pageToken: z.string().optional(),
});

const ACTIONS = {
  pause: 'rows are no longer read; a pause stops admission, and jobs that are admitted go on.',
  resume: 'it is not paused.',
  cancel: 'it is finished, or about to be.',
  retry:
    'only failed jobs of a batch that is through can be retried, once its end has been published and while its jobs are kept.',
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
    return c.json(await fullBatchView(services, answered), created ? 201 : 200);
  });

  app.get('/v1/batches', async (c) => {
    const caller = await services.callers.verify(c.req.raw.headers);
    const parsed = listQuerySchema.safeParse(c.req.query());
    if (!parsed.success) {
      const wrong = parsed.error.issues.map((issue) => ({
        field: issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : issue.path.join('.'),
        detail: 'is not right; there are caller, pageSize and pageToken.',
      }));
      throw invalidRequest(wrong);
    }
    const { pageSize, pageToken } = parsed.data;
    const whose = listedCaller(services, caller, parsed.data.caller);
    const list = JSON.stringify(['batches', whose]);
    const position = pageToken === undefined ? undefined : decodePageToken(pageToken, list);
    const after = position && { createdAt: position.createdAt, batchId: position.jobId };
    const found = await services.batches.list({ caller: whose, pageSize: pageSize + 1, after });
    const page = found.slice(0, pageSize);
    const last = page.at(-1);
    const more = found.length > pageSize && last;
    return c.json({
      batches: page.map(batchView),
      ...(more
        ? { nextPageToken: encodePageToken({ createdAt: last.createdAt, jobId: last.batchId }, list) }
        : {}),
    });
  });

  app.get('/v1/batches/:id', async (c) => c.json(await fullBatchView(services, await ownBatch(services, c))));

  for (const type of ['pause', 'resume', 'cancel', 'retry'] as const) {
    app.post(`/v1/batches/:id/${type}`, async (c) => {
      const batch = await ownBatch(services, c);
      // Otherwise the end that it has had would never be told.
      if (type === 'retry') await tryToAnnounce(services, batch);
      const advanced = await advanceBatch(services, batch.batchId, { type });
      const after = advanced?.batch ?? batch;
      // Asked twice is done once.
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
    if (!format.success) throw invalidRequest([{ field: 'format', detail: 'is csv or jsonl.' }]);
    const { signedUrlTtlMs } = services.settings;
    const uri = `gs://${services.results.bucket}/${batch.report[format.data]}`;
    const url = await services.results.signedReadUrl({ uri }, signedUrlTtlMs);
    c.header('cache-control', 'private, no-store');
    c.header('location', url);
    return c.json({ url, expiresAt: new Date(services.clock.now() + signedUrlTtlMs).toISOString() }, 302);
  });
}

const PARTICIPLES = { pause: 'paused', resume: 'resumed', cancel: 'cancelled', retry: 'retried' } as const;

const isDoneAlready = ({ status }: Batch, type: keyof typeof PARTICIPLES): boolean =>
  (type === 'pause' && status === 'paused') ||
  (type === 'resume' && status === 'expanding') ||
  (type === 'cancel' && (status === 'cancelling' || status === 'cancelled')) ||
  (type === 'retry' && status === 'retrying');

/** The caller's batch, or any for an operator. Another caller's and none at all are the same answer. */
async function ownBatch(services: Services, c: Context<object, '/v1/batches/:id'>): Promise<Batch> {
  const caller = await services.callers.verify(c.req.raw.headers);
  const id = c.req.param('id');
  if (!BATCH_ID.test(id))
    throw notFound(`'${id}' is not a batch id; one looks like bat_ and 26 letters and digits.`);
  const batch = await services.batches.get(id);
  const mayRead = batch?.caller === caller || services.settings.operators.includes(caller);
  if (!batch || !mayRead) throw notFound(`There is no batch ${id}.`);
  return batch;
}

/** Takes the steps that its tasks would, for an answer at once; the tasks find them taken. */
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
