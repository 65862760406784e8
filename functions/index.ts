/** Registers the eight functions. `handlers/` implements them; `services.ts` builds their dependencies. */
import {
  type CloudEvent,
  cloudEvent,
  http,
  type Request,
  type Response,
} from '@google-cloud/functions-framework';
import { getRequestListener } from '@hono/node-server';
import { parseConfig } from './config.ts';
import { SERVERLESS_AUTHORIZATION } from './core/access/credential-headers.ts';
import { isBatchOver } from './core/batch/batch.ts';
import { ProblemError } from './core/problem.ts';
import { createApi, problemResponse } from './handlers/api/api.ts';
import { handleBatch } from './handlers/batch/batch.ts';
import { batchCallSchema } from './handlers/batch/batch-message.ts';
import { createBatch } from './handlers/batch/create-batch.ts';
import { handleSchedule, type ScheduleWork, sweepSchedules } from './handlers/batch/schedule.ts';
import { handleUpload, type StartBatch, sweepUploads, type UploadWork } from './handlers/batch/upload.ts';
import { budgetNoticeOf, handleBudgetNotice } from './handlers/budget.ts';
import { handleLanded } from './handlers/job/landed.ts';
import { handlePoll } from './handlers/job/poll.ts';
import { handleSubmit } from './handlers/job/submit.ts';
import { submitMessageSchema, wakeMessageSchema } from './handlers/job/wake-message.ts';
import { handleSweep } from './handlers/sweep.ts';
import { keepConnectionsAlive } from './keep-alive.ts';
import type { Severity } from './ports.ts';
import { keepAllRequestsRaw } from './raw-request.ts';
import { buildServices } from './services.ts';

const config = parseConfig(process.env);
const { services, taskCallers, submissions, uploads, uploadWaits, schedules } = buildServices(config);

const startBatch: StartBatch = (start) => createBatch(services, { ...start, isTrusted: true });
const uploadWork: UploadWork = {
  ...{ services, uploads, waits: uploadWaits, startBatch },
  rules: services.settings.uploadRules ?? [],
};
const scheduleWork: ScheduleWork = {
  services,
  ...schedules,
  startBatch,
  isActive: async (batchId) => {
    const batch = await services.batches.get(batchId);
    return batch !== undefined && !isBatchOver(batch);
  },
};

keepConnectionsAlive();
if (process.env['FUNCTION_TARGET'] === 'api') keepAllRequestsRaw();

// The framework passes Node's request and response. Hono writes to them directly and must not replace the globals.
const api = getRequestListener(createApi(services).fetch, { overrideGlobalObjects: false });
http('api', (request, response) => {
  // `raw-request.ts` hides a path that Express cannot decode; this restores it.
  request.url = request.originalUrl;
  return api(request, response);
});

/** Registers a function for Cloud Tasks or Cloud Scheduler. 2xx: done or stale. Any other status: deliver again. */
function task(name: string, work: (body: unknown, request: Request) => Promise<unknown>): void {
  http(name, async (request, response) => {
    try {
      await taskCallers.verify(credentialsOf(request));
      const answer = await work(request.body, request);
      if (answer === undefined) response.status(204).end();
      else response.json(answer);
    } catch (error) {
      await refuse(name, error, request, response);
    }
  });
}

function credentialsOf(request: Request): Headers {
  const given = ['authorization', SERVERLESS_AUTHORIZATION].flatMap((name): [string, string][] => {
    const value = request.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  return new Headers(given);
}

async function refuse(name: string, error: unknown, request: Request, response: Response): Promise<void> {
  const problem =
    error instanceof ProblemError
      ? error.problem
      : { status: 500, code: 'internal', title: 'Internal error', detail: String(error) };
  services.log(severityOf(problem.status), `${name}: ${problem.detail}`, {
    task: request.get('x-cloudtasks-taskname'),
    retryCount: request.get('x-cloudtasks-taskretrycount'),
    ...(error instanceof Error && problem.status >= 500 ? { stack_trace: error.stack } : {}),
  });
  const { retryAfterSeconds } = problem;
  if (retryAfterSeconds !== undefined) response.set('retry-after', String(retryAfterSeconds));
  response
    .status(problem.status)
    .type('application/problem+json')
    .send(await problemResponse(problem).text());
}

const severityOf = (status: number): Severity => (status >= 500 ? 'ERROR' : 'WARNING');

task('submit', (body) => handleSubmit(services, submitMessageSchema.parse(body)));
task('poll', (body) => handlePoll(services, wakeMessageSchema.parse(body)));
task('sweep', async (body) => {
  const notice = budgetNoticeOf(body);
  if (notice)
    return handleBudgetNotice({ log: services.log, submissions, stopAt: config.CLAPPER_BUDGET_STOP }, notice);
  const report = await handleSweep(services);
  await sweepSchedules(scheduleWork);
  await sweepUploads(uploadWork);
  return report;
});
task('batch', async (body, request) => {
  const call = batchCallSchema.parse(body);
  if ('batchId' in call) return handleBatch(services, call);
  return handleSchedule(scheduleWork, call, request.get('x-cloudscheduler-scheduletime'));
});
cloudEvent('landed', (event: CloudEvent<unknown>) => handleLanded(services, event.data));
cloudEvent('upload', ({ type, data }: CloudEvent<unknown>) => handleUpload(uploadWork, { type, data }));

// Registered so that the deployment does not change when a later version adds webhooks.
task('notify', async () => {
  throw new ProblemError({
    status: 501,
    code: 'not-implemented',
    title: 'Not implemented',
    detail: 'This version of Clapper does not implement notify.',
  });
});
