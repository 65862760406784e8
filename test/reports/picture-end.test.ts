/** Bytes behind an image: it ends where its structure ends, and only an image without an end is cut short. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readImage } from '../../functions/core/media/image.ts';
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
  pngOf,
  webpOf,
} from '../support/images.ts';
import { rangesOf } from '../support/read-range.ts';
import { reportFile, sendImage, WAYS } from '../support/report-files.ts';

const MEBIBYTE = 1024 * 1024;
const photo = reportFile('photo.jfif');
const motion = reportFile('motion.jpg');

describe.each(WAYS)('an image sent by the %s', (way) => {
  it('may be a motion photo, and the model gets the photo alone (3rd/image.nvim#379, libjxl/libjxl#3502)', async () => {
    const { status, text, job, image } = await sendImage(way, { bytes: motion });
    expect([status < 300, text]).toEqual([true, expect.any(String)]);
    expect(job?.request.image).toMatchObject({ mimeType: 'image/jpeg' });
    expect(Buffer.from(image ?? []).equals(motion.subarray(0, photo.length))).toBe(true);
  });

  it('may be followed by a second image, an old image or padding (NASA-PDS/validate#1118)', async () => {
    for (const [first, rest] of [
      [photo, photo],
      [PNG, pngOf(30_000).subarray(8)],
      [JPEG, Buffer.alloc(3)],
    ] as const) {
      const { status, image } = await sendImage(way, { bytes: Buffer.concat([first, rest]) });
      expect(status).toBeLessThan(300);
      expect(Buffer.from(image ?? []).subarray(0, first.length)).toEqual(first);
      expect(image?.length).toBeLessThan(first.length + 1024);
    }
  });

  it('is refused as cut short only if it has no end (libjpeg-turbo/libjpeg-turbo#163)', async () => {
    const noEnd = photo.subarray(0, -2);
    const trailer = Buffer.concat([Buffer.from('\xff\x01MotionPhoto_Data', 'latin1'), Buffer.alloc(5000, 9)]);
    for (const bytes of [
      noEnd,
      photo.subarray(0, 3000),
      Buffer.concat([noEnd, trailer]),
      pngOf(9000).subarray(0, -12),
    ]) {
      const { status, text, job, world } = await sendImage(way, { bytes });
      expect([status, text, job]).toEqual([400, expect.stringContaining('is cut short'), undefined]);
      expect(world.vertex.calls).toEqual([]);
      expect([...world.input.objects.keys()]).toEqual(['shared/cat.png']);
    }
  });
});

describe('the limit of 20 MiB', () => {
  const preview = jpegSegment(0xe1, Buffer.alloc(65_000));
  const jpegOf = (mebibytes: number): Buffer =>
    Buffer.concat([
      ...[JPEG_START, ...Array.from({ length: mebibytes * 16 }, () => preview)],
      ...[JPEG_TABLES, jpegFrame(8, 8), jpegScan(Buffer.from([0x3f])), JPEG_END],
    ]);

  it('is for the image and not for the bytes behind it', async () => {
    const small = jpegOf(15);
    const bytes = Buffer.concat([small, Buffer.alloc(8 * MEBIBYTE)]);
    const { status, job, image } = await sendImage('own API, gs://', { bytes });
    expect([status, image?.length]).toEqual([201, small.length]);
    expect(job?.request.image?.copyOf).toMatch(/^gs:\/\/in\/shared\/cat\.png#\d+$/);
    const large = await sendImage('own API, gs://', { bytes: Buffer.concat([jpegOf(22), bytes]) });
    expect([large.status, large.text]).toEqual([400, expect.stringContaining(String(20 * MEBIBYTE))]);
  });
});

/** The structure of a JPEG, read once more and without the checks: where it ends, or undefined. */
function endOfJpeg(bytes: Buffer): number | undefined {
  let at = 2;
  while (bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xd9) return at + 2;
    if (marker === 0xff) at += 1;
    else if (at + 4 > bytes.length) return undefined;
    else {
      at += 2 + bytes.readUInt16BE(at + 2);
      if (marker === 0xda) while (at < bytes.length && !isMarker(bytes, at)) at++;
    }
  }
  return undefined;
}
const isMarker = (bytes: Buffer, at: number): boolean =>
  bytes[at] === 0xff && !/^(00|ff|d[0-7])$/.test((bytes[at + 1] ?? 0).toString(16).padStart(2, '0'));

interface Mutation {
  readonly at: number;
  readonly remove: number;
  readonly insert: Uint8Array;
}
const mutations: fc.Arbitrary<Mutation[]> = fc.array(
  fc.record({
    at: fc.oneof(fc.nat(200), fc.nat(10_000)),
    remove: fc.constantFrom(0, 0, 1, 1, 2, 7, 5000),
    insert: fc.uint8Array({ maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 3 },
);
const mutated = (bytes: Buffer, changes: readonly Mutation[]): Buffer =>
  changes.reduce<Buffer>((before, { at, remove, insert }) => {
    const start = at % (before.length + 1);
    return Buffer.concat([before.subarray(0, start), insert, before.subarray(start + remove)]);
  }, bytes);

describe('random changes of valid images (measured on b5f8afa)', () => {
  const accepts = ['image/png', 'image/jpeg', 'image/webp', 'image/heic', 'image/heif'];
  const files = { photo, motion, jpeg: JPEG, png: PNG, webp: webpOf(), heic: heicOf() } as const;
  const names = fc.constantFrom('photo', 'motion', 'jpeg', 'png', 'webp', 'heic');

  it('give a refusal in words, or an image whose own structure ends where it was found to end', async () => {
    const property = fc.asyncProperty(names, mutations, async (name, changes) => {
      const bytes = mutated(files[name], changes);
      const given = { declared: undefined, accepts, model: 'omni', sizeBytes: bytes.length };
      const image = await readImage({ ...given, read: rangesOf(bytes) });
      if ('fault' in image) expect(image.fault).toMatch(/^(is|has|cannot) .*\.\)?$/s);
      else {
        expect(image.sizeBytes).toBeLessThanOrEqual(bytes.length);
        // A PNG that was changed before its end has a wrong checksum.
        if (image.mimeType === 'image/png') expect(bytes.subarray(0, PNG.length)).toEqual(PNG);
        if (image.mimeType === 'image/jpeg')
          expect(image.sizeBytes - (endOfJpeg(bytes) ?? Number.NaN)).toBeLessThanOrEqual(1024);
      }
    });
    await fc.assert(property, { numRuns: 400 });
  });

  it('never become a job where a reader of the structure finds no end, and are refused with a field', async () => {
    const property = fc.asyncProperty(fc.constantFrom(...WAYS), mutations, async (way, changes) => {
      const bytes = mutated(photo, changes);
      const { status, text, job, world } = await sendImage(way, { bytes });
      if (job) expect(endOfJpeg(bytes)).toBeDefined();
      else {
        expect([status, text]).toEqual([400, expect.stringMatching(/image\.(bytesBase64Encoded|gcsUri)/)]);
        expect(world.input.objects.size).toBe(1);
      }
    });
    await fc.assert(property, { numRuns: 40 });
  });
});
