/** The JSON of `GET /v1/models`: the models of the catalogue, their parameters and prices. */
import {
  type Catalogue,
  imageSizesOf,
  isRetired,
  type ModelSpec,
  resolutionsOf,
} from '../../core/catalogue/catalogue.ts';
import { VIDEO_MIME_TYPE } from '../../core/catalogue/vocabulary.ts';
import { defined } from '../../core/defined.ts';
import { IMAGE_BYTES_MAX } from '../../core/media/image.ts';

/** JSON of the catalogue. Durations are in seconds, prices in US dollars. */
export function modelsView(catalogue: Catalogue, today: string): unknown {
  return {
    date: catalogue.date,
    defaultModel: catalogue.defaultModel,
    models: catalogue.models.map((spec) => modelView(spec, today)),
    retired: catalogue.retired.map(({ model, provider, retirement }) => ({ model, provider, ...retirement })),
  };
}

function modelView(spec: ModelSpec, today: string): unknown {
  const { kind, provider, model, promptCharactersMax, requestsPerMinute, locations, latency, aspectRatios } =
    spec;
  const common = {
    kind,
    provider,
    model,
    stage: isRetired(spec, today) ? 'retired' : spec.stage,
    ...defined({ retirement: spec.retirement, refusedBecause: spec.outside }),
    aspectRatios,
    promptCharactersMax,
    requestsPerMinute,
    locations,
    latencyMs: latency,
  };
  if (spec.kind === 'image') {
    const { edits, takesPersonGeneration, pricePerImageUsd, sizePriceFactors } = spec;
    return {
      ...common,
      edits,
      takesPersonGeneration,
      sizes: imageSizesOf(spec),
      pricePerImageUsd,
      sizePriceFactors,
    };
  }
  const { durationsSeconds, defaultDurationSeconds, highResolutionDurationsSeconds } = spec;
  const { sampleCountMax, personGeneration, personGenerationRestricted, referenceImagesMax } = spec;
  const { referenceVideos, extension, editing } = spec;
  return {
    ...common,
    ...defined({ modelOnVertex: spec.onVertex?.model }),
    modes: [...spec.modes],
    needsPrompt: spec.needsPrompt,
    parameters: [...spec.takes],
    durationsSeconds,
    defaultDurationSeconds,
    highResolutionDurationsSeconds,
    inMode: Object.fromEntries([...spec.modes].map((mode) => [mode, spec.inMode?.[mode]])),
    resolutions: resolutionsOf(spec),
    defaultResolution: spec.defaultResolution,
    sampleCountMax,
    personGeneration,
    personGenerationRestricted,
    referenceImagesMax,
    referenceVideos,
    extension,
    editing,
    ...(spec.takes.has('seed') ? { seed: { min: 0, max: spec.seedMax } } : {}),
    inputs: { images: spec.imageMimeTypes, imageBytesMax: IMAGE_BYTES_MAX, video: VIDEO_MIME_TYPE },
    pricePerSecondUsd: spec.pricePerSecondUsd,
  };
}
