/** Data residency: the models that a deployment may call, by the locations where its data may be. */
import type { Catalogue, ModelSpec } from './catalogue.ts';

/** The Developer API and Omni have no regional endpoint, whatever an override names. */
const placesOf = ({ provider, locations }: ModelSpec): readonly string[] =>
  provider === 'vertex' ? locations : ['global'];

/**
 * The catalogue in which models keep only the allowed locations. A model without one stays, so that its earlier jobs can
 * be read, and says in `outside` why no new job gets it.
 * @param allowed empty: anywhere
 */
export function withDataLocations(catalogue: Catalogue, allowed: readonly string[]): Catalogue {
  if (allowed.length === 0) return catalogue;
  return {
    ...catalogue,
    models: catalogue.models.map((spec) => {
      const locations = placesOf(spec).filter((place) => allowed.includes(place));
      return locations.length > 0 ? { ...spec, locations } : { ...spec, outside: outside(spec, allowed) };
    }),
  };
}

const outside = (spec: ModelSpec, allowed: readonly string[]): string =>
  `Google serves it in ${placesOf(spec).join(', ')}, and the data of this deployment stays in ${allowed.join(', ')}`;
