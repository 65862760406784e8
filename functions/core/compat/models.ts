/** The model that a path of Google's surfaces names, and the one that runs for it. */
import {
  type Catalogue,
  findModel,
  findRetired,
  type ImageModelSpec,
  isRetired,
  type Retirement,
  type VideoModelSpec,
} from '../catalogue/catalogue.ts';
import type { ImageProviderName, ProviderName } from '../catalogue/vocabulary.ts';
import { defined } from '../defined.ts';
import type { CompatOrigin } from '../job/video-request.ts';
import { type FieldError, invalidRequest, notFound } from '../problem.ts';
import { type RequestRules, videoModelOf } from '../request/request-model.ts';

export type CompatMethod = 'predictLongRunning' | 'predict' | 'generateContent';

export interface RunningModel<S> {
  readonly spec: S;
  readonly aliasOf?: { readonly model: string; readonly retiredOn: string };
}

const unknownModel = (model: string, method: CompatMethod): Error =>
  notFound(`models/${model} is not found, or is not supported for ${method}.`);

const unavailable = (model: string, { date, replacement }: Retirement): Error =>
  notFound(
    `This model models/${model} is no longer available: it was retired on ${date}. Use ${replacement}, or let retired ` +
      'models run on their successors (CLAPPER_COMPAT_ALIASES).',
  );

const wrongMethod = (model: string, method: CompatMethod, instead: string): Error =>
  invalidRequest([{ field: 'model', detail: `models/${model} is not supported for ${method}; ${instead}.` }]);

export interface RunningVideoModel extends RunningModel<VideoModelSpec> {
  /** Whose model of that name is meant, where the surface's own provider has or had one. */
  readonly provider?: ProviderName;
  /** What the retired model took, where its successor does not take all of that. */
  readonly tookSeconds?: readonly number[];
}

const PROVIDERS = { developer: 'gemini', vertex: 'vertex' } as const;

/**
 * The surface's own provider is asked first: the two have retired models of one name on different days, for different
 * successors. A model that only another provider has runs there.
 * @throws ProblemError 404 for a model that is unknown or gone, 400 for one that makes no videos
 */
export function videoModelFor(
  model: string,
  surface: CompatOrigin['surface'],
  rules: RequestRules,
): RunningVideoModel {
  const { catalogue } = rules;
  const own = PROVIDERS[surface];
  const isOwn = findModel(catalogue, model, own) ?? findRetired(catalogue, model, own);
  const named = { model, ...(isOwn ? { provider: own } : {}) };
  const known = findModel(catalogue, model, named.provider);
  const gone = findRetired(catalogue, model, named.provider);
  const retirement = known?.retirement ?? gone?.retirement;
  if (!known && !retirement) throw unknownModel(model, 'predictLongRunning');
  const errors: FieldError[] = [];
  const chosen = videoModelOf(named, rules, errors);
  if (chosen) {
    return {
      ...chosen,
      ...defined({ provider: named.provider }),
      ...(gone?.durationsSeconds ? { tookSeconds: gone.durationsSeconds } : {}),
    };
  }
  if (known?.kind === 'image')
    throw wrongMethod(model, 'predictLongRunning', 'it makes pictures, and answers at once');
  throw retirement ? unavailable(model, retirement) : invalidRequest(errors);
}

export interface ImageRules extends Pick<RequestRules, 'catalogue' | 'today' | 'aliasRetired'> {
  /** Which is asked first where both serve a model. */
  readonly providers: readonly ImageProviderName[];
}

/** @throws ProblemError 404 for a model that is unknown or gone, 400 for one that does not answer this method */
export function imageModelFor(
  model: string,
  method: Exclude<CompatMethod, 'predictLongRunning'>,
  rules: ImageRules,
): RunningModel<ImageModelSpec> {
  const { catalogue, today, aliasRetired } = rules;
  const living = livingImageModel(model, rules);
  if (living && living.surface !== method) throw wrongMethod(model, method, `send it to :${living.surface}`);
  if (living) return { spec: living };
  if (findModel(catalogue, model)?.kind === 'video')
    throw wrongMethod(model, method, 'it makes videos: send it to :predictLongRunning');
  const retirement = retirementOf(catalogue, model, rules);
  if (!retirement) throw unknownModel(model, method);
  const successor = aliasRetired ? livingImageModel(retirement.runsOn.model, rules) : undefined;
  if (!successor) throw unavailable(model, retirement);
  if (successor.surface !== method) throw wrongMethod(model, method, `send it to :${successor.surface}`);
  return { spec: successor, aliasOf: { model, retiredOn: retirement.date } };

  function livingImageModel(name: string, { providers }: ImageRules): ImageModelSpec | undefined {
    for (const provider of providers) {
      const spec = findModel(catalogue, name, provider);
      if (spec?.kind === 'image' && !isRetired(spec, today)) return spec;
    }
    return undefined;
  }
}

function retirementOf(
  catalogue: Catalogue,
  model: string,
  { providers }: Pick<ImageRules, 'providers'>,
): Retirement | undefined {
  for (const provider of providers) {
    const { retirement } =
      findModel(catalogue, model, provider) ?? findRetired(catalogue, model, provider) ?? {};
    if (retirement) return retirement;
  }
  return undefined;
}
