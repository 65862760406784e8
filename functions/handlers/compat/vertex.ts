/** Vertex AI's routes for Veo: `:predictLongRunning` and `:fetchPredictOperation` of a publisher model. */
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import { parseVertexOperation } from '../../core/compat/names.ts';
import { operationOf, videosInReply } from '../../core/compat/operation.ts';
import { defined } from '../../core/defined.ts';
import { invalidRequest } from '../../core/problem.ts';
import { shown } from '../../core/shown.ts';
import type { Services } from '../../ports.ts';
import { parseJson, readBytes } from '../http/json-body.ts';
import { acceptPrediction } from './accept.ts';
import { callerOf } from './caller.ts';
import { operationContext, operationJob } from './developer.ts';
import { passImageCall } from './images.ts';
import { splitCall } from './paths.ts';
import { replyWithVideos } from './video-bytes.ts';

const EXPRESS = '/:version{v1|v1beta1}/publishers/google/models/:call';
const IN_PROJECT =
  '/:version{v1|v1beta1}/projects/:project/locations/:location/publishers/google/models/:call';
const PARENT = /^projects\/[\w.:-]{1,100}\/locations\/[a-z0-9-]{1,63}$/;

export function addVertexRoutes(app: Hono, services: Services): void {
  app.post(EXPRESS, (c) => answer(services, c, undefined, c.req.param('call')));
  app.post(IN_PROJECT, (c) => {
    const { project, location, call } = c.req.param();
    return answer(services, c, `projects/${project}/locations/${location}`, call);
  });
}

/** @param parent absent in express mode, in which the API key determines project and location */
async function answer(
  services: Services,
  c: Context,
  parent: string | undefined,
  modelAndMethod: string,
): Promise<Response> {
  const caller = await callerOf(services, c.req.raw, 'vertex');
  if (parent !== undefined && !PARENT.test(parent))
    throw invalidRequest([
      { field: 'parent', detail: `'${parent}' is not projects/{project}/locations/{location}.` },
    ]);
  const { model, method } = splitCall(modelAndMethod);
  if (method === 'predictLongRunning') {
    const target = { surface: 'vertex', model, ...defined({ parent }) } as const;
    return c.json({ name: await acceptPrediction(services, c.req.raw, caller, target) });
  }
  if (method !== 'fetchPredictOperation')
    return passImageCall(services, c.req.raw, { caller, model, method, surface: 'vertex' });
  const { name, id } = requestedOperation(parseJson(await readBytes(c.req.raw)), parent, model);
  const job = await operationJob(services, caller, name, id);
  const operation = operationOf(job, operationContext(services, job, c));
  const videos = videosInReply(job);
  return videos.length === 0 ? c.json(operation) : replyWithVideos(services, operation, videos);
}

/** Protobuf JSON accepts each field in camelCase and in snake_case. */
const fetchSchema = z.object({ operationName: z.unknown(), operation_name: z.unknown() }).partial();

/** @throws ProblemError 400 */
function requestedOperation(
  body: unknown,
  parent: string | undefined,
  model: string,
): { readonly name: string; readonly id: string } {
  const { data } = fetchSchema.safeParse(body);
  const name = data?.operationName ?? data?.operation_name;
  const operation = typeof name === 'string' ? parseVertexOperation(name) : undefined;
  if (typeof name !== 'string' || !operation) {
    const given = name === undefined ? 'is missing' : `is ${shown(name)}, which is not an operation name`;
    const detail = `${given}; send the name that :predictLongRunning returned.`;
    throw invalidRequest([{ field: 'operationName', detail }]);
  }
  if (operation.parent !== parent || operation.model !== model) {
    const detail = `is '${name}', which does not belong to ${parent ?? 'express mode'} and models/${model}.`;
    throw invalidRequest([{ field: 'operationName', detail }]);
  }
  return { name, id: operation.id };
}
