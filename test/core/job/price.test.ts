import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../../functions/core/catalogue/models.ts';
import { estimateUsd } from '../../../functions/core/job/price.ts';
import { makeRequest } from '../../support/requests.ts';

const priceOf = (over: Parameters<typeof makeRequest>[0]): number =>
  estimateUsd(CATALOGUE, makeRequest(over));

describe('the estimate', () => {
  it('is price × seconds × videos, with and without audio', () => {
    expect(priceOf({ model: 'veo-3.1-generate-001' })).toBe(3.2);
    expect(priceOf({ model: 'veo-3.1-generate-001', generateAudio: false })).toBe(1.6);
    expect(priceOf({ model: 'veo-3.1-fast-generate-001', sampleCount: 3 })).toBe(2.4);
    expect(priceOf({ model: 'veo-3.1-lite-generate-001', durationSeconds: 4 })).toBe(0.2);
  });

  it('is the sum of the stages: a first frame, a video and two extensions', () => {
    const firstFrame = { provider: 'vertex', model: 'imagen-4.0-generate-001', prompt: 'a cat' } as const;
    const extensions = [{ durationSeconds: 7 }, { durationSeconds: 7 }];
    expect(priceOf({ model: 'veo-3.1-generate-001', firstFrame, extensions })).toBe(0.04 + 3.2 + 2.8 + 2.8);
  });

  it('throws for a resolution that the model does not support', () => {
    expect(() => priceOf({ model: 'veo-3.1-lite-generate-001', resolution: '4k' })).toThrow('no price');
  });
});
