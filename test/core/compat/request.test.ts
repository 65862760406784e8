/** The mapping of Google's requests. Every change of a parameter is recorded. */
import { describe, expect, it } from 'vitest';
import { overrideCatalogue } from '../../../functions/core/catalogue/catalogue-overrides.ts';
import { CATALOGUE } from '../../../functions/core/catalogue/models.ts';
import { imageModelFor, videoModelFor } from '../../../functions/core/compat/models.ts';
import { type MappedRequest, requestOfGoogle } from '../../../functions/core/compat/request-of-google.ts';
import { ProblemError } from '../../../functions/core/problem.ts';

const rules = {
  ...{ catalogue: CATALOGUE, today: '2026-11-21', restrictedRegion: false },
  ...{ allowRetired: false, aliasRetired: true },
};
const map = (
  body: unknown,
  { model = 'veo-3.1-generate-001', surface = 'vertex' as 'vertex' | 'developer' } = {},
): MappedRequest => requestOfGoogle(body, { surface, model, running: videoModelFor(model, surface, rules) });
const instances = [{ prompt: 'a cat' }];
const withParameters = (parameters: Record<string, unknown>, model?: string): MappedRequest =>
  map({ instances, parameters }, model === undefined ? {} : { model });

function problemOf(work: () => unknown) {
  try {
    work();
  } catch (error) {
    if (error instanceof ProblemError) return error.problem;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('a request for a current model', () => {
  it('is mapped without changes', () => {
    const image = { bytesBase64Encoded: 'iVBORw0KGgo=', mimeType: 'image/png' };
    const mapped = map({
      instances: [{ prompt: 'a cat', image, lastFrame: { gcsUri: 'gs://b/l.jpg', mimeType: 'image/jpeg' } }],
      parameters: {
        sampleCount: 2,
        durationSeconds: 8,
        seed: 42,
        enhancePrompt: true,
        compressionQuality: 'OPTIMIZED',
      },
      labels: { team: 'x' },
    });
    expect(mapped).toEqual({
      body: {
        model: 'veo-3.1-generate-001',
        provider: 'vertex',
        prompt: 'a cat',
        image,
        lastFrame: { gcsUri: 'gs://b/l.jpg', mimeType: 'image/jpeg' },
        ...{
          sampleCount: 2,
          durationSeconds: 8,
          seed: 42,
          enhancePrompt: true,
          compressionQuality: 'optimized',
        },
        labels: { team: 'x' },
      },
      ...{ video: undefined, deliverTo: undefined, changes: [] },
    });
  });

  it('keeps a duration that the model does not support, so that it is refused with its field', () => {
    expect(withParameters({ durationSeconds: 5 })).toMatchObject({
      body: { durationSeconds: 5 },
      changes: [],
    });
  });

  it.each([
    [{ durationSeconds: '8' }, { durationSeconds: 8 }, 'durationSeconds'],
    [{ durationSeconds: '8s' }, { durationSeconds: 8 }, 'durationSeconds'],
    [{ sampleCount: '2' }, { sampleCount: 2 }, 'sampleCount'],
    [{ enhancePrompt: 'no' }, { enhancePrompt: false }, 'enhancePrompt'],
    [{ personGeneration: 'disallow' }, { personGeneration: 'dont_allow' }, 'personGeneration'],
  ])('maps %j to %j and records the change', (parameters, body, named) => {
    const mapped = withParameters(parameters);
    expect(mapped.body).toMatchObject(body);
    expect(mapped.changes).toEqual([expect.stringContaining(`parameters.${named}`)]);
  });

  it('accepts the number of videos under either name, and under both when they are equal', () => {
    for (const parameters of [
      { sampleCount: 2 },
      { numberOfVideos: 2 },
      { sampleCount: 2, numberOfVideos: '2' },
    ])
      expect(withParameters(parameters).body).toMatchObject({ sampleCount: 2 });
  });

  it('treats null as absent, as the JSON of protocol buffers does', () => {
    expect(map({ instances: [{ prompt: 'a', image: null }], parameters: null }).body).toEqual({
      ...{ model: 'veo-3.1-generate-001', provider: 'vertex', prompt: 'a' },
    });
  });

  it('ends the delivery folder with exactly one slash', () => {
    for (const storageUri of ['gs://b/out', 'gs://b/out/', 'gs://b/out//'])
      expect(withParameters({ storageUri }).deliverTo).toBe('gs://b/out/');
    expect(withParameters({ storageUri: 'gs://b' }).deliverTo).toBe('gs://b/');
  });

  it.each([
    ['an unknown parameter', { instances, parameters: { loop: true } }, 'parameters.loop'],
    ['a mask', { instances: [{ prompt: 'a', mask: {} }] }, 'instances[0].mask'],
    ['two instances', { instances: [...instances, ...instances] }, 'instances'],
    ['no instances', {}, 'instances'],
    [
      'a duration as a word',
      { instances, parameters: { durationSeconds: 'eight' } },
      'parameters.durationSeconds',
    ],
    [
      'two different numbers of videos',
      { instances, parameters: { sampleCount: 1, numberOfVideos: '2' } },
      'parameters.numberOfVideos',
    ],
    ['a webhook on Vertex', { instances, webhookConfig: { uris: [] } }, 'webhookConfig'],
    [
      'a video with a foreign URI',
      { instances: [{ video: { uri: 'https://x.test/v.mp4' } }] },
      'instances[0].video.uri',
    ],
  ])('is refused with its field: %s', (_what, body, field) => {
    expect(problemOf(() => map(body))).toMatchObject({ status: 400, errors: [{ field }] });
  });

  it('refuses a name with underscores and suggests Google’s spelling', () => {
    const body = { instances, parameters: { aspect_ratio: '9:16' } };
    expect(problemOf(() => map(body)).errors).toEqual([
      { field: 'parameters.aspect_ratio', detail: expect.stringContaining("write 'aspectRatio'") },
    ]);
  });

  it('refuses storageUri on the Developer API', () => {
    const body = { instances, parameters: { storageUri: 'gs://b/o/' } };
    expect(problemOf(() => map(body, { surface: 'developer' }))).toMatchObject({
      errors: [{ field: 'parameters.storageUri' }],
    });
  });
});

describe('a request for a retired model', () => {
  it.each([
    [5, 6],
    [6, 6],
    [7, 8],
    [8, 8],
  ])('of %i s gets the next longer duration, %i s', (requested, used) => {
    const mapped = withParameters({ durationSeconds: requested }, 'veo-2.0-generate-001');
    expect(mapped.body).toMatchObject({ durationSeconds: used });
    expect(mapped.changes.some((text) => text.includes('durationSeconds'))).toBe(requested !== used);
    expect(mapped.changes[0]).toContain('veo-3.1-generate-001 runs in its place');
  });

  it.each([
    ['veo-2.0-generate-001', [-5, 0, 0.5, 3, 5.5, 9]],
    ['veo-3.0-generate-001', [-5, 0, 5, 7]],
    ['veo-3.1-generate-preview', [0, 5]],
  ])(
    '%s keeps a duration that it never supported, so that it is refused with its field: %j',
    (model, durations) => {
      for (const durationSeconds of durations) {
        const { body, changes } = withParameters({ durationSeconds }, model);
        expect(body).toMatchObject({ durationSeconds });
        expect(changes.join()).not.toContain('durationSeconds');
      }
    },
  );

  it('with references gets the only duration that references have', () => {
    const image = { gcsUri: 'gs://b/a.png' };
    const mapped = map(
      { instances: [{ prompt: 'a', referenceImages: [{ image }] }], parameters: { durationSeconds: 5 } },
      { model: 'veo-2.0-generate-001' },
    );
    expect(mapped.body).toMatchObject({
      durationSeconds: 8,
      referenceImages: [{ image: { gcsUri: 'gs://b/a.png' } }],
    });
  });

  it('is silent if the old model was, unless audio is requested', () => {
    expect(withParameters({}, 'veo-2.0-generate-001').body).toMatchObject({ generateAudio: false });
    expect(withParameters({ generateAudio: true }, 'veo-2.0-generate-001').body).toMatchObject({
      generateAudio: true,
    });
    expect(withParameters({}, 'veo-3.0-generate-001').body).not.toHaveProperty('generateAudio');
  });

  it('with ALLOW_ALL on the Developer API gets allow_adult, the widest value that every Vertex project may use', () => {
    const body = { instances, parameters: { personGeneration: 'ALLOW_ALL' } };
    for (const model of ['veo-3.1-generate-preview', 'veo-3.0-generate-001', 'veo-2.0-generate-001']) {
      const mapped = map(body, { model, surface: 'developer' });
      expect(mapped.body).toMatchObject({ personGeneration: 'allow_adult' });
      expect(mapped.changes).toContainEqual(
        expect.stringContaining('personGeneration: ALLOW_ALL became allow_adult'),
      );
    }
    for (const other of [
      { model: 'veo-3.1-generate-001', surface: 'developer' as const },
      { model: 'veo-3.0-generate-001', surface: 'vertex' as const },
    ])
      expect(map(body, other).body).toMatchObject({ personGeneration: 'allow_all' });
  });

  it('for an extension of 8 s gets the seconds that an extension adds', () => {
    const video = { uri: 'https://h.test/v1beta/files/abcdefghijklmnopqrstuvwxyz0:download?alt=media' };
    const mapped = map(
      { instances: [{ prompt: 'on', video }], parameters: { durationSeconds: 8 } },
      { model: 'veo-3.1-generate-preview', surface: 'developer' },
    );
    expect(mapped.body).not.toHaveProperty('durationSeconds');
    expect(mapped.video).toEqual({ kind: 'file', jobId: 'job_abcdefghijklmnopqrstuvwxyz', index: 0 });
    expect(mapped.changes).toContainEqual(expect.stringContaining('adds 7 s'));
  });
});

describe('the model in a path', () => {
  it('is not found when it is unknown, or when it is retired and aliases are off', () => {
    expect(problemOf(() => videoModelFor('veo-9', 'vertex', rules))).toMatchObject({ status: 404 });
    const off = { ...rules, aliasRetired: false };
    expect(problemOf(() => videoModelFor('veo-3.1-generate-preview', 'developer', off))).toMatchObject({
      status: 404,
      detail: expect.stringContaining('no longer available'),
    });
  });

  it('for images has the retirement date of the first provider that is tried', () => {
    const catalogue = overrideCatalogue(CATALOGUE, {
      'vertex/gemini-3-pro-image': { retirementDate: '2026-11-01' },
      'gemini/gemini-3-pro-image': { retirementDate: '2026-11-11' },
    });
    const off = { ...rules, catalogue, aliasRetired: false };
    const detailFor = (...providers: ('vertex' | 'gemini')[]) =>
      problemOf(() => imageModelFor('gemini-3-pro-image', 'generateContent', { ...off, providers })).detail;
    expect(detailFor('vertex', 'gemini')).toContain('2026-11-01');
    expect(detailFor('gemini', 'vertex')).toContain('2026-11-11');
  });

  describe('Imagen', () => {
    const providers = ['vertex', 'gemini'] as const;
    const imagens = ['imagen-4.0-generate-001', 'imagen-3.0-generate-002'];

    it.each(imagens)(
      '%s runs on its successor by generateContent, which has another request than predict',
      (model) => {
        expect(
          imageModelFor(model, 'generateContent', { ...rules, aliasRetired: true, providers }),
        ).toMatchObject({
          ...{ spec: { model: 'gemini-3.1-flash-image' }, aliasOf: { model } },
        });
        const refused = problemOf(() =>
          imageModelFor(model, 'predict', { ...rules, aliasRetired: true, providers }),
        );
        expect(refused).toMatchObject({
          status: 404,
          detail: expect.stringMatching(
            /was retired on \S+\. Its successor gemini-3\.1-flash-image .* :generateContent/,
          ),
        });
        const off = problemOf(() =>
          imageModelFor(model, 'predict', { ...rules, aliasRetired: false, providers }),
        );
        expect(off).toMatchObject({
          status: 404,
          detail: expect.stringContaining('Use gemini-3.1-flash-image'),
        });
      },
    );

    it.each(imagens)('%s runs by predict where the models are simulated', (model) => {
      const simulated = { ...rules, aliasRetired: true, hasRetiredMethods: true };
      expect(imageModelFor(model, 'predict', { ...simulated, providers })).toMatchObject({
        spec: { model: 'imagen-4.0-generate-001', provider: 'vertex' },
      });
      expect(imageModelFor(model, 'predict', { ...simulated, providers: ['gemini'] })).toMatchObject({
        spec: { model: 'imagen-4.0-generate-001', provider: 'gemini' },
      });
    });
  });

  it('for images is refused for videos', () => {
    expect(problemOf(() => videoModelFor('gemini-3.1-flash-image', 'vertex', rules))).toMatchObject({
      status: 400,
    });
  });

  it('is replaced by its successor if it is a retired video model', () => {
    const retired = CATALOGUE.retired.filter(({ model }) => model.startsWith('veo-'));
    expect(retired.length).toBeGreaterThan(10);
    for (const { model, retirement } of retired)
      for (const surface of ['vertex', 'developer'] as const)
        expect(videoModelFor(model, surface, rules)).toMatchObject({
          spec: { model: retirement.runsOn.model },
          aliasOf: { model },
        });
  });

  it.each([
    ['veo-3.1-generate-preview', 'vertex', '2026-04-02', 'veo-3.1-generate-001'],
    ['veo-3.1-generate-preview', 'developer', '2026-10-22', 'gemini-omni-1.1-flash'],
    ['veo-2.0-generate-001', 'vertex', '2026-06-30', 'veo-3.1-generate-001'],
  ] as const)(
    '%s on the %s surface was retired on %s and replaced by %s',
    (model, surface, date, replacement) => {
      expect(videoModelFor(model, surface, rules).aliasOf).toEqual({ model, retiredOn: date });
      const off = { ...rules, aliasRetired: false };
      expect(problemOf(() => videoModelFor(model, surface, off)).detail).toContain(
        `retired on ${date}. Use ${replacement},`,
      );
    },
  );

  it('runs on the other provider if only that one has it', () => {
    expect(videoModelFor('veo-3.1-generate-001', 'developer', rules)).toMatchObject({
      spec: { provider: 'vertex' },
    });
    expect(videoModelFor('gemini-omni-1.2-flash', 'vertex', rules)).toMatchObject({
      spec: { provider: 'omni' },
    });
  });
});
