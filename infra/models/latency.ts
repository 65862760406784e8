/** The latency of a generation: 11 s to 6 min as documented, typically about 2 min. */
import type { Resolution, VeoModel } from './catalogue.ts';
import { gaussian, type Random } from './random.ts';

const MIN_MS = 11_000;
const MAX_MS = 360_000;
const MEDIAN_MS = 110_000;
/** Standard deviation of the logarithm: two thirds of the standard model's videos take 73 s to 164 s. */
const SPREAD = 0.4;
/** Google documents that 4k "adds minutes". */
const EXTRA_MS: Readonly<Record<Resolution, number>> = { '720p': 0, '1080p': 15_000, '4k': 90_000 };

/** In whole milliseconds, before the division by the speed-up. */
export function drawLatencyMs(
  model: Pick<VeoModel, 'latencyFactor'>,
  resolution: Resolution,
  random: Random,
): number {
  const drawn = MEDIAN_MS * model.latencyFactor * Math.exp(SPREAD * gaussian(random)) + EXTRA_MS[resolution];
  return Math.round(Math.min(MAX_MS, Math.max(MIN_MS, drawn)));
}

/** How long the objects are visible before the operation reports done: 0.2 s to 2 s. */
export const drawLeadMs = (random: Random): number => Math.round(200 + 1_800 * random());
