/** Requests of every mode: valid combinations, chains and their limits, generated first frames, existing videos. */
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../../functions/core/catalogue/models.ts';
import { estimateUsd } from '../../../functions/core/job/price.ts';
import { currentStage, stagesOf } from '../../../functions/core/job/stages.ts';
import type { StoredVideo } from '../../../functions/core/job/video-request.ts';
import type { FoundInputs } from '../../../functions/core/request/request.ts';

import {
  complete,
  fieldsOf,
  IMAGE,
  NONE,
  problemOf,
  RULES,
  VIDEO,
  video,
} from '../../support/parsed-requests.ts';

describe('an invalid combination of inputs is refused with its field', () => {
  const refs = (n: number) => Array.from({ length: n }, () => ({ image: IMAGE }));
  const clips = { prompt: 'a', referenceVideos: [{ video: VIDEO }], model: 'gemini-omni-1.2-flash' };
  it.each<[string, unknown, string[]]>([
    ['video with image', { video: VIDEO, image: IMAGE }, ['image']],
    ['video with references', { video: VIDEO, referenceImages: refs(1) }, ['referenceImages']],
    ['references with image', { prompt: 'a', referenceImages: refs(1), image: IMAGE }, ['image']],
    ['four references', { prompt: 'a', referenceImages: refs(4) }, ['referenceImages']],
    [
      'references for lite',
      { prompt: 'a', referenceImages: refs(1), model: 'veo-3.1-lite-generate-001' },
      ['referenceImages'],
    ],
    [
      'references for four seconds',
      { prompt: 'a', referenceImages: refs(1), durationSeconds: 4 },
      ['durationSeconds'],
    ],
    [
      'personGeneration with an image model that does not accept it',
      {
        prompt: 'a',
        personGeneration: 'dont_allow',
        firstFrame: { prompt: 'b', model: 'gemini-3-pro-image', provider: 'gemini' },
      },
      ['personGeneration'],
    ],
    [
      'a style reference',
      { prompt: 'a', referenceImages: [{ image: IMAGE, referenceType: 'style' }] },
      ['referenceImages.0.referenceType'],
    ],
    [
      'a last frame for lite on the Developer API',
      { prompt: 'a', image: IMAGE, lastFrame: IMAGE, model: 'veo-3.1-lite-generate-preview' },
      ['lastFrame'],
    ],
    [
      'eleven seconds between two frames for Omni',
      { prompt: 'a', image: IMAGE, lastFrame: IMAGE, model: 'gemini-omni-1.2-flash', durationSeconds: 11 },
      ['durationSeconds'],
    ],
    [
      'seven references for Omni',
      { prompt: 'a', referenceImages: Array(7).fill({ image: IMAGE }), model: 'gemini-omni-1.2-flash' },
      ['referenceImages'],
    ],
    ['a reference video for Veo', { ...clips, model: 'veo-3.1-generate-001' }, ['referenceVideos']],
    [
      'reference videos and images for lite',
      { ...clips, referenceImages: refs(1), model: 'veo-3.1-lite-generate-001' },
      ['referenceImages', 'referenceVideos'],
    ],
    ['reference videos for lite', { ...clips, model: 'veo-3.1-lite-generate-001' }, ['referenceVideos']],
    [
      'four reference videos',
      { ...clips, referenceVideos: Array(4).fill({ video: VIDEO }) },
      ['referenceVideos'],
    ],
    ['no reference video', { ...clips, referenceVideos: [] }, ['referenceVideos']],
    ['a reference video without words', { ...clips, prompt: undefined }, ['prompt']],
    ['a reference video with image', { ...clips, image: IMAGE }, ['image']],
    ['a reference video for a first frame', { ...clips, firstFrame: { prompt: 'b' } }, ['firstFrame']],
    ['a reference video for an edit', { ...clips, video: VIDEO, task: 'edit' }, ['referenceVideos']],
    [
      'a reference video for the next turn',
      { ...clips, previousJob: 'job_aaaaaaaaaaaaaaaaaaaaaaaaaa' },
      ['referenceVideos'],
    ],
    [
      'a reference video that is inline',
      { ...clips, referenceVideos: [{ video: { bytesBase64Encoded: 'AAAA' } }] },
      ['referenceVideos.0.video'],
    ],
    ['a generated and a given first frame', { firstFrame: { prompt: 'a' }, image: IMAGE }, ['image']],
    ['a first frame for an extension', { firstFrame: { prompt: 'a' }, video: VIDEO }, ['firstFrame']],
    [
      'a first frame by a video model',
      { firstFrame: { prompt: 'a', model: 'veo-3.1-generate-001' } },
      ['firstFrame.model'],
    ],
    ['a video by an image model', { prompt: 'a', model: 'gemini-3-pro-image' }, ['model']],
    [
      'editing with Imagen',
      { firstFrame: { prompt: 'a', model: 'imagen-4.0-generate-001', image: IMAGE } },
      ['firstFrame.image'],
    ],
    ['an empty first frame', { firstFrame: { prompt: ' ' } }, ['firstFrame.prompt']],
    ['an extension of five seconds', { video: VIDEO, durationSeconds: 5 }, ['durationSeconds']],
    ['a chain of two samples', { prompt: 'a', sampleCount: 2, extensions: [{}] }, ['sampleCount']],
    [
      'a chain on the Developer API at 1080p',
      { prompt: 'a', model: 'veo-3.1-generate-preview', resolution: '1080p', extensions: [{}] },
      ['resolution'],
    ],
    [
      'a negative prompt for Omni',
      { prompt: 'a', model: 'gemini-omni-1.2-flash', negativePrompt: 'b' },
      ['negativePrompt'],
    ],
    [
      'sixteen seconds on Omni',
      { prompt: 'a', model: 'gemini-omni-1.2-flash', durationSeconds: 16 },
      ['durationSeconds'],
    ],
    ['six rerolls', { prompt: 'a', rerollOnSafety: 6 }, ['rerollOnSafety']],
  ])('%s', (_, body, fields) => {
    expect(fieldsOf(body, video(8), { ...RULES, allowRetired: true })).toEqual(fields);
  });
});

