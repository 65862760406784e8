/** Registers the eight functions. What each does is in `handlers/`; what they work with is built in `services.ts`. */
import {
  type CloudEvent,
  cloudEvent,
  http,
  type Request,
  type Response,
} from '@google-cloud/functions-framework';
import { getRequestListener } from '@hono/node-server';
import { parseConfig } from './config.ts';
import { ProblemError } from './core/problem.ts';
import { createApi, problemResponse } from './handlers/api.ts';
import { handleBatch } from './handlers/batch.ts';
import { batchCallSchema } from './handlers/batch-message.ts';
import { handleLanded } from './handlers/landed.ts';
import { handlePoll } from './handlers/poll.ts';
import { handleSubmit } from './handlers/submit.ts';
import { handleSweep } from './handlers/sweep.ts';
import { submitMessageSchema, wakeMessageSchema } from './handlers/wake-message.ts';
import type { Severity } from './ports.ts';
import { buildServices } from './services.ts';
import { leaveAllBodiesUntouched } from './untouched-body.ts';

const { services, taskCallers } = buildServices(parseConfig(process.env));

if (process.env['FUNCTION_TARGET'] === 'api') leaveAllBodiesUntouched();

// The framework's own request and response are node's; Hono answers through them without touching the globals.
const api = getRequestListener(createApi(services).fetch, { overrideGlobalObjects: false });
http('api', (request, response) => api(request, response));

/** A function that Cloud Tasks or Cloud Scheduler calls. 2xx: done or stale. Anything else: to be delivered again. */
function task(name: string, work: (body: unknown) => Promise<unknown>): void {
  http(name, async (request, response) => {
    try {
      await taskCallers.verify(new Headers({ authorization: request.get('authorization') ?? '' }));
      const answer = await work(request.body);
      if (answer === undefined) response.status(204).end();
      else response.json(answer);
    } catch (error) {
      await refuse(name, error, request, response);
    }
  });
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

/** 429 is the turnstile's way to say "not yet", not a fault. */
const severityOf = (status: number): Severity =>
  status >= 500 ? 'ERROR' : status === 429 ? 'DEBUG' : 'WARNING';

task('submit', (body) => handleSubmit(services, submitMessageSchema.parse(body)));
task('poll', (body) => handlePoll(services, wakeMessageSchema.parse(body)));
task('sweep', () => handleSweep(services));
task('batch', async (body) => {
  const call = batchCallSchema.parse(body);
  return 'batchId' in call ? handleBatch(services, call) : notImplemented('the schedule');
});
cloudEvent('landed', (event: CloudEvent<unknown>) => handleLanded(services, event.data));

// Registered so that the deployment is whole; webhooks, schedules and uploads come with later versions.
task('notify', async () => notImplemented('notify'));

function notImplemented(what: string): never {
  throw new ProblemError({
    status: 501,
    code: 'not-implemented',
    title: 'Not implemented',
    detail: `This version of Clapper does nothing yet when ${what} is called.`,
  });
}
cloudEvent('upload', (event: CloudEvent<unknown>) => {
  services.log('NOTICE', 'upload: this version of Clapper makes no jobs of uploads yet', {
    subject: event.subject,
  });
});
