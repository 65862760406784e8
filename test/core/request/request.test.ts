import { describe, expect, it } from 'vitest';
import { resolutionsOf } from '../../../functions/core/catalogue/catalogue.ts';
import { CATALOGUE } from '../../../functions/core/catalogue/models.ts';
import { type Problem, ProblemError } from '../../../functions/core/problem.ts';
import { type ParsedRequest, parseRequest } from '../../../functions/core/request/request.ts';
import type { RequestRules } from '../../../functions/core/request/request-model.ts';

const RULES: RequestRules = {
  catalogue: CATALOGUE,
  today: '2026-11-21',
  allowRetired: false,
  aliasRetired: false,
  restrictedRegion: false,
};
const parse = (body: unknown, rules = RULES): ParsedRequest => parseRequest(body, rules);

function problemOf(body: unknown, rules = RULES): Problem {
  try {
    parse(body, rules);
  } catch (error) {
    if (error instanceof ProblemError) return error.problem;
    throw error;
  }
  throw new Error('the request was accepted');
}
const fieldsOf = (body: unknown): string[] => (problemOf(body).errors ?? []).map(({ field }) => field);

describe('a request', () => {
  it('with an unknown model is refused with the known ones, each once', () => {
    const known = (body: unknown): string[] => {
      const [, list = ''] = /known: (.*)\.$/.exec(problemOf(body).detail) ?? [];
      return list.split(', ');
    };
    const ofKind = (kind: 'video' | 'image'): string[] => [
      ...new Set(CATALOGUE.models.filter((each) => each.kind === kind).map((each) => each.model)),
    ];
    const expectKnown = (kind: 'video' | 'image', names: string[]): void => {
      expect(names).toEqual([...new Set(names)]);
      expect(ofKind(kind)).toEqual(expect.arrayContaining(names));
    };
    const videos = known({ prompt: 'a', model: 'veo-9' });
    expectKnown('video', videos);
    expect(videos).toContain('veo-3.1-fast-generate-001');
    expectKnown('image', known({ prompt: 'a', firstFrame: { prompt: 'b', model: 'veo-9' } }));
    expect(known({ prompt: 'a', model: 'veo-9', provider: 'omni' }).join(' ')).not.toContain('veo-3');
  });

  it('with a missing variable is refused with the variable, not with a missing prompt', () => {
    expect(fieldsOf({ prompt: '{animal}', variables: {} })).toEqual(['variables.animal']);
    expect(fieldsOf({ prompt: '{', variables: {} })).toEqual(['prompt']);
  });

  it('that is not an object is refused; for a list, the error names the JSONL manifest', () => {
    expect(problemOf(null).detail).toContain('must be a JSON object');
    expect(problemOf('a cat').detail).toContain('must be a JSON object');
    expect(problemOf([{ prompt: 'a' }, { prompt: 'b' }]).detail).toContain('.jsonl');
  });

  it('with an invalid label is refused with the allowed keys and values', () => {
    expect(problemOf({ prompt: 'a', labels: { 'My Team': 'x' } }).errors).toEqual([
      { field: 'labels.My Team', detail: expect.stringContaining('lower-case letter') },
    ]);
    expect(problemOf({ prompt: 'a', labels: { team: 'X' } }).errors).toEqual([
      { field: 'labels.team', detail: expect.stringContaining('lower-case letters') },
    ]);
  });

  it('with only a prompt gets every default', () => {
    expect(parse({ prompt: 'a cat' }).request).toEqual({
      provider: 'vertex',
      model: 'veo-3.1-fast-generate-001',
      prompt: 'a cat',
      durationSeconds: 8,
      aspectRatio: '16:9',
      resolution: '720p',
      sampleCount: 1,
      generateAudio: true,
      seed: undefined,
      negativePrompt: undefined,
      enhancePrompt: undefined,
      personGeneration: undefined,
      resizeMode: undefined,
      compressionQuality: undefined,
    });
  });

  it('keeps seed 0, false and the spaces of the prompt', () => {
    const { request } = parse({ prompt: ' a cat ', seed: 0, generateAudio: false, enhancePrompt: false });
    expect(request).toMatchObject({ prompt: ' a cat ', seed: 0, generateAudio: false, enhancePrompt: false });
  });

  it('may have an image and no prompt', () => {
    expect(
      parse({ image: { gcsUri: 'gs://mine/a.png', mimeType: 'image/png' } }).request.prompt,
    ).toBeUndefined();
  });
});

