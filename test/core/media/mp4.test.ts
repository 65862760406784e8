import { describe, expect, it } from 'vitest';
import { mp4DurationSeconds, mp4Info, shapeOf } from '../../../functions/core/media/mp4.ts';
import { encodeClip } from '../../../infra/mp4/clip.ts';
import { box, mdia, movie, mvhd, trak } from '../../support/mp4-boxes.ts';
import { rangesOf } from '../../support/read-range.ts';

const durationOf = (file: Buffer): Promise<number | undefined> =>
  mp4DurationSeconds(file.length, rangesOf(file));

describe('the aspect ratio and resolution of an MP4', () => {
  const shapeIn = async (...tracks: Buffer[]): Promise<unknown> => {
    const file = movie(...tracks);
    const info = await mp4Info(file.length, rangesOf(file));
    expect(info?.durationSeconds).toBe(8);
    return info && shapeOf(info);
  };
  const of = (width: number, height: number): Buffer => trak({ width, height });

  it.each<[string, Buffer[], unknown]>([
    ['720p', [of(1280, 720)], { aspectRatio: '16:9', resolution: '720p' }],
    [
      '1080p, portrait',
      [trak({ width: 1080, height: 1920, version: 1 })],
      { aspectRatio: '9:16', resolution: '1080p' },
    ],
    ['4k', [of(3840, 2160)], { aspectRatio: '16:9', resolution: '4k' }],
    [
      'rotated by its matrix',
      [trak({ width: 1920, height: 1080, turned: true })],
      { aspectRatio: '9:16', resolution: '1080p' },
    ],
    ['smaller than all of Google’s resolutions', [of(320, 180)], { aspectRatio: '16:9' }],
    ['with the audio track first', [of(0, 0), of(640, 360)], { aspectRatio: '16:9', resolution: '360p' }],
    ['without a video track', [of(0, 0)], {}],
    ['with a truncated track header', [box('trak', box('tkhd', Buffer.alloc(20)))], {}],
    ['padded to whole blocks', [of(1920, 1088)], { aspectRatio: '16:9', resolution: '1080p' }],
    ['square', [of(1000, 1000)], { resolution: '720p' }],
    ['4:3', [of(960, 720)], { resolution: '720p' }],
    ['wide (2.4:1)', [of(1920, 800)], { resolution: '720p' }],
    ['4:5', [of(1080, 1350)], { resolution: '1080p' }],
  ])('are read from its tracks: %s', async (_, tracks, shape) => {
    expect(await shapeIn(...tracks)).toEqual(shape);
  });
});

describe('the frame rate of an MP4', () => {
  const size = { width: 1280, height: 720 };
  const rateIn = async (...tracks: Buffer[]): Promise<number | undefined> => {
    const file = movie(...tracks);
    return (await mp4Info(file.length, rangesOf(file)))?.framesPerSecond;
  };
  const sound = trak({ width: 0, height: 0, media: [mdia(48_000, [[375, 1024]])] });

  it.each<[string, Buffer[], number]>([
    ['24', [trak({ ...size, media: [mdia(24, [[192, 1]])] })], 24],
    ['with a header of version 1', [trak({ ...size, media: [mdia(24, [[192, 1]], 1)] })], 24],
    ['30', [trak({ ...size, media: [mdia(15_360, [[240, 512]])] })], 30],
    ['24000/1001', [trak({ ...size, media: [mdia(24_000, [[192, 1001]])] })], 24_000 / 1001],
    [
      'in milliseconds, on average',
      [
        trak({
          ...size,
          media: [
            mdia(1000, [
              [128, 42],
              [64, 41],
            ]),
          ],
        }),
      ],
      24,
    ],
    ['after the audio track', [sound, trak({ ...size, media: [mdia(25, [[200, 1]])] })], 25],
    [
      'after the tables of half a minute of audio',
      [sound, box('free', Buffer.alloc(30_000)), trak({ ...size, media: [mdia(25, [[200, 1]])] })],
      25,
    ],
  ])('is that of its video track: %s', async (_, tracks, rate) => {
    expect(await rateIn(...tracks)).toBeCloseTo(rate, 2);
  });

  it.each<[string, Buffer[]]>([
    ['no table of sample times', [trak(size)]],
    ['an empty table, as in a fragmented file', [trak({ ...size, media: [mdia(24, [])] })]],
    ['a track timescale of zero', [trak({ ...size, media: [mdia(0, [[192, 1]])] })]],
    ['a total duration of zero', [trak({ ...size, media: [mdia(24, [[192, 0]])] })]],
    ['only an audio track', [sound]],
    [
      'a table beyond the bytes read',
      [box('free', Buffer.alloc(70_000)), trak({ ...size, media: [mdia(24, [[192, 1]])] })],
    ],
    [
      'a truncated table',
      [
        trak({
          ...size,
          media: [
            mdia(
              24,
              Array.from({ length: 9_000 }, () => [1, 1] as const),
            ),
          ],
        }),
      ],
    ],
  ])('is undefined with %s', async (_, tracks) => {
    expect(await rateIn(...tracks)).toBeUndefined();
  });

  it('of a simulated model is that of its frames', async () => {
    const [width, height] = [320, 180];
    const file = await encodeClip({ width, height, frameCount: 12, draw: () => undefined });
    expect(await mp4Info(file.length, rangesOf(file))).toEqual({
      durationSeconds: 0.5,
      picture: { width, height },
      framesPerSecond: 24,
    });
  });
});

describe('the duration of an MP4', () => {
  const ftyp = box('ftyp', Buffer.from('isom0000'));
  it.each([0, 1] as const)('is read from a movie header of version %i', async (version) => {
    expect(await durationOf(Buffer.concat([ftyp, box('moov', mvhd(version, 24, 192))]))).toBe(8);
  });

  it('is found after the video data too, even if that is a 64-bit box', async () => {
    const mdat = Buffer.alloc(16 + 1000);
    mdat.writeUInt32BE(1);
    mdat.write('mdat', 4, 'latin1');
    mdat.writeBigUInt64BE(1016n, 8);
    expect(await durationOf(Buffer.concat([ftyp, mdat, box('moov', mvhd(0, 1000, 4500))]))).toBe(4.5);
  });

  it.each([
    ['an empty file', Buffer.alloc(0)],
    ['a text file', Buffer.from('this is not a video, whatever its name')],
    ['a truncated header', box('moov', mvhd(0, 24, 192)).subarray(0, 20)],
    ['a box of size 4', Buffer.from('0000000466747970', 'hex')],
    ['a movie without a header', box('moov', box('trak', Buffer.alloc(8)))],
    ['a timescale of zero', box('moov', mvhd(0, 0, 192))],
  ])('is undefined for %s', async (_, file) => {
    expect(await durationOf(file)).toBeUndefined();
  });

  it('is found with two small reads per box, without reading the video data', async () => {
    const file = Buffer.concat([ftyp, box('mdat', Buffer.alloc(1_000_000)), box('moov', mvhd(0, 24, 96))]);
    let bytes = 0;
    const duration = await mp4DurationSeconds(file.length, async (start, end) => {
      bytes += end - start + 1;
      return file.subarray(start, end + 1);
    });
    expect(duration).toBe(4);
    expect(bytes).toBeLessThan(8192);
  });
});
