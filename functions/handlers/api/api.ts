/** The `api` function: its routes, and its errors as RFC 9457 problems. */
import { Hono } from 'hono';
import type { Job } from '../../core/job/job.ts';
import { notFound, type Problem, ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { googleErrorResponse } from '../compat/errors.ts';
import { isGoogleModelList } from '../compat/models.ts';
import { addCompatRoutes, isGooglesPath } from '../compat/routes.ts';
import { addConsole } from '../console.ts';
import { allowOrigins, refuseOtherPages } from '../http/cross-origin.ts';
import { type JobView, jobView } from '../http/job-view.ts';
import { parseJson, readBytes, readJson } from '../http/json-body.ts';
import { modelsView } from '../http/models-view.ts';
import { stepContext } from '../job/advance.ts';
import { handleProviderEvent } from '../job/provider-event.ts';
import { addBatchRoutes } from './batches-api.ts';
import { addJobRoutes } from './jobs-api.ts';
import { addKeyRoutes } from './keys-api.ts';
import { addOperatorRoutes } from './operators.ts';
import { checkPath } from './path-check.ts';
import { addScheduleRoutes } from './schedules-api.ts';
import { createUpload } from './uploads.ts';
import { namesMethods } from './wrong-method.ts';

export function createApi(services: Services): Hono {
  const app = new Hono();
  const view = (job: Job): JobView => jobView(job, services.clock.now(), stepContext(services, job).latency);

  const { corsOrigins = [] } = services.settings;
  const refuse = (path: string, problem: Problem): Response =>
    isGooglesPath(path) ? googleErrorResponse(problem) : problemResponse(problem);
  app.use(allowOrigins(corsOrigins));
  app.use(refuseOtherPages(corsOrigins, (path, origin) => refuse(path, otherPage(origin))));
  app.use(namesMethods(app, refuse));
  app.use(checkPath(services));
  addConsole(app);
  addOperatorRoutes(app, services, view);
  addKeyRoutes(app, services);
  addBatchRoutes(app, services);
  addScheduleRoutes(app, services);
  app.get('/healthz', (c) => c.json({ status: 'ok' }));

  addJobRoutes(app, services, view);

  app.get('/v1/models', async (c, next) => {
    c.header('vary', 'x-goog-api-client', { append: true });
    if (isGoogleModelList(c.req.raw)) return next();
    await services.callers.verify(c.req.raw.headers);
    const today = new Date(services.clock.now()).toISOString().slice(0, 10);
    return c.json(modelsView(services.catalogue, today));
  });

  app.post('/v1/uploads', async (c) => {
    const caller = await services.callers.verify(c.req.raw.headers);
    return c.json(await createUpload(services, caller, await readJson(c.req.raw)), 201);
  });

  app.post('/v1/provider-events', async (c) => {
    const { providerWebhooks } = services;
    if (!providerWebhooks)
      throw notFound(
        'This deployment accepts no provider webhooks: CLAPPER_PROVIDER_WEBHOOK_URL is not set.',
      );
    const body = await readBytes(c.req.raw);
    await providerWebhooks.verify(c.req.raw.headers, body);
    await handleProviderEvent(services, parseJson(body));
    return c.body(null, 204);
  });

  addCompatRoutes(app, services);

  app.notFound((c) =>
    problemResponse({
      status: 404,
      code: 'not-found',
      title: 'Not found',
      detail: `${c.req.method} ${c.req.path} is not a route of this API.`,
    }),
  );

  app.onError((error) => {
    if (error instanceof ProblemError) return problemResponse(error.problem);
    services.log('ERROR', `api: ${error.message}`, { stack_trace: error.stack });
    return problemResponse({
      status: 500,
      code: 'internal',
      title: 'Internal error',
      detail: 'Clapper could not answer. Repeat the request; for a new job, with the same Idempotency-Key.',
    });
  });
  return app;
}

const otherPage = (origin: string): Problem => ({
  status: 403,
  code: 'origin-not-allowed',
  title: 'Web pages of this origin may not call the API',
  detail: `A web page of ${origin} sent this request. Nothing was done. To allow it, add its origin to CLAPPER_CORS_ORIGINS.`,
});

export function problemResponse({ code, retryAfterSeconds, ...problem }: Problem): Response {
  return new Response(JSON.stringify({ type: `urn:clapper:problem:${code}`, ...problem }), {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
    },
  });
}
