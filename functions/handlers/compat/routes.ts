/**
 * The Google-compatible routes: code written for the Gemini API or for Vertex AI runs with Clapper's base URL. The
 * routes create the same jobs as `/v1/jobs`; errors have Google's format.
 */
import { Hono } from 'hono';
import type { Services } from '../../ports.ts';
import { addCancelRoutes } from './cancel.ts';
import { addDeveloperRoutes } from './developer.ts';
import { answerError, routeNotFound } from './errors.ts';
import { addModelRoutes } from './models.ts';
import { selectsFields } from './partial-response.ts';
import { addVertexRoutes } from './vertex.ts';

const PATHS = [
  ...['/v1beta', '/v1beta1', '/v1/projects', '/v1/publishers', '/v1/files', '/v1/models'],
  ...['/v1/tunedModels', '/upload/v1beta', '/upload/v1'],
  // The base URL of the client has no API version.
  ...['/models', '/publishers', '/projects'],
];

/** `/v1/models` itself is Clapper's own route, and Google's for some clients (`isGoogleModelList`). */
export const isGooglesPath = (path: string): boolean =>
  path !== '/v1/models' && PATHS.some((each) => `${path}/`.startsWith(`${each}/`));

export function addCompatRoutes(app: Hono, services: Services): void {
  const google = new Hono();
  google.onError((error) => answerError(services, error));
  for (const path of PATHS) google.use(`${path}/*`, selectsFields);
  addDeveloperRoutes(google, services);
  addVertexRoutes(google, services);
  addCancelRoutes(google, services);
  addModelRoutes(google, services);
  for (const path of [...PATHS.map((each) => `${each}/*`), '/v1/interactions', '/v1/interactions/*'])
    google.all(path, (c) => routeNotFound(c.req.raw));
  app.route('/', google);
}
