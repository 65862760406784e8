import { describe, expect, it } from 'vitest';
import { findModel, type ModelSpec } from '../../functions/core/catalogue.ts';
import { estimateUsd } from '../../functions/core/price.ts';

const spec = (model: string): ModelSpec => {
  const found = findModel(model);
  if (!found) throw new Error(model);
  return found;
};
const asked = { resolution: '720p', durationSeconds: 8, sampleCount: 1, generateAudio: true } as const;

describe('the estimate', () => {
  it('is price × seconds × videos, with and without sound', () => {
    expect(estimateUsd(spec('veo-3.1-generate-001'), asked)).toBe(3.2);
    expect(estimateUsd(spec('veo-3.1-generate-001'), { ...asked, generateAudio: false })).toBe(1.6);
    expect(estimateUsd(spec('veo-3.1-fast-generate-001'), { ...asked, sampleCount: 3 })).toBe(2.4);
    expect(estimateUsd(spec('veo-3.1-lite-generate-001'), { ...asked, durationSeconds: 4 })).toBe(0.2);
  });

  it('refuses to price what the model does not make', () => {
    expect(() => estimateUsd(spec('veo-3.1-lite-generate-001'), { ...asked, resolution: '4k' })).toThrow(
      'no price',
    );
  });
});
