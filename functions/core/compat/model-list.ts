/** `models.list` and `models.get` of Google's surfaces: the models whose calls are accepted, in each surface's shape. */
import { findModel, findRetired, isRetired, type ModelSpec } from '../catalogue/catalogue.ts';
import type { CompatOrigin } from '../job/video-request.ts';
import { notFound, ProblemError } from '../problem.ts';
import type { RequestRules } from '../request/request-model.ts';
import {
  type CompatMethod,
  type ImageRules,
  imageModelFor,
  type RunningModel,
  unavailable,
  videoModelFor,
} from './models.ts';

export interface ListRules extends RequestRules, Pick<ImageRules, 'providers' | 'hasRetiredMethods'> {
  readonly surface: CompatOrigin['surface'];
}

export interface ListedModel extends RunningModel<ModelSpec> {
  /** The id that calls use. With `aliasOf` it is a retired id, and `spec` is the model that runs. */
  readonly model: string;
  readonly method: CompatMethod;
  /** When Google retired the id, `YYYY-MM-DD`. */
  readonly retiredOn?: string;
}

/**
 * Every id that a call may name. Retired ids come last: a program that takes the first model with the method that it
 * needs gets a living one, and a program that looks for its retired model still finds it.
 */
export function listModels(rules: ListRules): ListedModel[] {
  const { models, retired } = rules.catalogue;
  const ids = new Set([
    ...models.flatMap(({ model, ...spec }) =>
      'onVertex' in spec && spec.onVertex?.model !== undefined ? [model, spec.onVertex.model] : [model],
    ),
    ...retired.map(({ model }) => model),
  ]);
  const listed = [...ids].flatMap((model) => listedModel(model, rules) ?? []);
  return [
    ...listed.filter(({ retiredOn }) => retiredOn === undefined),
    ...listed.filter(({ retiredOn }) => retiredOn !== undefined),
  ];
}

/** @throws ProblemError 404 for a model whose calls are refused */
export function getModel(model: string, rules: ListRules): ListedModel {
  const listed = listedModel(model, rules);
  if (listed) return listed;
  const { retirement } = findModel(rules.catalogue, model) ?? findRetired(rules.catalogue, model) ?? {};
  throw retirement ? unavailable(model, retirement) : notFound(`models/${model} is not found.`);
}

function listedModel(model: string, rules: ListRules): ListedModel | undefined {
  const image = (method: 'generateContent' | 'predict') => () => imageModelFor(model, method, rules);
  const ways: readonly (readonly [CompatMethod, () => RunningModel<ModelSpec>])[] = [
    ['predictLongRunning', () => videoModelFor(model, rules.surface, rules)],
    ['generateContent', image('generateContent')],
    ['predict', image('predict')],
  ];
  for (const [method, run] of ways) {
    const running = orRefused(run);
    if (!running) continue;
    const { spec, aliasOf } = running;
    const retiredOn =
      aliasOf?.retiredOn ?? (isRetired(spec, rules.today) ? spec.retirement?.date : undefined);
    return { model, method, spec, ...(aliasOf ? { aliasOf } : {}), ...(retiredOn ? { retiredOn } : {}) };
  }
  return undefined;
}

function orRefused<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof ProblemError) return undefined;
    throw error;
  }
}

/** About four characters of English. */
const CHARACTERS_PER_TOKEN = 4;

/** `Model` of the Developer API. */
export function developerModel(listed: ListedModel): Readonly<Record<string, unknown>> {
  const { model, method, spec } = listed;
  return {
    name: `models/${model}`,
    version: /\d+(?:\.\d+)?/.exec(model)?.[0] ?? '001',
    displayName: titleOf(model),
    description: descriptionOf(listed),
    inputTokenLimit: Math.floor(spec.promptCharactersMax / CHARACTERS_PER_TOKEN),
    supportedGenerationMethods: [method],
  };
}

/** `PublisherModel` of Vertex AI, which has no description. */
export function publisherModel({ model, spec, retiredOn }: ListedModel): Readonly<Record<string, unknown>> {
  const isStable = spec.stage === 'ga' && retiredOn === undefined;
  return {
    name: `publishers/google/models/${model}`,
    versionId: /-(\d{3})$/.exec(model)?.[1] ?? 'default',
    openSourceCategory: 'PROPRIETARY',
    launchStage: spec.stage === 'ga' ? 'GA' : 'PUBLIC_PREVIEW',
    versionState: isStable ? 'VERSION_STATE_STABLE' : 'VERSION_STATE_UNSTABLE',
  };
}

const titleOf = (model: string): string =>
  model
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(' ');

function descriptionOf({ spec, aliasOf, retiredOn }: ListedModel): string {
  const makes =
    spec.kind === 'video'
      ? `Generates videos; modes: ${[...spec.modes].join(', ')}.`
      : `Generates ${spec.edits ? 'and edits ' : ''}images.`;
  if (retiredOn === undefined) return makes;
  const runs = aliasOf ? `calls run on ${spec.model}` : 'this deployment still accepts calls';
  // Genkit hides models whose description contains 'deprecated'.
  return `deprecated: retired on ${retiredOn}; ${runs}. ${makes}`;
}
