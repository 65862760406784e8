/** The PNG encoder, and the reader of image file headers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fillRect, hsl, newPicture } from '../../../infra/mp4/picture.ts';
import { imageSizeOf, imageTypeOf } from '../../../infra/png/image-header.ts';
import { halveToRgb } from '../../../infra/png/picture-to-rgb.ts';
import { encodePng } from '../../../infra/png/png-encoder.ts';
import { JPEG, PNG } from './harness.ts';
import { decodePng } from './image-harness.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

describe('the PNG encoder', () => {
  it(`preserves every pixel (SEED=${seed})`, () => {
    const picture = fc
      .record({ width: fc.integer({ min: 1, max: 9 }), height: fc.integer({ min: 1, max: 9 }) })
      .chain(({ width, height }) =>
        fc.record({
          width: fc.constant(width),
          height: fc.constant(height),
          rgb: fc.uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 }),
        }),
      );
    fc.assert(
      fc.property(picture, ({ width, height, rgb }) => {
        const decoded = decodePng(encodePng({ width, height, rgb }));
        expect([decoded.width, decoded.height]).toEqual([width, height]);
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const at = (y * width + x) * 3;
            expect(decoded.pixel(x, y)).toEqual([...rgb.subarray(at, at + 3)]);
          }
        }
      }),
      { seed, numRuns: 50 },
    );
  });

  it('stores text chunks', () => {
    const png = encodePng({ width: 1, height: 1, rgb: new Uint8Array(3) }, { Source: 'a model' });
    expect(decodePng(png).texts).toEqual({ Source: 'a model' });
  });
});

describe('a picture converted to PNG', () => {
  it.each([
    ['black', hsl(0, 0, 0), [0, 0, 0]],
    ['white', hsl(0, 0, 1), [255, 255, 255]],
    ['red', hsl(0, 1, 0.5), [255, 0, 0]],
    ['green', hsl(120, 1, 0.5), [0, 255, 0]],
    ['blue', hsl(240, 1, 0.5), [0, 0, 255]],
  ])('preserves %s, and the positions of edges', (_, colour, rgb) => {
    const picture = newPicture(8, 4);
    fillRect(picture, 4, 0, 4, 4, colour);
    const decoded = decodePng(encodePng(halveToRgb(picture)));
    expect([decoded.width, decoded.height]).toEqual([4, 2]);
    expect(decoded.pixel(1, 1)).toEqual([0, 0, 0]);
    for (const [i, level] of decoded.pixel(2, 1).entries()) {
      expect(Math.abs(level - (rgb[i] ?? 0))).toBeLessThanOrEqual(2);
    }
  });
});

describe('the header of an image file', () => {
  const jpeg = Buffer.from('ffd8ffe00004aaaaffc4000300ffc2000b080140028001011100', 'hex');

  it('gives type and size', () => {
    const png = encodePng({ width: 3, height: 2, rgb: new Uint8Array(18) });
    expect([imageTypeOf(png), imageSizeOf(png)]).toEqual(['image/png', { width: 3, height: 2 }]);
    expect([imageTypeOf(jpeg), imageSizeOf(jpeg)]).toEqual(['image/jpeg', { width: 640, height: 320 }]);
  });

  it('gives the type, but no size, of WebP and HEIC', () => {
    expect(imageTypeOf(Buffer.from('RIFF\0\0\0\0WEBPVP8 '))).toBe('image/webp');
    expect(imageTypeOf(Buffer.from('\0\0\0\x18ftypheic'))).toBe('image/heic');
    expect(imageTypeOf(Buffer.from('\0\0\0\x18ftypisom'))).toBeUndefined();
    expect(imageSizeOf(Buffer.from('RIFF\0\0\0\0WEBPVP8 '))).toBeUndefined();
  });

  it('gives no size when it is truncated', () => {
    expect([imageSizeOf(PNG), imageSizeOf(JPEG)]).toEqual([undefined, undefined]);
    for (let length = 0; length < jpeg.length - 6; length++) {
      expect(imageSizeOf(jpeg.subarray(0, length))).toBeUndefined();
    }
  });
});
