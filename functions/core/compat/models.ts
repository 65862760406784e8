/** The model that a path of Google's surfaces names, and the one that runs for it. */
import {
  type Catalogue,
  findModel,
  findRetired,
  type ImageModelSpec,
  isRetired,
  type Retirement,
  type VideoModelSpec,
} from '../catalogue.ts';
import { type FieldError, invalidRequest, notFound } from '../problem.ts';
import { type RequestRules, videoModelOf } from '../request-model.ts';

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

/** @throws ProblemError 404 for a model that is unknown or gone, 400 for one that makes no videos */
export function videoModelFor(model: string, rules: RequestRules): RunningModel<VideoModelSpec> {
  const known = findModel(rules.catalogue, model);
  const retirement = known?.retirement ?? findRetired(rules.catalogue, model)?.retirement;
  if (!known && !retirement) throw unknownModel(model, 'predictLongRunning');
  const errors: FieldError[] = [];
  const chosen = videoModelOf({ model }, rules, errors);
  if (chosen) return chosen;
  if (known?.kind === 'image')
    throw wrongMethod(model, 'predictLongRunning', 'it makes pictures, and answers at once');
  throw retirement ? unavailable(model, retirement) : invalidRequest(errors);
}

export interface ImageRules extends Pick<RequestRules, 'catalogue' | 'today' | 'aliasRetired'> {
  /** Which is asked first where both serve a model. */
  readonly providers: readonly ('vertex' | 'gemini')[];
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
  const retirement = retirementOf(catalogue, model);
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

const retirementOf = (catalogue: Catalogue, model: string): Retirement | undefined =>
  findModel(catalogue, model)?.retirement ?? findRetired(catalogue, model)?.retirement;