it('reference videos on Veo are refused with the models that take them, and named as the cause of a limit', () => {
  const clips = { prompt: 'a', referenceVideos: [{ video: VIDEO }], durationSeconds: 4 };
  expect(problemOf({ ...clips, model: 'veo-3.1-generate-001' }).errors).toEqual([
    {
      field: 'referenceVideos',
      detail: 'is not taken by veo-3.1-generate-001; gemini-omni-1.2-flash, gemini-omni-1.1-flash take it.',
    },
    { field: 'durationSeconds', detail: 'is 4; with referenceVideos it must be 8 (without it: 4, 6, 8).' },
  ]);
});

describe('stages', () => {
  const kinds = (body: unknown, found = NONE): string[] =>
    stagesOf(complete(body, found)).map(({ kind }) => kind);

  it('follow from the request', () => {
    expect(kinds({ prompt: 'a' })).toEqual(['video']);
    expect(kinds({ prompt: 'a', firstFrame: { prompt: 'b' } })).toEqual(['image', 'video']);
    expect(kinds({ prompt: 'a', extensions: [{}, { prompt: 'c' }] })).toEqual(['video', 'extend', 'extend']);
    expect(kinds({ prompt: 'a', video: VIDEO }, video(8))).toEqual(['extend']);
    expect(kinds({ firstFrame: { prompt: 'b' }, extensions: [{}] })).toEqual(['image', 'video', 'extend']);
  });

  it('pass on their results: the image to the video, the video to its extension', () => {
    const request = complete({ prompt: 'a', firstFrame: { prompt: 'b' }, extensions: [{ prompt: 'c' }] });
    const landed = (stage: number, uri: string, contentType: string, durationSeconds?: number) => ({
      ...{
        attemptId: `att_${stage}`,
        stage,
        number: 1,
        outputPrefix: 'p/',
        location: 'l',
        reservedUsd: 1,
        submittedAt: 0,
      },
      ...({ state: 'ended', outcome: 'landed', charged: 'yes', endedAt: 1, polls: 1 } as const),
      videos: [{ uri, generation: '1', bytes: 1, crc32c: 'AAAAAA==', contentType, durationSeconds }],
    });
    const image = landed(0, 'gs://out/image_0.png', 'image/png');
    const first = landed(1, 'gs://out/sample_0.mp4', 'video/mp4', 8);
    expect(currentStage({ request, attempts: [] })).toMatchObject({ kind: 'image', prompt: 'b' });
    expect(currentStage({ request, attempts: [image] })).toMatchObject({
      kind: 'video',
      prompt: 'a',
      image: { gcsUri: 'gs://out/image_0.png', mimeType: 'image/png' },
    });
    expect(currentStage({ request, attempts: [image, first] })).toMatchObject({
      kind: 'extend',
      prompt: 'c',
      image: undefined,
      durationSeconds: 7,
      video: { gcsUri: 'gs://out/sample_0.mp4', durationSeconds: 8 },
      previousOperationName: undefined,
    });
    const operation = { provider: 'omni', name: 'v1_first', model: 'm', location: 'global' } as const;
    expect(currentStage({ request, attempts: [image, { ...first, operation }] })).toMatchObject({
      kind: 'extend',
      previousOperationName: 'v1_first',
    });
  });

  it('keep the image model’s own provider', () => {
    const request = complete({ prompt: 'a', model: 'gemini-omni-1.2-flash', firstFrame: { prompt: 'b' } });
    expect(stagesOf(request).map(({ provider }) => provider)).toEqual(['vertex', 'omni']);
  });
});

