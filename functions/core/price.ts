import type { ModelSpec, Resolution } from './catalogue.ts';

/** What a stage costs if every video it asks for is delivered, in US dollars, rounded up to a hundredth of a cent. */
export function estimateUsd(
  spec: ModelSpec,
  asked: {
    readonly resolution: Resolution;
    readonly durationSeconds: number;
    readonly sampleCount: number;
    readonly generateAudio: boolean;
  },
): number {
  const price = spec.pricePerSecondUsd[asked.resolution];
  if (!price) throw new RangeError(`${spec.model} has no price for ${asked.resolution}`);
  const perSecond = asked.generateAudio ? price.withAudio : price.silent;
  // Rounded after shaving the binary noise of products such as 0.1 * 8 * 3.
  return Math.ceil(perSecond * asked.durationSeconds * asked.sampleCount * 10_000 - 1e-6) / 10_000;
}
