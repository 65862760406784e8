/** `:cancel` of an operation, on both Google APIs: cancels the job behind it. */
import type { Context, Hono } from 'hono';
import { invalidRequest, notFound, ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { advanceAndPerform } from '../job/advance.ts';
import { callerOf } from './caller.ts';
import { operationJob } from './developer.ts';

const DEVELOPER = '/:version{v1|v1beta}/models/:model/operations/:call';
const VERTEX = [
  '/:version{v1|v1beta1}/publishers/google/models/:model/operations/:call',
  '/:version{v1|v1beta1}/projects/:project/locations/:location/publishers/google/models/:model/operations/:call',
];

export function addCancelRoutes(app: Hono, services: Services): void {
  app.post(DEVELOPER, (c) => cancel(services, c, 'developer'));
  for (const path of VERTEX) app.post(path, (c) => cancel(services, c, 'vertex'));
}

/**
 * Answers `{}`, as for a repeated request. As with Google's operations, success means that the cancellation was accepted:
 * after the paid call the model may continue, and the operation shows the outcome.
 */
async function cancel(services: Services, c: Context, surface: 'developer' | 'vertex'): Promise<Response> {
  const caller = await callerOf(services, c.req.raw, surface);
  const [, path = ''] = /^\/[^/]+\/(.*)$/s.exec(c.req.path) ?? [];
  const [, name, id = '', method] = /^(.*\/operations\/([^/:]*))(?::(.*))?$/s.exec(path) ?? [];
  if (name === undefined || !/^[\w-]{1,128}$/.test(id))
    throw invalidRequest([{ field: 'name', detail: `'${path}' is not the name of an operation.` }]);
  if (method !== 'cancel')
    throw notFound(`'${path}' does not accept POST; the method of an operation is cancel.`);
  const job = await operationJob(services, caller, name, id);
  const cancelled = await advanceAndPerform(services, job.jobId, { type: 'cancel' });
  const { status } = cancelled.kind === 'missing' ? job : cancelled.job;
  if (status === 'cancelled') return c.json({});
  throw new ProblemError({
    status: 412,
    code: 'already-finished',
    title: 'The operation is finished',
    detail: `Operation ${name} is done: its job has ${status}. Only an unfinished operation can be cancelled.`,
  });
}
