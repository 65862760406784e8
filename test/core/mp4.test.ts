import { describe, expect, it } from 'vitest';
import { mp4DurationSeconds, mp4Info, shapeOf } from '../../functions/core/mp4.ts';

const box = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
};
const mvhd = (version: 0 | 1, timescale: number, duration: number): Buffer => {
  const body = Buffer.alloc(version === 1 ? 112 : 100);
  body[0] = version;
  body.writeUInt32BE(timescale, version === 1 ? 20 : 12);
  if (version === 1) body.writeBigUInt64BE(BigInt(duration), 24);
  else body.writeUInt32BE(duration, 16);
  return box('mvhd', body);
};
const durationOf = (file: Buffer): Promise<number | undefined> =>
  mp4DurationSeconds(file.length, async (start, end) => file.subarray(start, end + 1));

const tkhd = (version: 0 | 1, width: number, height: number, turned = false): Buffer => {
  const matrixAt = version === 1 ? 52 : 40;
  const body = Buffer.alloc(matrixAt + 44);
  body[0] = version;
  body.writeInt32BE(turned ? 0 : 65536, matrixAt);
  body.writeInt32BE(turned ? 65536 : 0, matrixAt + 4);
  body.writeUInt32BE(width * 65536, matrixAt + 36);
  body.writeUInt32BE(height * 65536, matrixAt + 40);
  return box('trak', box('tkhd', body));
};

describe('the shape of an MP4', () => {
  const shapeIn = async (...tracks: Buffer[]): Promise<unknown> => {
    const file = box('moov', Buffer.concat([mvhd(0, 24, 192), ...tracks]));
    const info = await mp4Info(file.length, async (start, end) => file.subarray(start, end + 1));
    expect(info?.durationSeconds).toBe(8);
    return info && shapeOf(info);
  };

  it.each<[string, Buffer[], unknown]>([
    ['720p', [tkhd(0, 1280, 720)], { aspectRatio: '16:9', resolution: '720p' }],
    ['1080p, tall', [tkhd(1, 1080, 1920)], { aspectRatio: '9:16', resolution: '1080p' }],
    ['4k', [tkhd(0, 3840, 2160)], { aspectRatio: '16:9', resolution: '4k' }],
    ['filmed upright', [tkhd(0, 1920, 1080, true)], { aspectRatio: '9:16', resolution: '1080p' }],
    ['smaller than any of Google’s', [tkhd(0, 320, 180)], { aspectRatio: '16:9' }],
    ['with the sound first', [tkhd(0, 0, 0), tkhd(0, 640, 360)], { aspectRatio: '16:9', resolution: '360p' }],
    ['without a picture', [tkhd(0, 0, 0)], {}],
    ['with a track cut short', [box('trak', box('tkhd', Buffer.alloc(20)))], {}],
  ])('is read from its tracks: %s', async (_, tracks, shape) => {
    expect(await shapeIn(...tracks)).toEqual(shape);
  });
});

describe('the duration of an MP4', () => {
  const ftyp = box('ftyp', Buffer.from('isom0000'));
  it.each([0, 1] as const)('is read from a movie header of version %i', async (version) => {
    expect(await durationOf(Buffer.concat([ftyp, box('moov', mvhd(version, 24, 192))]))).toBe(8);
  });

  it('is found behind the video data as well, also behind a 64-bit box', async () => {
    const mdat = Buffer.alloc(16 + 1000);
    mdat.writeUInt32BE(1);
    mdat.write('mdat', 4, 'latin1');
    mdat.writeBigUInt64BE(1016n, 8);
    expect(await durationOf(Buffer.concat([ftyp, mdat, box('moov', mvhd(0, 1000, 4500))]))).toBe(4.5);
  });

  it.each([
    ['an empty file', Buffer.alloc(0)],
    ['a text', Buffer.from('this is not a video, whatever its name')],
    ['a header cut short', box('moov', mvhd(0, 24, 192)).subarray(0, 20)],
    ['a box of size 4', Buffer.from('0000000466747970', 'hex')],
    ['a movie without a header', box('moov', box('trak', Buffer.alloc(8)))],
    ['a timescale of zero', box('moov', mvhd(0, 0, 192))],
  ])('is unknown for %s', async (_, file) => {
    expect(await durationOf(file)).toBeUndefined();
  });

  it('needs two small reads per box and never the video', async () => {
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
