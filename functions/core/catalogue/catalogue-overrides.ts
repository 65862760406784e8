/** The catalogue of one deployment, with its own prices, quotas, retirement dates and limits. */
import { z } from 'zod';
import type { Catalogue, ModelSpec } from './catalogue.ts';
import { PROVIDERS, RESOLUTIONS, STAGES } from './vocabulary.ts';

const price = z.strictObject({ withAudio: z.number().min(0), silent: z.number().min(0) });

export const catalogueOverridesSchema = z.record(
  z.string().regex(new RegExp(`^(?:${PROVIDERS.join('|')})/\\S+$`), 'must be provider/model'),
  z.strictObject({
    pricePerSecondUsd: z.partialRecord(z.enum(RESOLUTIONS), price).exactOptional(),
    pricePerImageUsd: z.number().min(0).exactOptional(),
    requestsPerMinute: z.number().positive().exactOptional(),
    stage: z.enum(STAGES).exactOptional(),
    /** Tried in this order: when one is over its quota, the next one is called. */
    locations: z
      .array(
        z
          .string()
          .regex(/^(?:global|us|eu|[a-z]+-[a-z]+\d{1,2})$/, 'must be global or a location like us-central1'),
      )
      .min(1)
      .exactOptional(),
    /** `null`: the model is live. */
    retirementDate: z
      .string()
      .regex(/^\d{4}-\d\d-\d\d$/, 'must be a day like 2026-11-21')
      .nullable()
      .exactOptional(),
  }),
);
export type CatalogueOverrides = z.infer<typeof catalogueOverridesSchema>;

/** @throws Error for an unknown model, or for a price that does not fit the model's kind */
export function overrideCatalogue(catalogue: Catalogue, overrides: CatalogueOverrides): Catalogue {
  const known = new Set(catalogue.models.map(({ provider, model }) => `${provider}/${model}`));
  const unknown = Object.keys(overrides).filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new Error(`The catalogue has no ${unknown.join(', ')}. Use a provider/model of GET /v1/models.`);
  return {
    ...catalogue,
    models: catalogue.models.map((spec) => overridden(spec, overrides[`${spec.provider}/${spec.model}`])),
  };
}

function overridden(spec: ModelSpec, change: CatalogueOverrides[string] | undefined): ModelSpec {
  if (!change) return spec;
  const { pricePerSecondUsd, pricePerImageUsd, retirementDate, ...plain } = change;
  const retirement =
    retirementDate === undefined
      ? spec.retirement
      : retirementDate === null
        ? undefined
        : { ...(spec.retirement ?? withoutSuccessor(spec)), date: retirementDate };
  if (spec.kind === 'image') {
    if (pricePerSecondUsd)
      throw new Error(`${spec.model} makes images; set pricePerImageUsd, not pricePerSecondUsd.`);
    return { ...spec, ...plain, retirement, pricePerImageUsd: pricePerImageUsd ?? spec.pricePerImageUsd };
  }
  if (pricePerImageUsd !== undefined)
    throw new Error(`${spec.model} makes videos; set pricePerSecondUsd, not pricePerImageUsd.`);
  return {
    ...spec,
    ...plain,
    retirement,
    pricePerSecondUsd: { ...spec.pricePerSecondUsd, ...pricePerSecondUsd },
  };
}

/** For a retirement that the table does not know yet. */
const withoutSuccessor = ({ provider, model }: ModelSpec) => ({
  replacement: 'another model',
  runsOn: { provider, model },
});

/** The catalogue with Omni's limits on Vertex AI, for a deployment without a key of the Developer API. */
export const withOmniOnVertex = (catalogue: Catalogue): Catalogue => ({
  ...catalogue,
  models: catalogue.models.map((spec) => {
    if (spec.kind !== 'video' || !spec.onVertex || !spec.extension) return spec;
    const { inputSecondsMax, totalSecondsMax } = spec.onVertex;
    // Vertex AI reads the video from the bucket.
    const { uploadSecondsMax: _, ...extension } = spec.extension;
    return { ...spec, extension: { ...extension, inputSecondsMax, totalSecondsMax } };
  }),
});

/**
 * The catalogue with the Vertex models of this deployment in its own location. A model that Google serves under the global
 * endpoint keeps it.
 */
export const withVertexLocation = (catalogue: Catalogue, location: string): Catalogue => ({
  ...catalogue,
  models: catalogue.models.map((spec) =>
    spec.provider !== 'vertex' || spec.locations.includes('global')
      ? spec
      : { ...spec, locations: [location] },
  ),
});
