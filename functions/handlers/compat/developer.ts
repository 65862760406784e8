/** The Gemini Developer API's routes for Veo: `:predictLongRunning`, operations, and files with the videos. */
import type { Context, Hono } from 'hono';
import { permissionDenied } from '../../core/compat/google-error.ts';
import { jobIdOfOperation, operationNameOf } from '../../core/compat/names.ts';
import { operationOf } from '../../core/compat/operation.ts';
import type { Job } from '../../core/job/job.ts';
import { invalidRequest, notFound } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { rfc3339 } from '../http/job-view.ts';
import { stepContext } from '../job/advance.ts';
import { acceptPrediction } from './accept.ts';
import { callerOf, maySee, originOf } from './caller.ts';
import { acceptsOnlyPost } from './errors.ts';
import { deleteFile, fileAnswer, listFiles } from './files.ts';
import { passImageCall } from './images.ts';
import { listOperations } from './operations-list.ts';
import { checkModelName, splitCall } from './paths.ts';

const FILE = /.*\/files\/(.+)$/s;

export function addDeveloperRoutes(app: Hono, services: Services): void {
  app.post('/:version{v1|v1beta}/models/:call', async (c) => {
    const caller = await callerOf(services, c.req.raw, 'developer');
    const { model, method } = splitCall(c.req.param('call'));
    if (method !== 'predictLongRunning')
      return passImageCall(services, c.req.raw, { caller, model, method, surface: 'developer' });
    const name = await acceptPrediction(services, c.req.raw, caller, { surface: 'developer', model });
    return c.json({ name });
  });

  app.get('/:version{v1|v1beta}/models/:model/operations/:id', async (c) => {
    const caller = await callerOf(services, c.req.raw, 'developer');
    const { model, id } = c.req.param();
    if (id.endsWith(':cancel')) return acceptsOnlyPost(c.req.raw);
    if (!/^[\w.-]+$/.test(model) || !/^[\w-]{1,128}$/.test(id)) {
      const detail = `'models/${model}/operations/${id}' is not the name of an operation.`;
      throw invalidRequest([{ field: 'name', detail }]);
    }
    const job = await operationJob(services, caller, `models/${model}/operations/${id}`, id);
    return c.json(operationOf(job, operationContext(services, job, c)));
  });

  app.get('/:version{v1|v1beta}/models/:model/operations', async (c) => {
    const caller = await callerOf(services, c.req.raw, 'developer');
    const model = c.req.param('model');
    checkModelName(model);
    const { jobs, ...next } = await listOperations(services, c.req.raw, caller, model);
    const operations = jobs.map((job) => operationOf(job, operationContext(services, job, c)));
    return c.json({ operations, ...next });
  });

  // Google's SDKs extract the id from an https URI, but put a whole http URI (of a local stack) into the path.
  app.get('/:version{v1|v1beta}/files/*', async (c) => {
    const caller = await callerOf(services, c.req.raw, 'developer');
    const [, file] = FILE.exec(c.req.path) ?? [];
    if (file === undefined) return listFiles(services, c.req.raw, caller);
    return fileAnswer(services, c.req.raw, caller, file);
  });

  app.delete('/:version{v1|v1beta}/files/*', async (c) => {
    const caller = await callerOf(services, c.req.raw, 'developer');
    const [, file = ''] = FILE.exec(c.req.path) ?? [];
    return deleteFile(services, caller, file);
  });
}

/** @throws ProblemError 404 if the operation does not exist, 403 if it belongs to another caller */
export async function operationJob(
  services: Services,
  caller: string,
  name: string,
  id: string,
): Promise<Job> {
  const jobId = jobIdOfOperation(id);
  const job = jobId === undefined ? undefined : await services.jobs.get(jobId);
  if (!job || operationNameOf(job) !== name) throw notFound(`Operation ${name} was not found.`);
  if (maySee(services, caller, job)) return job;
  throw permissionDenied(`You do not have permission to access the operation ${name}.`);
}

export const operationContext = (services: Services, job: Job, c: Context) => ({
  now: services.clock.now(),
  latency: stepContext(services, job).latency,
  origin: originOf(c.req.raw),
  timestamp: rfc3339,
});