describe('a chain of extensions', () => {
  const chain = (count: number, first = 8) => ({
    prompt: 'a',
    durationSeconds: first,
    extensions: Array.from({ length: count }, () => ({})),
  });

  it('may be as long as the model allows, and is refused at the first extension beyond', () => {
    expect(complete(chain(4)).extensions).toHaveLength(4);
    expect(fieldsOf(chain(5))).toEqual(['extensions.4']);
    expect(complete(chain(4, 4)).extensions).toHaveLength(4);
    expect(problemOf(chain(5)).detail).toContain('36 s to 43 s');
  });

  it('includes the duration of the video that it extends', () => {
    const body = { prompt: 'a', video: VIDEO, extensions: [{}] };
    expect(complete(body, video(23)).extensions).toHaveLength(1);
    expect(fieldsOf(body, video(24))).toEqual(['extensions.0']);
    expect(fieldsOf({ prompt: 'a', video: VIDEO }, video(30.5))).toEqual(['video']);
    expect(fieldsOf({ prompt: 'a', video: VIDEO }, video(0.5))).toEqual(['video']);
  });

  it('on Omni adds the requested seconds, up to 30 s in total', () => {
    const body = (...seconds: number[]) => ({
      prompt: 'a',
      model: 'gemini-omni-1.2-flash',
      durationSeconds: 10,
      extensions: seconds.map((durationSeconds) => ({ durationSeconds })),
    });
    expect(complete(body(10, 10)).extensions).toHaveLength(2);
    expect(fieldsOf(body(10, 10, 3))).toEqual(['extensions.2']);
    expect(fieldsOf(body(11))).toEqual(['extensions.0.durationSeconds']);
  });
});

describe('an existing video', () => {
  const OMNI = 'gemini-omni-1.2-flash';
  const found = (over: Partial<StoredVideo> = {}): FoundInputs => ({
    ...NONE,
    video: { gcsUri: 'gs://out/a.mp4', mimeType: 'video/mp4', durationSeconds: 6, ...over },
  });
  const edit = { prompt: 'make it snow', model: OMNI, video: VIDEO, task: 'edit' };
  const upscale = { model: OMNI, video: VIDEO, task: 'upscale', resolution: '1080p' };

  it('keeps its duration, aspect ratio and resolution in an edit, which is priced by the duration', () => {
    const request = complete(edit, found({ aspectRatio: '9:16', resolution: '1080p' }));
    expect(request).toMatchObject({
      ...{ task: 'edit', durationSeconds: 6, aspectRatio: '9:16', resolution: '1080p' },
    });
    expect(stagesOf(request).map(({ kind }) => kind)).toEqual(['edit']);
    expect(estimateUsd(CATALOGUE, request)).toBe(0.63);
  });

  it('is upscaled to the requested resolution without a prompt, and never downscaled', () => {
    const request = complete(upscale, found({ resolution: '720p' }));
    expect(request).toMatchObject({ task: 'upscale', durationSeconds: 6, resolution: '1080p' });
    expect(fieldsOf(upscale, found({ resolution: '1080p' }))).toEqual(['resolution']);
    expect(fieldsOf({ ...upscale, resolution: undefined }, found())).toEqual(['resolution']);
  });

  it('can be edited with reference images, and then extended from the result', () => {
    const request = complete(
      { ...edit, referenceImages: [{ image: IMAGE }], extensions: [{ durationSeconds: 5 }] },
      { ...found(), referenceImages: [IMAGE] },
    );
    expect(stagesOf(request)).toMatchObject([
      { kind: 'edit', referenceImages: [IMAGE] },
      { kind: 'extend', durationSeconds: 5, referenceImages: [], video: undefined },
    ]);
  });

  it('counts once in a chain when it is edited: 15 s and 10 s are 25 s', () => {
    const body = { ...edit, extensions: [{ durationSeconds: 10 }] };
    expect(complete(body, found({ durationSeconds: 15 })).extensions).toHaveLength(1);
    const longer = { ...edit, extensions: [{ durationSeconds: 10 }, { durationSeconds: 10 }] };
    expect(fieldsOf(longer, found({ durationSeconds: 15 }))).toEqual(['extensions.1']);
  });

  it.each<[string, unknown, FoundInputs, string[]]>([
    ['an edit by Veo', { ...edit, model: 'veo-3.1-generate-001' }, found(), ['task']],
    ['an edit without a prompt', { ...edit, prompt: ' ' }, found(), ['prompt']],
    ['an edit without a video', { prompt: 'a', model: OMNI, task: 'edit' }, NONE, ['task']],
    ['an edit with a duration', { ...edit, durationSeconds: 6 }, found(), ['durationSeconds']],
    ['an edit of sixteen seconds', edit, found({ durationSeconds: 16 }), ['video']],
    [
      'an edit of eleven seconds by 1.1',
      { ...edit, model: 'gemini-omni-1.1-flash' },
      found({ durationSeconds: 11 }),
      ['video'],
    ],
    ['an edit with a first frame', { ...edit, image: IMAGE }, found(), ['image']],
    [
      'an upscale with references',
      { ...upscale, referenceImages: [{ image: IMAGE }] },
      found(),
      ['referenceImages'],
    ],
    ['an unknown task', { ...edit, task: 'shrink' }, found(), ['task']],
    [
      'another aspect ratio than the video has',
      { prompt: 'a', video: VIDEO, aspectRatio: '16:9' },
      found({ aspectRatio: '9:16' }),
      ['aspectRatio'],
    ],
  ])('is refused with its field: %s', (_, body, inputs, fields) => {
    expect(fieldsOf(body, inputs)).toEqual(fields);
  });

  it('cannot be edited by Veo; the error names the models that edit', () => {
    const { detail } = problemOf({ ...edit, model: 'veo-3.1-generate-001' }, found());
    expect(detail).toContain('gemini-omni-1.2-flash, gemini-omni-1.1-flash do');
  });

  it('determines the aspect ratio of an extension that requests none', () => {
    const request = complete({ prompt: 'a', video: VIDEO }, found({ aspectRatio: '9:16' }));
    expect(request).toMatchObject({ task: 'extend', aspectRatio: '9:16', resolution: '720p' });
  });
});

