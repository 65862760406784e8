import { describe, expect, it } from 'vitest';
import { IMAGE_BYTES_MAX, type ReadImage, readImage } from '../../../functions/core/media/image.ts';
import {
  heicOf,
  JPEG,
  JPEG_END,
  JPEG_START,
  JPEG_TABLES,
  jpegFrame,
  jpegScan,
  jpegSegment,
  PNG,
  pngChunk,
  pngOf,
  webpOf,
} from '../../support/images.ts';
import { rangesOf } from '../../support/read-range.ts';

const ALL = ['image/png', 'image/jpeg', 'image/webp', 'image/heic', 'image/heif'];
const read = (bytes: Uint8Array, declared?: string, accepts = ['image/png', 'image/jpeg']) =>
  readImage({ sizeBytes: bytes.length, read: rangesOf(bytes), declared, accepts, model: 'veo' });
const faultOf = (image: ReadImage<string>): string | undefined =>
  'fault' in image ? image.fault : undefined;

describe('an input image', () => {
  it('is accepted as PNG and as JPEG, and ends where its structure ends', async () => {
    for (const [bytes, mimeType] of [
      [PNG, 'image/png'],
      [JPEG, 'image/jpeg'],
    ] as const) {
      const image = { mimeType, sizeBytes: bytes.length };
      for (const declared of [mimeType, undefined]) expect(await read(bytes, declared)).toEqual(image);
      expect(await read(Buffer.concat([bytes, Buffer.alloc(5000)]))).toEqual(image);
      expect(await read(Buffer.concat([bytes, JPEG, PNG, Buffer.alloc(900)]))).toEqual(image);
      // Padding.
      expect(await read(Buffer.concat([bytes, Buffer.alloc(3)]))).toMatchObject({
        sizeBytes: bytes.length + 3,
      });
    }
  });

  it('is rejected if a mimeType that was written contradicts its content', async () => {
    expect(faultOf(await read(JPEG, 'image/png'))).toContain('is image/jpeg, but its mimeType is image/png');
    expect(faultOf(await read(PNG, 'image/jpeg'))).toContain('is image/png, but its mimeType is image/jpeg');
    for (const other of ['GIF89a', 'RIFF0000WEBP', '<svg/>'])
      expect(faultOf(await read(Buffer.from(other)))).toContain('neither PNG nor JPEG');
  });

  it('has other names for its type, and no type in what programs send for unknown files', async () => {
    for (const declared of [
      'image/jpg',
      'IMAGE/JPEG',
      'image/pjpeg',
      'image/jpeg; q=1',
      '',
      'application/octet-stream',
    ])
      expect(faultOf(await read(JPEG, declared)), declared).toBeUndefined();
    for (const declared of ['image/heic', 'image/heif'])
      expect(await read(heicOf(), declared, ALL)).toMatchObject({ mimeType: 'image/heic' });
  });

  it('is rejected as cut short if it is truncated at any byte', async () => {
    for (let length = 33; length < PNG.length; length++)
      expect(faultOf(await read(PNG.subarray(0, length))), `PNG of ${length} bytes`).toContain(
        'is cut short',
      );
    for (let length = 3; length < JPEG.length; length++)
      expect(faultOf(await read(JPEG.subarray(0, length))), `JPEG of ${length} bytes`).toContain(
        'is cut short',
      );
    for (const bytes of [webpOf(), heicOf()])
      expect(faultOf(await read(bytes.subarray(0, -1), undefined, ALL))).toContain('is cut short');
  });

  it('may be the signature of a PNG alone only where that is allowed', async () => {
    const signature = PNG.subarray(0, 8);
    const given = { declared: undefined, accepts: ALL, model: 'veo', acceptsBarePng: true };
    const readBare = (bytes: Uint8Array) =>
      readImage({ ...given, sizeBytes: bytes.length, read: rangesOf(bytes) });
    expect(await readBare(signature)).toEqual({ mimeType: 'image/png', sizeBytes: 8 });
    for (const cut of [9, 33, 40])
      expect(faultOf(await readBare(PNG.subarray(0, cut)))).toContain('is cut short');
    expect(faultOf(await read(signature))).toContain('is cut short');
  });

  it('is rejected if it is empty', async () => {
    expect(await read(new Uint8Array())).toEqual({ fault: 'is empty.' });
  });

  it('may be 20 MiB, whatever follows it, and is read in at most 24 ranges of 1 MiB', async () => {
    const small = pngOf(IMAGE_BYTES_MAX - 40_000);
    const large = pngOf(IMAGE_BYTES_MAX);
    for (const [bytes, wanted] of [
      [small, undefined],
      [Buffer.concat([small, Buffer.alloc(5_000_000)]), undefined],
      [large, String(IMAGE_BYTES_MAX)],
    ] as const) {
      const ranges: number[] = [];
      const counted = (from: number, to: number): Promise<Uint8Array> => {
        ranges.push(to - from + 1);
        return rangesOf(bytes)(from, to);
      };
      const given = { declared: undefined, accepts: ALL, model: 'omni' };
      const image = await readImage({ ...given, sizeBytes: bytes.length, read: counted });
      if (wanted === undefined) expect(image).toEqual({ mimeType: 'image/png', sizeBytes: small.length });
      else expect(faultOf(image)).toContain(wanted);
      expect(ranges.length).toBeLessThanOrEqual(24);
      expect(Math.max(...ranges)).toBeLessThanOrEqual(1024 * 1024);
    }
  });
});

