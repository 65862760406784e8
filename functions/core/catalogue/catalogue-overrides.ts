/** The catalogue as it is for a deployment: where its models run, and prices, quotas and retirement of its own. */
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
    /** `null`: it lives. */
    retirementDate: z
      .string()
      .regex(/^\d{4}-\d\d-\d\d$/)
      .nullable()
      .exactOptional(),
  }),
);
export type CatalogueOverrides = z.infer<typeof catalogueOverridesSchema>;

/** @throws Error for a model that the catalogue does not have, or a price that does not fit its kind */
export function overrideCatalogue(catalogue: Catalogue, overrides: CatalogueOverrides): Catalogue {
  const known = new Set(catalogue.models.map(({ provider, model }) => `${provider}/${model}`));
  const unknown = Object.keys(overrides).filter((name) => !known.has(name));
  if (unknown.length > 0) throw new Error(`The catalogue has no ${unknown.join(', ')}.`);
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
        : { ...(spec.retirement ?? nowhere(spec)), date: retirementDate };
  if (spec.kind === 'image') {
    if (pricePerSecondUsd) throw new Error(`${spec.model} makes pictures; it has no price per second.`);
    return { ...spec, ...plain, retirement, pricePerImageUsd: pricePerImageUsd ?? spec.pricePerImageUsd };
  }
  if (pricePerImageUsd !== undefined)
    throw new Error(`${spec.model} makes videos; it has no price per image.`);
  return {
    ...spec,
    ...plain,
    retirement,
    pricePerSecondUsd: { ...spec.pricePerSecondUsd, ...pricePerSecondUsd },
  };
}

/** A retirement that Google had not announced when the table was made. */
const nowhere = ({ provider, model }: ModelSpec) => ({
  replacement: 'another model',
  runsOn: { provider, model },
});

/** Omni as Vertex AI serves it, for a deployment without a key of the Developer API. */
export const withOmniOnVertex = (catalogue: Catalogue): Catalogue => ({
  ...catalogue,
  models: catalogue.models.map((spec) => {
    if (spec.kind !== 'video' || !spec.onVertex || !spec.extension) return spec;
    const { totalSecondsMax } = spec.onVertex;
    const inputSecondsMax = totalSecondsMax - Math.min(...spec.extension.addsSeconds);
    return { ...spec, extension: { ...spec.extension, inputSecondsMax, totalSecondsMax } };
  }),
});
