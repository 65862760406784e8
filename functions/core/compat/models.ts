/** Resolves the model in a path of Google's surfaces to the model that runs. */
import {
  type Catalogue,
  findModel,
  findRetired,
  type ImageModelSpec,
  isServed,
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

export const unavailable = (model: string, { date, replacement }: Retirement): Error =>
  notFound(
    `This model models/${model} is no longer available: it was retired on ${date}. Use ${replacement}, or set ` +
      'CLAPPER_COMPAT_ALIASES to run retired models on their successors.',
  );

const movedTo = (model: string, { date }: Retirement, successor: ImageModelSpec): Error =>
  notFound(
    `This model models/${model} is no longer available: it was retired on ${date}. Its successor ${successor.model} ` +
      `has another request and answer: send it to :${successor.surface}.`,
  );

const wrongMethod = (model: string, method: CompatMethod, instead: string): Error =>
  invalidRequest([{ field: 'model', detail: `models/${model} is not supported for ${method}; ${instead}.` }]);

export interface RunningVideoModel extends RunningModel<VideoModelSpec> {
  /** The surface's own provider, where it has or had the model. */
  readonly provider?: ProviderName;
  /** The durations that the retired model took, where its successor does not take all of them. */
  readonly tookSeconds?: readonly number[];
}

const OWN_PROVIDERS = { developer: 'gemini', vertex: 'vertex' } as const;

/**
 * The surface's own provider comes first, because the two providers retired models of the same name on different days,
 * with different successors. A model that only another provider has runs there.
 * @throws ProblemError 404 for an unknown or retired model, 400 for a model that makes no videos
 */
export function videoModelFor(
  model: string,
  surface: CompatOrigin['surface'],
  rules: RequestRules,
): RunningVideoModel {
  const { catalogue } = rules;
  const own = OWN_PROVIDERS[surface];
  const isOwn = findModel(catalogue, model, own) ?? findRetired(catalogue, model, own);
  const named = { model, ...defined({ provider: isOwn ? own : undefined }) };
  const known = findModel(catalogue, model, named.provider);
  const retired = findRetired(catalogue, model, named.provider);
  const retirement = known?.retirement ?? retired?.retirement;
  if (!known && !retirement) throw unknownModel(model, 'predictLongRunning');
  const errors: FieldError[] = [];
  const chosen = videoModelOf(named, rules, errors);
  if (chosen)
    return { ...chosen, ...defined({ provider: named.provider, tookSeconds: retired?.durationsSeconds }) };
  if (known?.kind === 'image')
    throw wrongMethod(
      model,
      'predictLongRunning',
      'it makes images: send it to :predict or :generateContent',
    );
  throw retirement ? unavailable(model, retirement) : invalidRequest(errors);
}

export interface ImageRules extends Pick<RequestRules, 'catalogue' | 'today' | 'aliasRetired'> {
  /** The order of preference where both serve a model. */
  readonly providers: readonly ImageProviderName[];
  /** The models are simulated, and still serve the methods of retired models. */
  readonly hasRetiredMethods?: boolean;
}

/** @throws ProblemError 404 for an unknown or retired model, 400 for a model without this method */
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
  if (!retirement) throw refusedModel(model, method, rules);
  const successor = aliasRetired ? livingImageModel(retirement.runsOn.model, rules) : undefined;
  const aliasOf = { model, retiredOn: retirement.date };
  if (successor?.surface === method) return { spec: successor, aliasOf };
  const retired = rules.hasRetiredMethods ? retiredImageModel(model, method, rules) : undefined;
  if (retired?.model === model) return { spec: retired };
  if (retired && aliasRetired) return { spec: retired, aliasOf };
  throw successor ? movedTo(model, retirement, successor) : unavailable(model, retirement);

  function livingImageModel(name: string, { providers }: ImageRules): ImageModelSpec | undefined {
    for (const provider of providers) {
      const spec = findModel(catalogue, name, provider);
      if (spec?.kind === 'image' && isServed(spec, today)) return spec;
    }
    return undefined;
  }
}

/** For a model without a retirement: unknown, or outside the locations of the deployment's data. */
function refusedModel(model: string, method: CompatMethod, { catalogue, providers }: ImageRules): Error {
  const outside = providers.map((provider) => findModel(catalogue, model, provider)?.outside).find(Boolean);
  return outside ? notFound(`models/${model} is refused: ${outside}.`) : unknownModel(model, method);
}

/** The model itself, or any with this method. */
function retiredImageModel(
  model: string,
  method: ImageModelSpec['surface'],
  { catalogue, providers }: ImageRules,
): ImageModelSpec | undefined {
  const images = catalogue.models.filter(
    (spec) => spec.kind === 'image' && spec.surface === method && spec.outside === undefined,
  );
  const specs = providers.flatMap((provider) => images.filter((spec) => spec.provider === provider));
  const found = specs.find((spec) => spec.model === model) ?? specs[0];
  return found?.kind === 'image' ? found : undefined;
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
