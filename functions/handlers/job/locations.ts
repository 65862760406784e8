/**
 * The location of a paid call. The catalogue lists the locations of a model in the order in which they are tried. Google
 * counts quotas by location, so a refusal for quota moves the job to the next one; its attempt then stays there.
 */
import { findModel } from '../../core/catalogue/catalogue.ts';
import type { ProviderName } from '../../core/catalogue/vocabulary.ts';
import type { SubmitFailure } from '../../core/job/errors.ts';
import type { Services } from '../../ports.ts';

type Model = { readonly provider: ProviderName; readonly model: string };

/**
 * @param refusalsInARow refusals of the job since the last other answer; after the last location the first one follows
 * @throws Error for a model outside the locations of the deployment's data: the job was accepted before they were set
 */
export function locationOf(services: Services, model: Model, refusalsInARow: number): string {
  const refused = findModel(services.catalogue, model.model, model.provider)?.outside;
  if (refused !== undefined) throw new Error(`${model.provider}/${model.model} is refused: ${refused}.`);
  const locations = locationsOf(services, model);
  return locations[refusalsInARow % locations.length] ?? services.settings.locations[model.provider];
}

/** Whether another location has not been tried yet. The model is then not closed, and `Retry-After` does not apply. */
export const hasNextLocation = (services: Services, model: Model, refusalsInARow: number): boolean => {
  const { length } = locationsOf(services, model);
  return refusalsInARow % length < length - 1;
};

/** The failure without the `Retry-After` of a location that the next call does not use. */
export const withoutRetryAfter = (failure: SubmitFailure): SubmitFailure =>
  failure.outcome === 'rejected' && failure.error.code === 'RESOURCE_EXHAUSTED'
    ? { ...failure, retryAfterMs: undefined }
    : failure;

const locationsOf = ({ catalogue, settings }: Services, { provider, model }: Model): readonly string[] =>
  findModel(catalogue, model, provider)?.locations ?? [settings.locations[provider]];
