/** The limits of a request: every text of a caller is limited, and no record exceeds Firestore's maximum size. */
import { describe, expect, it } from 'vitest';
import type { VideoModelSpec } from '../../../functions/core/catalogue/catalogue.ts';
import { CATALOGUE } from '../../../functions/core/catalogue/models.ts';
import { parseGoogleBody } from '../../../functions/core/compat/google-body.ts';
import { type FieldError, ProblemError } from '../../../functions/core/problem.ts';
import { completeRequest, parseRequest } from '../../../functions/core/request/request.ts';
import { fillTemplate } from '../../../functions/core/request/template.ts';

const RULES = {
  ...{ catalogue: CATALOGUE, today: '2026-11-21' },
  ...{ allowRetired: true, aliasRetired: false, restrictedRegion: false },
};
const NONE = {
  ...{ image: undefined, lastFrame: undefined, referenceImages: [], referenceVideos: [] },
  ...{ firstFrameImage: undefined, video: undefined },
};

function errorsOf(parse: () => unknown): readonly FieldError[] {
  try {
    parse();
  } catch (error) {
    if (error instanceof ProblemError) return error.problem.errors ?? [];
    throw error;
  }
  return [];
}
const refusals = (body: unknown): readonly FieldError[] => errorsOf(() => parseRequest(body, RULES));

describe('a text that is too long', () => {
  it('is refused with its field and the limit: a negative prompt', () => {
    expect(refusals({ prompt: 'a', negativePrompt: 'x'.repeat(4096) })).toEqual([]);
    expect(refusals({ prompt: 'a', negativePrompt: 'x'.repeat(2_000_000) })).toEqual([
      {
        field: 'negativePrompt',
        detail: 'has 2000000 characters; veo-3.1-fast-generate-001 takes 4096.',
      },
    ]);
  });

  it.each(['prompt', 'negativePrompt', 'firstFrame.prompt', 'extensions.0.prompt'])(
    'is refused when a filled template exceeds the limit: %s',
    (field) => {
      const prompts: Record<string, unknown> = {
        prompt: { prompt: '{a}' },
        negativePrompt: { negativePrompt: '{a}' },
        'firstFrame.prompt': { firstFrame: { prompt: '{a}' } },
        'extensions.0.prompt': { extensions: [{ prompt: '{a}' }] },
      };
      const body = { prompt: 'b', ...Object(prompts[field]) };
      const a = 'x'.repeat(8193);
      expect(refusals({ ...body, variables: { a } })).toMatchObject([
        { field, detail: expect.stringMatching(/^has 8193 characters; .* takes (?:4096|8192)\.$/) },
      ]);
      expect(refusals({ ...body, variables: { a: a.repeat(20) } })).toEqual([
        { field, detail: 'is longer than 100000 characters once its variables are filled in; shorten it.' },
      ]);
    },
  );

  it('takes no more memory than the limit, however often a variable is inserted', () => {
    const { isTooLong, text } = fillTemplate('{a}'.repeat(30_000), { a: 'x'.repeat(90_000) });
    expect(isTooLong).toBe(true);
    expect(text.length).toBeLessThan(200_000);
    expect(fillTemplate('{'.repeat(10_000_000), {}).isTooLong).toBe(true);
  });

  it.each<[string, unknown, string]>([
    ['an image', { image: { gcsUri: `gs://b/${'x'.repeat(1025)}`, mimeType: 'image/png' } }, 'image.gcsUri'],
    ['a video', { prompt: 'a', video: { gcsUri: `gs://b/${'ö'.repeat(513)}` } }, 'video.gcsUri'],
    ['a bucket', { prompt: 'a', video: { gcsUri: `gs://${'b'.repeat(223)}/x` } }, 'video.gcsUri'],
  ])('is refused as a gs:// URI: %s', (_, body, field) => {
    expect(refusals(body)).toEqual([{ field, detail: expect.stringContaining('1024 bytes of UTF-8') }]);
  });

  it.each<[string, unknown, string]>([
    ['a long job id', { prompt: 'a', video: { job: `job_${'a'.repeat(2_000)}` } }, 'video.job'],
    ['a job id with a slash', { prompt: 'a', previousJob: 'job_a/b' }, 'previousJob'],
  ])('is refused as a job id: %s', (_, body, field) => {
    expect(refusals(body)).toEqual([
      { field, detail: expect.stringContaining('it must be the id of a job') },
    ]);
  });

  it('is refused as a chain with more extensions than any model makes', () => {
    const extensions = Array.from({ length: 101 }, () => ({}));
    expect(refusals({ prompt: 'a', extensions })).toEqual([
      { field: 'extensions', detail: 'is a list of 101 elements; it must have at most 100 links.' },
    ]);
  });

  it.each<[string, unknown]>([
    ['parameters.seed', { seed: '0'.repeat(2_000_000) }],
    ['parameters.storageUri', { storageUri: `gs://b/${'x'.repeat(1000)}/` }],
  ])('is refused in a request of Google’s form: %s', (field, parameters) => {
    const body = { instances: [{ prompt: 'a' }], parameters };
    expect(errorsOf(() => parseGoogleBody(body)).map((error) => error.field)).toEqual([field]);
  });
});

describe('the record of a job', () => {
  const FIRESTORE_BYTES_MAX = 1_048_576;
  // Three bytes in UTF-8, the most for one UTF-16 code unit, which is what the limits count.
  const text = (characters: number): string => '文'.repeat(characters);
  const image = { gcsUri: `gs://${'b'.repeat(222)}/${text(341)}.`, mimeType: 'image/png' } as const;
  const videoModels = CATALOGUE.models.filter((spec) => spec.kind === 'video');

  /** The largest valid request of a model: all texts at their limits and as many extensions as the model makes. */
  function largest(spec: VideoModelSpec): unknown {
    const prompt = text(spec.promptCharactersMax);
    const { extension } = spec;
    const shortest = Math.min(...spec.durationsSeconds);
    const adds = Math.min(...(extension?.addsSeconds ?? []));
    const links = Math.floor(((extension?.totalSecondsMax ?? 0) - shortest) / adds);
    const label = 'x'.repeat(61);
    const labels = Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`${label}${n}`, label]));
    return {
      ...{ prompt, model: spec.model, provider: spec.provider, durationSeconds: shortest },
      firstFrame: { prompt: text(8192), image },
      extensions: Array.from({ length: links }, () => ({ prompt, durationSeconds: adds })),
      ...(spec.takes.has('negativePrompt') ? { negativePrompt: prompt } : {}),
      ...(spec.takes.has('labels') ? { labels } : {}),
    };
  }

  it.each(videoModels)('of $provider/$model is at most half of Firestore’s maximum size', (spec) => {
    const request = completeRequest(parseRequest(largest(spec), RULES), { ...NONE, firstFrameImage: image });
    expect(request.extensions?.length).toBeGreaterThan(3);
    expect(Buffer.byteLength(JSON.stringify(request))).toBeLessThan(FIRESTORE_BYTES_MAX / 2);
  });
});
