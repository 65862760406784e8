/** How long a generation takes: 11 s to 6 min as documented, mostly about 2 min. */
import type { Resolution, VeoModel } from './catalogue.ts';
import { gaussian, type Random } from './random.ts';

const MIN_MS = 11_000;
const MAX_MS = 360_000;
const MEDIAN_MS = 110_000;
/** Of the logarithm: two thirds of the standard model's videos take 73 s to 164 s. */
const SPREAD = 0.4;
/** 4k "adds minutes". */
const EXTRA_MS: Readonly<Record<Resolution, number>> = { '720p': 0, '1080p': 15_000, '4k': 90_000 };

/** At the model's own speed, in whole milliseconds. */
export function drawLatencyMs(
  model: Pick<VeoModel, 'latencyFactor'>,
  resolution: Resolution,
  random: Random,
): number {
  const drawn = MEDIAN_MS * model.latencyFactor * Math.exp(SPREAD * gaussian(random)) + EXTRA_MS[resolution];
  return Math.round(Math.min(MAX_MS, Math.max(MIN_MS, drawn)));
}

/** How long before the operation says done its objects can be seen: up to 2 s. */
export const drawLeadMs = (random: Random): number => Math.round(200 + 1_800 * random());
