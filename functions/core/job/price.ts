import type { Catalogue } from '../catalogue/catalogue.ts';
import { type Stage, specOf, stagesOf } from './stages.ts';
import type { VideoRequest } from './video-request.ts';

/** The price of a stage in US dollars if everything is delivered, rounded up to a hundredth of a cent. */
export function estimateStageUsd(catalogue: Catalogue, stage: Stage): number {
  const spec = specOf(catalogue, stage);
  if (stage.kind === 'image') {
    if (spec.kind !== 'image') throw new RangeError(`${spec.model} makes no images`);
    const factor = stage.imageSize === undefined ? 1 : spec.sizePriceFactors[stage.imageSize];
    if (factor === undefined) throw new RangeError(`${spec.model} has no price for ${stage.imageSize}`);
    return roundUp(spec.pricePerImageUsd * factor);
  }
  const { resolution, generateAudio } = stage.settings;
  const price = spec.kind === 'video' ? spec.pricePerSecondUsd[resolution] : undefined;
  if (!price) throw new RangeError(`${spec.model} has no price for ${resolution}`);
  const perSecond = generateAudio ? price.withAudio : price.silent;
  return roundUp(perSecond * stage.durationSeconds * stage.sampleCount);
}

/** The price of all stages of the request. */
export const estimateUsd = (catalogue: Catalogue, request: VideoRequest): number =>
  roundUp(stagesOf(request).reduce((sum, stage) => sum + estimateStageUsd(catalogue, stage), 0));

// Removes the binary noise of products such as 0.1 * 8 * 3 before rounding up.
const roundUp = (usd: number): number => Math.ceil(usd * 10_000 - 1e-6) / 10_000;
