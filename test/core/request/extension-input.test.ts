/** Videos that are to be extended: what a model does not take is refused before it is paid, with what was found. */
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
    ...{ image: undefined, lastFrame: undefined, referenceImages: [], firstFrameImage: undefined },
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

describe('a video by its file', () => {
  it.each<[string, Partial<StoredVideo>]>([
    ['720p', file(1280, 720, 24)],
    ['1080p, tall', file(1080, 1920, 24)],
    ['4k', file(3840, 2160, 24)],
    ['padded to whole blocks', file(1920, 1088, 24)],
    ['23.976 frames a second', file(1280, 720, 24_000 / 1001)],
    ['a frame rate that it does not say', file(1280, 720)],
    ['nothing that it says', {}],
  ])('is extended by Veo: %s', (_, found) => {
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
  ])('is refused by what was found: %s', (_, found, detail) => {
    expect(refusals(found, VEO)).toEqual([{ field: 'video', detail }]);
  });

  it('is refused for everything at once: its rate, its shape and its length', () => {
    const found = { ...file(1000, 1000, 60), durationSeconds: 31 };
    expect(refusals(found, VEO).map(({ field }) => field)).toEqual(['video', 'video', 'video']);
  });

  it('is extended by Omni at any resolution and rate, in one of the two shapes', () => {
    expect(refusals(file(640, 360, 30), OMNI)).toEqual([]);
    expect(refusals(file(854, 480, 60), OMNI)).toEqual([]);
    expect(refusals(file(1000, 1000, 24), OMNI)).toMatchObject([{ field: 'video' }]);
  });

  it('is edited whatever its shape, as upright or lying', () => {
    const edit = { model: OMNI, task: 'edit' };
    expect(complete(file(1080, 1350), edit).aspectRatio).toBe('9:16');
    expect(complete(file(1440, 1080), edit).aspectRatio).toBe('16:9');
    expect(complete(file(1080, 1350), { ...edit, aspectRatio: '16:9' }).aspectRatio).toBe('16:9');
  });
});

describe('a video by its job', () => {
  it('is taken at its word, whatever the pixels of its file', () => {
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

  it('is extended there, since nothing tells which resolution it stands for', () => {
    for (const [width, height] of [
      [320, 180],
      [180, 320],
      [640, 360],
      [360, 640],
    ] as const)
      expect(refusals(file(width, height, 24), VEO, simulated)).toEqual([]);
  });

  it('is refused there for everything else', () => {
    for (const found of [file(426, 240, 24), file(320, 180, 30), file(320, 240, 24)])
      expect(refusals(found, VEO, simulated)).toMatchObject([{ field: 'video' }]);
  });
});