describe('the next turn of an Omni job', () => {
  const OMNI = 'gemini-omni-1.2-flash';
  const turn: FoundInputs = {
    ...NONE,
    previousJob: {
      jobId: 'job_a',
      operationName: 'v1_abc',
      durationSeconds: 7,
      aspectRatio: '9:16',
      resolution: '720p',
    },
  };
  const body = { prompt: 'now at night', model: OMNI, previousJob: 'job_a' };

  it('edits unless another task is given, and passes the previous operation only to its first stage', () => {
    const request = complete({ ...body, extensions: [{}] }, turn);
    expect(request).toMatchObject({
      ...{ task: 'edit', durationSeconds: 7, aspectRatio: '9:16' },
      previousTurn: { jobId: 'job_a', operationName: 'v1_abc' },
    });
    expect(stagesOf(request)).toMatchObject([
      { kind: 'edit', previousOperationName: 'v1_abc' },
      { kind: 'extend', previousOperationName: undefined },
    ]);
  });

  it('extends the previous video up to 30 s in total', () => {
    const extend = { ...body, task: 'extend', durationSeconds: 10 };
    expect(complete(extend, turn)).toMatchObject({ task: 'extend', durationSeconds: 10 });
    const long = { ...NONE, previousJob: { jobId: 'j', operationName: 'v1', durationSeconds: 21 } };
    expect(fieldsOf(extend, long)).toEqual(['previousJob']);
  });

  it('may be longer than a video that is sent as bytes, which has at most 10 s', () => {
    const extend = { prompt: 'a', model: OMNI, task: 'extend', durationSeconds: 3 };
    const long = { ...NONE, previousJob: { jobId: 'j', operationName: 'v1', durationSeconds: 20 } };
    expect(complete({ ...extend, previousJob: 'job_a' }, long).durationSeconds).toBe(3);
    expect(complete({ ...extend, video: VIDEO, extensions: [{}] }, video(10.04)).extensions).toHaveLength(1);
    expect(problemOf({ ...extend, video: VIDEO }, video(11)).errors).toEqual([
      {
        field: 'video',
        detail:
          'would extend 11 s to 14 s; gemini-omni-1.2-flash extends up to 10 s and ends at 30 s. ' +
          'Continue a finished job with previousJob to extend longer ones.',
      },
    ]);
  });

  it.each<[string, unknown, string[]]>([
    ['on Veo', { ...body, model: 'veo-3.1-generate-001' }, ['previousJob']],
    ['without a prompt', { ...body, prompt: undefined }, ['prompt']],
    ['with a video', { ...body, video: VIDEO }, ['video']],
    ['with a first frame', { ...body, image: IMAGE }, ['image']],
    ['with a generated first frame', { ...body, firstFrame: { prompt: 'a' } }, ['firstFrame']],
  ])('is refused with its field %s', (_, wrong, fields) => {
    expect(fieldsOf(wrong, turn)).toEqual(fields);
  });
});
