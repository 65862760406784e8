/** What a request says besides its inputs: models by their names, templates, people, labels, topics, sizes. */
import { describe, expect, it } from 'vitest';
import { idOnVertex } from '../../../functions/core/catalogue/catalogue.ts';
import {
  overrideCatalogue,
  withOmniOnVertex,
} from '../../../functions/core/catalogue/catalogue-overrides.ts';
import { CATALOGUE } from '../../../functions/core/catalogue/models.ts';
import { estimateUsd } from '../../../functions/core/job/price.ts';
import { stagesOf } from '../../../functions/core/job/stages.ts';
import { ProblemError } from '../../../functions/core/problem.ts';

import { complete, fieldsOf, NONE, problemOf, RULES, VIDEO, video } from '../../support/parsed-requests.ts';

describe('a Pub/Sub topic', () => {
  const topic = 'projects/p/topics/t';
  const body = { prompt: 'a', pubsubTopic: topic };

  it('is taken where the operator has allowed it, for every stage', () => {
    const request = complete({ ...body, extensions: [{}] }, NONE, { ...RULES, pubsubTopics: [topic] });
    expect(stagesOf(request)).toMatchObject([
      { settings: { pubsubTopic: topic } },
      { settings: { pubsubTopic: topic } },
    ]);
  });

  it('is refused otherwise, with the reason and what to do', () => {
    for (const pubsubTopics of [[], ['projects/p/topics/other']]) {
      const { detail } = problemOf(body, NONE, { ...RULES, pubsubTopics });
      expect(detail).toContain('identity');
      expect(detail).toContain('CLAPPER_ALLOWED_PUBSUB_TOPICS');
    }
    const rules = { ...RULES, pubsubTopics: [topic] };
    const ofOmni = problemOf({ ...body, model: 'gemini-omni-1.2-flash' }, NONE, rules);
    expect(ofOmni.detail).toContain('provider omni');
  });
});

describe('the size of a first frame', () => {
  const body = (imageSize?: string) => ({
    prompt: 'a',
    durationSeconds: 4,
    firstFrame: { prompt: 'b', model: 'gemini-3.1-flash-image', imageSize },
  });

  it('is passed to its stage and has its price', () => {
    const request = complete(body('4K'));
    expect(stagesOf(request)[0]).toMatchObject({ kind: 'image', imageSize: '4K' });
    expect(estimateUsd(CATALOGUE, request) - estimateUsd(CATALOGUE, complete(body()))).toBeCloseTo(0.0838);
  });

  it('is refused with those that the model makes', () => {
    const lite = { prompt: 'b', model: 'gemini-3.1-flash-lite-image', imageSize: '2K' };
    expect(problemOf({ prompt: 'a', firstFrame: lite }).detail).toContain('allowed: 1K');
  });
});

describe('Imagen on the Developer API', () => {
  const body = {
    prompt: 'a',
    firstFrame: { prompt: 'b', provider: 'gemini', model: 'imagen-4.0-generate-001' },
  };

  it('was retired, runs where retired models do, and on Vertex’s where that stands in for it', () => {
    expect(problemOf(body).detail).toContain('2026-08-17');
    expect(complete(body, NONE, { ...RULES, allowRetired: true }).firstFrame).toMatchObject({
      provider: 'gemini',
    });
    expect(complete(body, NONE, { ...RULES, aliasRetired: true }).firstFrame).toMatchObject({
      provider: 'vertex',
      model: 'imagen-4.0-generate-001',
      aliasOf: { retiredOn: '2026-08-17' },
    });
  });
});

describe('a retired model', () => {
  it('is refused with its date and its successor', () => {
    for (const model of ['veo-2.0-generate-001', 'veo-3.0-fast-generate-001', 'veo-3.0-generate-preview']) {
      const { detail } = problemOf({ prompt: 'a', model });
      expect(detail).toMatch(/was retired on 2026-0[46]-\d\d; use veo-3\.1-/);
    }
  });

  it('runs on its successor where that is allowed, and the request says so', () => {
    const rules = { ...RULES, aliasRetired: true };
    expect(complete({ prompt: 'a', model: 'veo-3.0-fast-generate-001' }, NONE, rules)).toMatchObject({
      provider: 'vertex',
      model: 'veo-3.1-fast-generate-001',
      aliasOf: { model: 'veo-3.0-fast-generate-001', retiredOn: '2026-06-30' },
    });
    expect(complete({ prompt: 'a', model: 'veo-3.1-generate-preview' }, NONE, rules)).toMatchObject({
      model: 'veo-3.1-generate-001',
      aliasOf: { retiredOn: '2026-10-22' },
    });
    expect(complete({ prompt: 'a' }, NONE, rules).aliasOf).toBeUndefined();
  });

  it('checks what is asked against the successor', () => {
    expect(
      fieldsOf({ prompt: 'a', model: 'veo-2.0-generate-001', durationSeconds: 5 }, NONE, {
        ...RULES,
        aliasRetired: true,
      }),
    ).toEqual(['durationSeconds']);
  });
});