describe('a PNG', () => {
  const signature = PNG.subarray(0, 8);
  const header = PNG.subarray(8, 33);
  const data = PNG.subarray(33, -12);
  const end = PNG.subarray(-12);
  const indexed = pngChunk('IHDR', Buffer.from('00000001000000010803000000', 'hex'));
  const damagedHeader = Buffer.from(header);
  damagedHeader.writeUInt32BE(0, 8);

  it.each<[string, Buffer[], string]>([
    ['no width', [damagedHeader, data, end], 'without a valid header'],
    ['no header', [data, end], 'without a valid header'],
    ['no data', [header, end], 'no image data'],
    [
      'a changed byte in its data',
      [header, Buffer.from(data).fill(0, 10, 11), end],
      'checksum of its chunk IDAT',
    ],
    ['two parts of data', [header, data, pngChunk('tEXt', Buffer.from('a\0b')), data, end], 'between'],
    ['no palette', [indexed, data, end], 'palette'],
    ['a chunk that readers must know', [header, pngChunk('ABCD', data), data, end], 'ABCD'],
    ['the format of apps for iPhones', [pngChunk('CgBI', Buffer.alloc(4)), header, data, end], 'CgBI'],
  ])('is rejected with %s', async (_, chunks, words) => {
    expect(faultOf(await read(Buffer.concat([signature, ...chunks])))).toContain(words);
  });

  it('may have chunks that readers need not know', async () => {
    const text = pngChunk('tEXt', Buffer.from('Comment\0a cat'));
    const bytes = Buffer.concat([signature, header, text, data, text, end]);
    expect(await read(bytes)).toEqual({ mimeType: 'image/png', sizeBytes: bytes.length });
  });
});

describe('a JPEG', () => {
  const jpeg = (...parts: Uint8Array[]): Buffer =>
    Buffer.concat([JPEG_START, JPEG_TABLES, ...parts, JPEG_END]);
  const gray = jpegFrame(8, 8);
  const scan = jpegScan(Buffer.from([0x3f]));
  const previews = Array.from({ length: 300 }, () => jpegSegment(0xe1, Buffer.alloc(65_000, 0xff)));
  const restarts = Buffer.from('3fffd03fffd13fff003f', 'hex');
  const height = jpegSegment(0xdc, Buffer.from([0, 8]));

  it.each<[string, Buffer]>([
    [
      'is progressive, with several scans',
      jpeg(
        jpegFrame(8, 8, 0xc2),
        jpegScan(Buffer.from([0x3f]), [0, 0, 0]),
        jpegScan(Buffer.from([0x3f]), [1, 63, 0]),
      ),
    ],
    ['has fill bytes before a marker', jpeg(Buffer.from('ffffff', 'hex'), gray, scan)],
    ['has a thumbnail that is a JPEG itself', jpeg(jpegSegment(0xe1, JPEG), gray, scan)],
    ['has megabytes of previews before the frame header', jpeg(...previews, gray, scan)],
    [
      'has restart markers and stuffed bytes',
      jpeg(jpegSegment(0xdd, Buffer.from([0, 1])), gray, jpegScan(restarts)),
    ],
    ['has its height after the first scan', jpeg(jpegFrame(8, 0), scan, height)],
  ])('is accepted if it %s', async (_, bytes) => {
    expect(await read(bytes)).toEqual({ mimeType: 'image/jpeg', sizeBytes: bytes.length });
    const followed = Buffer.concat([bytes, JPEG, Buffer.alloc(1000)]);
    expect(await read(followed)).toMatchObject({ sizeBytes: bytes.length });
  });

  it.each<[string, Buffer]>([
    ['zeros only', Buffer.concat([JPEG_START, Buffer.from([255]), Buffer.alloc(99), JPEG_END])],
    ['only a JFIF header', Buffer.concat([JPEG_START, jpegSegment(0xe0, Buffer.from('JFIF\0')), JPEG_END])],
    ['no width', jpeg(jpegFrame(0, 8), scan)],
    ['a frame header only in its thumbnail', jpeg(jpegSegment(0xe1, JPEG), scan)],
    ['only tables', jpeg()],
  ])('is rejected without a valid frame header: %s', async (_, bytes) => {
    expect(faultOf(await read(bytes))).toContain('is a JPEG without a valid frame header');
  });

  it.each<[string, Buffer, string]>([
    ['no height', jpeg(jpegFrame(8, 0), scan), 'without a height'],
    ['no image data', jpeg(gray), 'image data is missing'],
    ['less data than its blocks need', jpeg(jpegFrame(4000, 3000), scan), 'image data is incomplete'],
    ['no tables', Buffer.concat([JPEG_START, gray, scan, JPEG_END]), 'table that it needs is missing'],
    [
      'a table with too many codes',
      jpeg(jpegSegment(0xc4, Buffer.concat([Buffer.from([0, 3]), Buffer.alloc(18)])), gray, scan),
      'table in it is not valid',
    ],
    ['arithmetic coding', jpeg(jpegFrame(8, 8, 0xc9), scan), 'arithmetic coding'],
    ['12 bits', jpeg(jpegFrame(8, 8, 0xc1, 12), scan), '12 bits per sample'],
    ['two frames', jpeg(gray, gray, scan), 'two frame headers'],
    ['bytes between its segments', jpeg(gray, Buffer.alloc(9), scan), 'does not begin a segment'],
    [
      'more segments than the limit',
      jpeg(...Array.from({ length: 10_001 }, () => jpegSegment(0xfe, Buffer.alloc(1)))),
      'segments',
    ],
    [
      'no end but a video behind it',
      Buffer.concat([jpeg(gray, scan).subarray(0, -2), Buffer.from('\xff\x00\xffSEFT', 'latin1')]),
      'is cut short',
    ],
  ])('is rejected with %s', async (_, bytes, words) => {
    expect(faultOf(await read(bytes))).toContain(words);
  });
});
