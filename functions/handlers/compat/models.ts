/** `models.list` and `models.get` of both Google APIs. */
import type { Context, Hono } from 'hono';
import {
  developerModel,
  getModel,
  type ListedModel,
  type ListRules,
  listModels,
  publisherModel,
} from '../../core/compat/model-list.ts';
import { invalidRequest } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { decodeModelToken, encodeModelToken } from '../http/page-token.ts';
import { compatRules } from './accept.ts';
import { callerOf } from './caller.ts';
import { acceptsOnlyPost } from './errors.ts';
import { providersOf } from './images.ts';
import { listQueryOf } from './list-query.ts';
import { checkModelName } from './paths.ts';

type Surface = ListRules['surface'];

/** Google's own defaults and limits. */
const PAGE_SIZES = { developer: { fallback: 50, max: 1000 }, vertex: { fallback: 100, max: 1000 } } as const;
/** The field of the reply that has the models, and the shape of each. */
const SHAPES = {
  developer: { field: 'models', view: developerModel },
  vertex: { field: 'publisherModels', view: publisherModel },
} as const;

const QUERY_OF_GOOGLE =
  /^(?:key|access_token|page_?(?:size|token)|filter|fields|\$?alt|prettyPrint|quotaUser)$/i;

/**
 * Whether a `GET /v1/models` is meant for Google's API. Clapper's own has the same path, which series 3 of Google's SDK
 * uses. Every client library of Google's sends `x-goog-api-client`. A program without one shows in the query: Clapper's
 * own route has no parameters, and no key in the URL. The header `x-goog-api-key` decides nothing: callers of Clapper's
 * own API send it too.
 */
export function isGoogleModelList(request: Request): boolean {
  if (request.headers.has('x-goog-api-client')) return true;
  return [...new URL(request.url).searchParams.keys()].some((name) => QUERY_OF_GOOGLE.test(name));
}

export function addModelRoutes(app: Hono, services: Services): void {
  const list = (c: Context, surface: Surface) => listAnswer(services, c, surface);
  const get = (c: Context, surface: Surface, model: string) => getAnswer(services, c, surface, model);

  app.get('/:version{(?:v1|v1beta)}/models', (c) => list(c, 'developer'));
  app.get('/:version{(?:v1|v1beta)}/models/:model', (c) => get(c, 'developer', c.req.param('model')));
  // Google's own paths have no project; programs that put the project before every path are answered too.
  for (const parent of ['', '/projects/:project/locations/:location']) {
    const models = `/:version{(?:v1|v1beta1)}${parent}/publishers/google/models` as const;
    app.get(models, (c) => list(c, 'vertex'));
    app.get(`${models}/:model`, (c) => get(c, 'vertex', c.req.param('model') ?? ''));
  }

  // There are no tuned models: an empty list, as of a new project.
  const noTunedModels = (surface: Surface) => async (c: Context) => {
    await callerOf(services, c.req.raw, surface);
    return c.json({});
  };
  app.get('/:version{(?:v1|v1beta)}/tunedModels', noTunedModels('developer'));
  // Without a project, as Google's SDK asks in express mode.
  app.get('/v1beta1/models', noTunedModels('vertex'));
  app.get('/:version{(?:v1|v1beta1)}/projects/:project/locations/:location/models', noTunedModels('vertex'));
}

async function listAnswer(services: Services, c: Context, surface: Surface): Promise<Response> {
  await callerOf(services, c.req.raw, surface);
  const { pageSize, pageToken } = listQueryOf(c.req.raw, PAGE_SIZES[surface]);
  const all = listModels(rulesOf(services, surface));
  const start = pageToken === undefined ? 0 : positionAfter(decodeModelToken(pageToken), all);
  const page = all.slice(start, start + pageSize);
  const last = page.at(-1);
  const { field, view } = SHAPES[surface];
  return c.json({
    [field]: page.map(view),
    ...(last && start + pageSize < all.length ? { nextPageToken: encodeModelToken(last.model) } : {}),
  });
}

/** @throws ProblemError 400 if the list no longer has the model, as after a deployment with other aliases */
function positionAfter(model: string, all: readonly ListedModel[]): number {
  const index = all.findIndex((each) => each.model === model);
  if (index >= 0) return index + 1;
  const detail = 'belongs to an earlier version of this list; read the list again from its start.';
  throw invalidRequest([{ field: 'pageToken', detail }]);
}

async function getAnswer(services: Services, c: Context, surface: Surface, model: string): Promise<Response> {
  await callerOf(services, c.req.raw, surface);
  if (model.includes(':')) return acceptsOnlyPost(c.req.raw);
  checkModelName(model);
  const listed = getModel(model, rulesOf(services, surface));
  // The model that runs, as in the replies of image models.
  c.header('x-clapper-model', listed.spec.model);
  return c.json(SHAPES[surface].view(listed));
}

function rulesOf(services: Services, surface: Surface): ListRules {
  const { images, settings } = services;
  return {
    ...compatRules(services),
    surface,
    providers: images ? providersOf(images, surface) : [],
    hasRetiredMethods: settings.allowRetiredModels,
  };
}