describe('labels and frames per second', () => {
  it('are kept as they are given', () => {
    expect(complete({ prompt: 'a', labels: { team: 'x' }, fps: 24 })).toMatchObject({
      labels: { team: 'x' },
      fps: 24,
    });
  });
});

describe('people in the picture', () => {
  it('are fewer where the law says so', () => {
    const rules = { ...RULES, restrictedRegion: true };
    const body = (personGeneration: string) => ({ prompt: 'a', personGeneration });
    expect(complete(body('allow_all')).personGeneration).toBe('allow_all');
    expect(fieldsOf(body('allow_all'), NONE, rules)).toEqual(['personGeneration']);
    expect(complete(body('dont_allow'), NONE, rules).personGeneration).toBe('dont_allow');
  });

  it('have to be what every stage takes: the error names what each mode does', () => {
    const rules = { ...RULES, allowRetired: true };
    const chain = {
      ...{ model: 'veo-3.1-generate-preview', firstFrame: { prompt: 'b' }, extensions: [{}] },
      ...{ prompt: 'a', resolution: '720p' },
    };
    const detailOf = (personGeneration: string): string => {
      try {
        complete({ ...chain, personGeneration }, NONE, rules);
      } catch (error) {
        if (error instanceof ProblemError) return error.problem.errors?.[0]?.detail ?? '';
      }
      throw new Error('nothing was refused');
    };
    for (const people of ['allow_all', 'allow_adult'])
      expect(detailOf(people)).toBe(
        `is "${people}"; veo-3.1-generate-preview takes allow_adult in mode image; allow_all in mode extension.`,
      );
    expect(complete(chain, NONE, rules).personGeneration).toBeUndefined();
    const single = { ...chain, extensions: undefined, personGeneration: 'allow_adult' };
    expect(complete(single, NONE, rules).personGeneration).toBe('allow_adult');
  });
});

describe('templates in a request', () => {
  const body = {
    prompt: 'A {animal}',
    negativePrompt: '{not=dogs}',
    extensions: [{ prompt: 'the {animal} sleeps' }],
  };

  it('are filled where variables are given, and only then', () => {
    expect(complete({ ...body, variables: { animal: 'cat' } })).toMatchObject({
      prompt: 'A cat',
      negativePrompt: 'dogs',
      extensions: [{ prompt: 'the cat sleeps' }],
    });
    expect(complete(body).prompt).toBe('A {animal}');
  });

  it('name the variables that are missing, and those that nothing uses', () => {
    expect(fieldsOf({ ...body, variables: { anmal: 'cat' } })).toEqual([
      'variables.animal',
      'variables.animal',
      'variables.anmal',
    ]);
  });
});

describe('overrides of the catalogue', () => {
  it('change prices, quotas and retirement of one model', () => {
    const changed = overrideCatalogue(CATALOGUE, {
      'vertex/veo-3.1-generate-001': {
        requestsPerMinute: 5,
        pricePerSecondUsd: { '720p': { withAudio: 1, silent: 0.5 } },
      },
      'gemini/veo-3.1-generate-preview': { retirementDate: null },
    });
    const [veo] = changed.models;
    expect(veo).toMatchObject({
      requestsPerMinute: 5,
      pricePerSecondUsd: { '720p': { withAudio: 1 }, '4k': { withAudio: 0.6 } },
    });
    const rules = { ...RULES, catalogue: changed };
    expect(complete({ prompt: 'a', model: 'veo-3.1-generate-preview' }, NONE, rules).provider).toBe('gemini');
  });

  it('make Omni what Vertex AI serves: longer in all, one model by another name', () => {
    const long = { prompt: 'a', model: 'gemini-omni-1.1-flash-preview', video: VIDEO, durationSeconds: 10 };
    expect(fieldsOf(long, video(28))).toEqual(['video']);
    const rules = { ...RULES, catalogue: withOmniOnVertex(CATALOGUE) };
    expect(complete(long, video(28), rules)).toMatchObject({
      model: 'gemini-omni-1.1-flash',
      durationSeconds: 10,
    });
    expect(idOnVertex(CATALOGUE, 'gemini-omni-1.1-flash', 'omni')).toBe('gemini-omni-1.1-flash-preview');
    expect(idOnVertex(CATALOGUE, 'gemini-omni-1.2-flash', 'omni')).toBe('gemini-omni-1.2-flash');
  });

  it('of a model that is not there, or of the wrong kind, are refused', () => {
    expect(() => overrideCatalogue(CATALOGUE, { 'vertex/veo-9': {} })).toThrow('veo-9');
    expect(() =>
      overrideCatalogue(CATALOGUE, { 'vertex/gemini-3-pro-image': { pricePerSecondUsd: {} } }),
    ).toThrow('pictures');
    expect(() =>
      overrideCatalogue(CATALOGUE, { 'vertex/veo-3.1-generate-001': { pricePerImageUsd: 1 } }),
    ).toThrow('videos');
  });
});
