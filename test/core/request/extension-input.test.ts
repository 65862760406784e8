/** Videos to extend: a video that the model does not accept is refused before anything is paid, with its properties. */
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../../functions/core/catalogue/models.ts';
import type { StoredVideo, VideoRequest } from '../../../functions/core/job/video-request.ts';
import { type FieldError, ProblemError } from '../../../functions/core/problem.ts';
import { completeRequest, parseRequest } from '../../../functions/core/request/request.ts';
import type { RequestRules } from '../../../functions/core/request/request-model.ts';

const RULES: RequestRules = {
  ...{ catalogue: CATALOGUE, today: '2026-11-21' },
  ...{ allowRetired: true, aliasRetired: false, restrictedRegion: false },
};
const VEO = 'veo-3.1-fast-generate-001';
const VEO_OF_THE_DEVELOPER_API = 'veo-3.1-generate-preview';
const OMNI = 'gemini-omni-1.2-flash';

function complete(found: Partial<StoredVideo>, body: Record<string, unknown>, rules = RULES): VideoRequest {
  const video = { gcsUri: 'gs://in/a.mp4', mimeType: 'video/mp4', durationSeconds: 8, ...found } as const;
  const given = { prompt: 'on', video: { gcsUri: 'gs://in/a.mp4' }, ...body };
  return completeRequest(parseRequest(given, rules), {
    ...{
      image: undefined,
      lastFrame: undefined,
      referenceImages: [],
      referenceVideos: [],
      firstFrameImage: undefined,
    },
    video,
  });
}

function refusals(found: Partial<StoredVideo>, model: string, rules = RULES): readonly FieldError[] {
  try {
    complete(found, { model }, rules);
  } catch (error) {
    if (error instanceof ProblemError) return error.problem.errors ?? [];
    throw error;
  }
  return [];
}

const file = (width: number, height: number, framesPerSecond?: number): Partial<StoredVideo> => ({
  picture: { width, height },
  ...(Math.abs(width / height - 16 / 9) < 0.04 ? { aspectRatio: '16:9' } : {}),
  ...(Math.abs(width / height - 9 / 16) < 0.02 ? { aspectRatio: '9:16' } : {}),
  ...(framesPerSecond === undefined ? {} : { framesPerSecond }),
});

describe('a video given as a file', () => {
  it.each<[string, Partial<StoredVideo>]>([
    ['720p', file(1280, 720, 24)],
    ['1080p, portrait', file(1080, 1920, 24)],
    ['4k', file(3840, 2160, 24)],
    ['padded to whole macroblocks', file(1920, 1088, 24)],
    ['23.976 frames per second', file(1280, 720, 24_000 / 1001)],
    ['an unknown frame rate', file(1280, 720)],
    ['no known properties', {}],
  ])('is accepted by Veo: %s', (_, found) => {
    expect(refusals(found, VEO)).toEqual([]);
  });

  it.each<[string, Partial<StoredVideo>, string]>([
    ['square', file(1000, 1000, 24), `is 1000 × 1000 pixels; ${VEO} extends videos of 16:9, 9:16.`],
    ['360p', file(640, 360, 24), `is 640 × 360 pixels; ${VEO} extends videos of 720p, 1080p, 4k.`],
    ['480p', file(854, 480, 24), `is 854 × 480 pixels; ${VEO} extends videos of 720p, 1080p, 4k.`],
    ['1440p', file(2560, 1440, 24), `is 2560 × 1440 pixels; ${VEO} extends videos of 720p, 1080p, 4k.`],
    ['180 lines', file(320, 180, 24), `is 320 × 180 pixels; ${VEO} extends videos of 720p, 1080p, 4k.`],
    [
      '30 frames',
      file(1280, 720, 30),
      `has 30 frames a second; ${VEO} extends videos of 24 frames a second.`,
    ],
  ])('is refused by Veo with its properties: %s', (_, found, detail) => {
    expect(refusals(found, VEO)).toEqual([{ field: 'video', detail }]);
  });

  it('is refused with all errors at once: frame rate, aspect ratio and duration', () => {
    const found = { ...file(1000, 1000, 60), durationSeconds: 31 };
    expect(refusals(found, VEO).map(({ field }) => field)).toEqual(['video', 'video', 'video']);
  });

  it('is accepted by Omni at any resolution and frame rate, in one of the two aspect ratios', () => {
    expect(refusals(file(640, 360, 30), OMNI)).toEqual([]);
    expect(refusals(file(854, 480, 60), OMNI)).toEqual([]);
    expect(refusals(file(1000, 1000, 24), OMNI)).toMatchObject([{ field: 'video' }]);
  });

  it('can be edited in any shape and is treated as 9:16 or 16:9', () => {
    const edit = { model: OMNI, task: 'edit' };
    expect(complete(file(1080, 1350), edit).aspectRatio).toBe('9:16');
    expect(complete(file(1440, 1080), edit).aspectRatio).toBe('16:9');
    expect(complete(file(1080, 1350), { ...edit, aspectRatio: '16:9' }).aspectRatio).toBe('16:9');
  });
});

describe('a video given as a job', () => {
  it('is checked by the aspect ratio and resolution of the job, not by its file', () => {
    expect(refusals({ aspectRatio: '16:9', resolution: '720p' }, VEO)).toEqual([]);
    expect(refusals({ aspectRatio: '9:16', resolution: '4k' }, VEO)).toEqual([]);
    expect(refusals({ aspectRatio: '16:9', resolution: '360p' }, VEO)).toEqual([
      { field: 'video', detail: `is 360p; ${VEO} extends videos of 720p, 1080p, 4k.` },
    ]);
    expect(refusals({ aspectRatio: '16:9', resolution: '1080p' }, VEO_OF_THE_DEVELOPER_API)).toEqual([
      { field: 'video', detail: `is 1080p; ${VEO_OF_THE_DEVELOPER_API} extends videos of 720p.` },
    ]);
  });
});

describe('a file of the simulated models', () => {
  const simulated = { ...RULES, scaledDownVideos: true };

  it('is accepted in simulation, because its size does not show which resolution it represents', () => {
    for (const [width, height] of [
      [320, 180],
      [180, 320],
      [640, 360],
      [360, 640],
    ] as const)
      expect(refusals(file(width, height, 24), VEO, simulated)).toEqual([]);
  });

  it('is refused in simulation for every other property', () => {
    for (const found of [file(426, 240, 24), file(320, 180, 30), file(320, 240, 24)])
      expect(refusals(found, VEO, simulated)).toMatchObject([{ field: 'video' }]);
  });
});
