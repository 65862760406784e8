import { describe, expect, it } from 'vitest';
import { decodeBase64, IMAGE_BYTES_MAX, imageFault } from '../../../functions/core/media/image.ts';
import { JPEG, PNG } from '../../support/images.ts';
import { rangesOf } from '../../support/read-range.ts';

const fault = (declared: 'image/png' | 'image/jpeg', bytes: Uint8Array): Promise<string | undefined> =>
  imageFault(declared, bytes.length, rangesOf(bytes));

describe('an input image', () => {
  it('is accepted as PNG and as JPEG, also with a little padding after its end', async () => {
    expect(await fault('image/png', PNG)).toBeUndefined();
    expect(await fault('image/jpeg', JPEG)).toBeUndefined();
    expect(await fault('image/jpeg', Buffer.concat([JPEG, Buffer.alloc(100)]))).toBeUndefined();
  });

  it('is rejected if its content does not match its mimeType', async () => {
    expect(await fault('image/png', JPEG)).toContain('is image/jpeg');
    expect(await fault('image/jpeg', PNG)).toContain('is image/png');
    for (const other of ['GIF89a', 'RIFF0000WEBP', '<svg/>']) {
      expect(await fault('image/png', Buffer.from(other))).toContain('neither PNG nor JPEG');
    }
  });

  it('is rejected if it is truncated at any byte', async () => {
    for (let length = 8; length < PNG.length; length++) {
      expect(await fault('image/png', PNG.subarray(0, length)), `PNG of ${length} bytes`).toBeTypeOf(
        'string',
      );
    }
    for (let length = 3; length < JPEG.length; length++) {
      expect(await fault('image/jpeg', JPEG.subarray(0, length)), `JPEG of ${length} bytes`).toContain(
        'truncated',
      );
    }
  });

  it('is rejected if another file is appended to it, or if its width is zero', async () => {
    expect(await fault('image/png', Buffer.concat([PNG, Buffer.alloc(5000)]))).toContain('truncated');
    const noWidth = Buffer.from(PNG);
    noWidth.writeUInt32BE(0, 16);
    expect(await fault('image/png', noWidth)).toContain('without a valid header');
  });

  it('is rejected if it is empty', async () => {
    expect(await fault('image/png', new Uint8Array())).toBe('is empty.');
  });

  it('is accepted at the size limit and rejected above it', async () => {
    const large = Buffer.concat([PNG.subarray(0, 33), Buffer.alloc(IMAGE_BYTES_MAX - 45), PNG.subarray(-12)]);
    expect(await fault('image/png', large)).toBeUndefined();
    expect(await imageFault('image/png', IMAGE_BYTES_MAX + 1, rangesOf(PNG))).toContain(
      String(IMAGE_BYTES_MAX),
    );
  });
});

describe('a JPEG', () => {
  const [start, end] = [Buffer.from('ffd8', 'hex'), Buffer.from('ffd9', 'hex')];
  const segment = (marker: number, body: Uint8Array): Buffer => {
    const head = Buffer.from([0xff, marker, 0, 0]);
    head.writeUInt16BE(body.length + 2, 2);
    return Buffer.concat([head, body]);
  };
  const frame = (width: number, height: number, marker = 0xc0): Buffer => {
    const body = Buffer.from('080000000001011100', 'hex');
    body.writeUInt16BE(height, 1);
    body.writeUInt16BE(width, 3);
    return segment(marker, body);
  };
  const scan = Buffer.from('ffda0008010100003f003f', 'hex');
  const jpeg = (...segments: Uint8Array[]): Buffer => Buffer.concat([start, ...segments, scan, end]);
  const previews = Array.from({ length: 300 }, () => segment(0xe1, Buffer.alloc(65_000, 0xff)));

  it.each<[string, Buffer]>([
    ['progressive', jpeg(frame(640, 360, 0xc2))],
    ['with fill bytes before a marker', jpeg(Buffer.from('ffffff', 'hex'), frame(640, 360))],
    ['with a thumbnail that is a JPEG itself', jpeg(segment(0xe1, JPEG), frame(640, 360))],
    ['with megabytes of previews before the frame header', jpeg(...previews, frame(640, 360))],
  ])('is accepted if it has a frame header: %s', async (_, bytes) => {
    expect(await fault('image/jpeg', bytes)).toBeUndefined();
  });

  it.each<[string, Buffer]>([
    [
      'zeros between its first and its last bytes',
      Buffer.concat([start, Buffer.from([255]), Buffer.alloc(99), end]),
    ],
    ['only a JFIF header', Buffer.concat([start, segment(0xe0, Buffer.from('JFIF\0')), end])],
    ['no width', jpeg(frame(0, 360))],
    ['no height', jpeg(frame(640, 0))],
    ['a frame header only in its thumbnail', jpeg(segment(0xe1, JPEG))],
    ['only tables', jpeg(segment(0xc4, Buffer.alloc(20, 1)), segment(0xdb, Buffer.alloc(65)))],
    [
      'more segments than the limit',
      jpeg(...Array.from({ length: 500 }, () => segment(0xfe, Buffer.alloc(1))), frame(9, 9)),
    ],
  ])('is rejected if it has no valid frame header: %s', async (_, bytes) => {
    expect(await fault('image/jpeg', bytes)).toBe('is a JPEG without a valid frame header.');
  });

  it('is not read completely, because previews are skipped', async () => {
    const bytes = jpeg(...previews.slice(0, 30), frame(640, 360));
    let read = 0;
    const counted = (from: number, to: number): Promise<Uint8Array> => {
      read += to - from + 1;
      return rangesOf(bytes)(from, to);
    };
    expect(await imageFault('image/jpeg', bytes.length, counted)).toBeUndefined();
    expect(read).toBeLessThan(bytes.length / 10);
  });
});

describe('base64', () => {
  it('is decoded completely or not at all, even if it is very long', () => {
    expect(decodeBase64('AAEC')).toEqual(Buffer.from([0, 1, 2]));
    for (const bad of ['AAE', 'AA=E', 'AA EC', 'AA\nC', 'a-_b', '===='])
      expect(decodeBase64(bad), bad).toBeUndefined();
    const large = Buffer.alloc(25 * 1024 * 1024, 7);
    expect(decodeBase64(large.toString('base64'))?.length).toBe(large.length);
  });
});