describe('a request is refused with the field', () => {
  const refused: [string, unknown, string[]][] = [
    ['without prompt and image', {}, ['prompt']],
    ['with a blank prompt', { prompt: ' \n' }, ['prompt']],
    ['with a prompt that is not text', { prompt: 7 }, ['prompt']],
    ['with a prompt beyond the limit', { prompt: 'x'.repeat(4097) }, ['prompt']],
    ['with an unknown model', { prompt: 'a', model: 'veo-9' }, ['model']],
    [
      'with a model of another provider',
      { prompt: 'a', model: 'veo-3.1-generate-001', provider: 'gemini' },
      ['model'],
    ],
    ['with a retired model', { prompt: 'a', model: 'veo-3.1-generate-preview' }, ['model']],
    ['with an unknown field', { prompt: 'a', colour: 'red' }, ['colour']],
    [
      'with an unknown field in an image',
      { image: { gcsUri: 'gs://mine/a', mimeType: 'image/png', x: 1 } },
      ['image.x'],
    ],
    ['with 9 seconds', { prompt: 'a', durationSeconds: 9 }, ['durationSeconds']],
    ['with a duration in quotes', { prompt: 'a', durationSeconds: '8' }, ['durationSeconds']],
    ['with half a second', { prompt: 'a', durationSeconds: 4.5 }, ['durationSeconds']],
    ['with a square aspect ratio', { prompt: 'a', aspectRatio: '1:1' }, ['aspectRatio']],
    ['with 480p', { prompt: 'a', resolution: '480p' }, ['resolution']],
    [
      'with 4k on lite',
      { prompt: 'a', model: 'veo-3.1-lite-generate-001', resolution: '4k' },
      ['resolution'],
    ],
    ['with five samples', { prompt: 'a', sampleCount: 5 }, ['sampleCount']],
    ['with no samples', { prompt: 'a', sampleCount: 0 }, ['sampleCount']],
    ['with a negative seed', { prompt: 'a', seed: -1 }, ['seed']],
    ['with a seed beyond 32 bits', { prompt: 'a', seed: 4_294_967_296 }, ['seed']],
    ['with disallow, the old value', { prompt: 'a', personGeneration: 'disallow' }, ['personGeneration']],
    [
      'with a last frame alone',
      { prompt: 'a', lastFrame: { gcsUri: 'gs://mine/a', mimeType: 'image/png' } },
      ['lastFrame'],
    ],
    ['that is a list', [], ['']],
    ['that is null', null, ['']],
    [
      'with several syntax errors, all of them',
      { seed: -1, sampleCount: 'two', colour: 1 },
      ['sampleCount', 'seed', 'colour', 'prompt'],
    ],
    [
      'with several semantic errors, all of them',
      { durationSeconds: 9, sampleCount: 9 },
      ['prompt', 'durationSeconds', 'sampleCount'],
    ],
  ];
  it.each(refused)('%s', (_, body, fields) => {
    expect(problemOf(body).status).toBe(400);
    expect(fieldsOf(body)).toEqual(fields);
  });

  it('with a retired model, and the error has its date and its replacement', () => {
    const { detail } = problemOf({ prompt: 'a', model: 'veo-3.1-generate-preview' });
    expect(detail).toContain('2026-10-22');
    expect(detail).toContain('gemini-omni-1.1-flash');
  });

  it('with a retired model only from its retirement date on', () => {
    const body = { prompt: 'a', model: 'veo-3.1-generate-preview' };
    expect(parse(body, { ...RULES, today: '2026-10-21' }).spec.model).toBe('veo-3.1-generate-preview');
  });

  it('with parameters that the Developer API does not accept, all of them', () => {
    const body = {
      prompt: 'a',
      model: 'veo-3.1-generate-preview',
      seed: 0,
      generateAudio: true,
      resizeMode: 'pad',
    };
    const rules = { ...RULES, allowRetired: true };
    expect((problemOf(body, rules).errors ?? []).map(({ field }) => field)).toEqual([
      'seed',
      'generateAudio',
      'resizeMode',
    ]);
  });

  it('with 1080p on the Developer API at any duration except 8 s', () => {
    const rules = { ...RULES, allowRetired: true };
    const body = { prompt: 'a', model: 'veo-3.1-generate-preview', resolution: '1080p' };
    expect(parse({ ...body, durationSeconds: 8 }, rules).request.resolution).toBe('1080p');
    expect(problemOf({ ...body, durationSeconds: 6 }, rules).detail).toContain('8 seconds only');
  });
});

describe('the catalogue', () => {
  it('has defaults that every model accepts', () => {
    for (const spec of CATALOGUE.models) {
      if (spec.kind === 'image') continue;
      const { request } = parse(
        { prompt: 'a', model: spec.model, provider: spec.provider },
        { ...RULES, allowRetired: true },
      );
      expect(spec.durationsSeconds).toContain(request.durationSeconds);
      expect(resolutionsOf(spec)).toContain(request.resolution);
    }
  });

  it('has each model of a provider once', () => {
    const names = CATALOGUE.models.map(({ provider, model }) => `${provider}/${model}`);
    expect(new Set(names).size).toBe(names.length);
  });
});
