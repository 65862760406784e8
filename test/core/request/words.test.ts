/** Which calls need a prompt. A call that the provider would refuse without one is refused before anything is paid. */
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../../functions/core/catalogue/models.ts';
import { type FieldError, ProblemError } from '../../../functions/core/problem.ts';
import { parseRequest } from '../../../functions/core/request/request.ts';

const RULES = {
  ...{ catalogue: CATALOGUE, today: '2026-11-21' },
  ...{ allowRetired: true, aliasRetired: false, restrictedRegion: false },
};
function refusals(body: unknown): readonly FieldError[] {
  try {
    parseRequest(body, RULES);
  } catch (error) {
    if (error instanceof ProblemError) return error.problem.errors ?? [];
    throw error;
  }
  return [];
}
const fieldsOf = (body: unknown): string[] => refusals(body).map(({ field }) => field);

const OMNI = 'gemini-omni-1.2-flash';
const IMAGE = { gcsUri: 'gs://in/a.png', mimeType: 'image/png' };
const VIDEO = { gcsUri: 'gs://in/a.mp4' };

describe('the prompt of an extension', () => {
  it.each(['', ' ', '\n\t'])('is refused with its field when it is blank: %j', (prompt) => {
    for (const model of ['veo-3.1-fast-generate-001', 'veo-3.1-generate-preview', OMNI]) {
      expect(refusals({ prompt: 'a', model, extensions: [{ prompt: 'b' }, { prompt }] })).toEqual([
        {
          field: 'extensions.1.prompt',
          detail: 'is empty; leave it out to continue with the prompt of the request.',
        },
      ]);
    }
  });

  it('is refused when it is blank after its template is filled', () => {
    const body = { prompt: '{a}', variables: { a: 'cat', b: ' ' }, extensions: [{ prompt: '{b}' }] };
    expect(fieldsOf(body)).toEqual(['extensions.0.prompt']);
  });

  it('may be left out, so that the prompt of the request applies', () => {
    expect(fieldsOf({ prompt: 'a', extensions: [{}] })).toEqual([]);
    expect(fieldsOf({ prompt: 'a', model: OMNI, extensions: [{}] })).toEqual([]);
    // Veo extends without any prompt too.
    expect(fieldsOf({ image: IMAGE, extensions: [{}] })).toEqual([]);
  });
});

describe('Omni', () => {
  it.each<[string, Record<string, unknown>]>([
    ['an image', { image: IMAGE }],
    ['an image and a blank prompt', { image: IMAGE, prompt: ' ' }],
    ['a generated first frame', { firstFrame: { prompt: 'b' } }],
    ['references', { referenceImages: [{ image: IMAGE }] }],
    ['an extension', { video: VIDEO }],
    ['an edit', { video: VIDEO, task: 'edit' }],
  ])('is refused without a prompt: %s', (_, body) => {
    expect(fieldsOf({ ...body, model: OMNI })).toEqual(['prompt']);
    expect(fieldsOf({ ...body, model: OMNI, prompt: 'a' })).toEqual([]);
  });

  it('upscales without a prompt, but needs one for a following extension', () => {
    const upscale = { model: OMNI, video: VIDEO, task: 'upscale', resolution: '1080p' };
    expect(fieldsOf(upscale)).toEqual([]);
    expect(fieldsOf({ ...upscale, extensions: [{}] })).toEqual(['extensions.0.prompt']);
    expect(fieldsOf({ ...upscale, extensions: [{ prompt: 'on' }] })).toEqual([]);
  });
});

it('Veo makes a video from an image, or extends one, without a prompt', () => {
  expect(fieldsOf({ image: IMAGE })).toEqual([]);
  expect(fieldsOf({ video: VIDEO })).toEqual([]);
});
