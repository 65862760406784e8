/** The parameters of a request: models, templates, personGeneration, labels, topics and sizes. */
import { describe, expect, it } from 'vitest';
import { findModel, idOnVertex } from '../../../functions/core/catalogue/catalogue.ts';
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

  it('is accepted when the operator has allowed it, and applies to every stage', () => {
    const request = complete({ ...body, extensions: [{}] }, NONE, { ...RULES, pubsubTopics: [topic] });
    expect(stagesOf(request)).toMatchObject([
      { settings: { pubsubTopic: topic } },
      { settings: { pubsubTopic: topic } },
    ]);
  });

  it('is otherwise refused, with the reason and the remedy', () => {
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

  it('is passed to the image stage and changes the price', () => {
    const request = complete(body('4K'));
    expect(stagesOf(request)[0]).toMatchObject({ kind: 'image', imageSize: '4K' });
    expect(estimateUsd(CATALOGUE, request) - estimateUsd(CATALOGUE, complete(body()))).toBeCloseTo(0.0838);
  });

  it('is refused with the sizes that the model makes', () => {
    const lite = { prompt: 'b', model: 'gemini-3.1-flash-lite-image', imageSize: '2K' };
    expect(problemOf({ prompt: 'a', firstFrame: lite }).detail).toContain('allowed: 1K');
  });
});

describe.each([
  ['vertex', '2026-06-30'],
  ['gemini', '2026-08-17'],
])('Imagen of provider %s', (provider, retiredOn) => {
  it.each([
    ['imagen-4.0-generate-001', 'gemini-3.1-flash-image'],
    ['imagen-4.0-fast-generate-001', 'gemini-3.1-flash-image'],
    ['imagen-4.0-ultra-generate-001', 'gemini-3-pro-image'],
  ])('%s is refused as retired, unless retired models are allowed or run on %s', (model, successor) => {
    const body = { prompt: 'a', firstFrame: { prompt: 'b', provider, model } };
    expect(problemOf(body).detail).toContain(`was retired on ${retiredOn}; use ${successor}.`);
    expect(complete(body, NONE, { ...RULES, allowRetired: true }).firstFrame).toMatchObject({
      provider,
      model,
    });
    expect(complete(body, NONE, { ...RULES, aliasRetired: true }).firstFrame).toMatchObject({
      ...{ provider: 'vertex', model: successor },
      aliasOf: { model, retiredOn },
    });
  });
});

describe('a retired model', () => {
  it('is refused with its retirement date and its successor', () => {
    for (const model of ['veo-2.0-generate-001', 'veo-3.0-fast-generate-001', 'veo-3.0-generate-preview']) {
      const { detail } = problemOf({ prompt: 'a', model });
      expect(detail).toMatch(/was retired on 2026-0[46]-\d\d; use veo-3\.1-/);
    }
  });

  it('is replaced by its successor when aliases are on, and the request records it', () => {
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

  it('has its parameters checked against the successor', () => {
    expect(
      fieldsOf({ prompt: 'a', model: 'veo-2.0-generate-001', durationSeconds: 5 }, NONE, {
        ...RULES,
        aliasRetired: true,
      }),
    ).toEqual(['durationSeconds']);
  });
});

describe('labels and frames per second', () => {
  it('are kept unchanged', () => {
    expect(complete({ prompt: 'a', labels: { team: 'x' }, fps: 24 })).toMatchObject({
      labels: { team: 'x' },
      fps: 24,
    });
  });
});

describe('personGeneration', () => {
  it('allows fewer values in a restricted region', () => {
    const rules = { ...RULES, restrictedRegion: true };
    const body = (personGeneration: string) => ({ prompt: 'a', personGeneration });
    expect(complete(body('allow_all')).personGeneration).toBe('allow_all');
    expect(fieldsOf(body('allow_all'), NONE, rules)).toEqual(['personGeneration']);
    expect(complete(body('dont_allow'), NONE, rules).personGeneration).toBe('dont_allow');
  });

  it('must be a value that every stage accepts; the error lists the values of each mode', () => {
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
        `is "${people}"; veo-3.1-generate-preview takes allow_adult with firstFrame; allow_all with extensions.`,
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

  it('are filled when variables are given, and refused when a value is missing', () => {
    expect(complete({ ...body, variables: { animal: 'cat' } })).toMatchObject({
      prompt: 'A cat',
      negativePrompt: 'dogs',
      extensions: [{ prompt: 'the cat sleeps' }],
    });
    expect(fieldsOf(body)).toEqual(['prompt', 'extensions.0.prompt']);
  });

  it('are refused with the missing and the unused variables', () => {
    expect(fieldsOf({ ...body, variables: { anmal: 'cat' } })).toEqual([
      'variables.animal',
      'variables.animal',
      'variables.anmal',
    ]);
  });
});

describe('overrides of the catalogue', () => {
  it('change the prices, quota and retirement date of one model', () => {
    const changed = overrideCatalogue(CATALOGUE, {
      'vertex/veo-3.1-generate-001': {
        requestsPerMinute: 5,
        pricePerSecondUsd: { '720p': { withAudio: 1, silent: 0.5 } },
      },
      'gemini/veo-3.1-generate-preview': { retirementDate: null },
    });
    expect(findModel(changed, 'veo-3.1-generate-001')).toMatchObject({
      requestsPerMinute: 5,
      pricePerSecondUsd: { '720p': { withAudio: 1 }, '4k': { withAudio: 0.6 } },
    });
    const rules = { ...RULES, catalogue: changed };
    expect(complete({ prompt: 'a', model: 'veo-3.1-generate-preview' }, NONE, rules).provider).toBe('gemini');
  });

  it('adapt Omni to Vertex AI: a longer total duration, and another name for one model', () => {
    const long = { prompt: 'a', model: 'gemini-omni-1.1-flash-preview', video: VIDEO, durationSeconds: 10 };
    expect(fieldsOf(long, video(28))).toEqual(['video']);
    const rules = { ...RULES, catalogue: withOmniOnVertex(CATALOGUE) };
    expect(complete(long, video(28), rules)).toMatchObject({
      model: 'gemini-omni-1.1-flash',
      durationSeconds: 10,
    });
    expect(complete(long, video(30), rules).durationSeconds).toBe(10);
    expect(fieldsOf({ ...long, durationSeconds: 3 }, video(31), rules)).toEqual(['video']);
    expect(idOnVertex(CATALOGUE, 'gemini-omni-1.1-flash', 'omni')).toBe('gemini-omni-1.1-flash-preview');
    expect(idOnVertex(CATALOGUE, 'gemini-omni-1.2-flash', 'omni')).toBe('gemini-omni-1.2-flash');
  });

  it('are refused for an unknown model and for fields of another kind of model', () => {
    expect(() => overrideCatalogue(CATALOGUE, { 'vertex/veo-9': {} })).toThrow('veo-9');
    expect(() =>
      overrideCatalogue(CATALOGUE, { 'vertex/gemini-3-pro-image': { pricePerSecondUsd: {} } }),
    ).toThrow('makes images');
    expect(() =>
      overrideCatalogue(CATALOGUE, { 'vertex/veo-3.1-generate-001': { pricePerImageUsd: 1 } }),
    ).toThrow('videos');
  });
});
