import { describe, expect, it } from 'vitest';
import { decodeBase64, IMAGE_BYTES_MAX, imageFault } from '../../functions/core/image.ts';
import { JPEG, PNG } from '../support/images.ts';

const fault = (declared: 'image/png' | 'image/jpeg', bytes: Uint8Array): string | undefined =>
  imageFault(declared, bytes.length, bytes, bytes);

describe('a picture', () => {
  it('is taken as PNG and as JPEG, also with a little padding behind its end', () => {
    expect(fault('image/png', PNG)).toBeUndefined();
    expect(fault('image/jpeg', JPEG)).toBeUndefined();
    expect(fault('image/jpeg', Buffer.concat([JPEG, Buffer.alloc(100)]))).toBeUndefined();
  });

  it('is refused when its content is not what it says', () => {
    expect(fault('image/png', JPEG)).toContain('holds image/jpeg');
    expect(fault('image/jpeg', PNG)).toContain('holds image/png');
    for (const other of ['GIF89a', 'RIFF0000WEBP', '<svg/>', '']) {
      expect(fault('image/png', Buffer.from(other))).toContain('neither PNG nor JPEG');
    }
  });

  it('is refused when it is cut short, at any byte', () => {
    for (let length = 8; length < PNG.length; length++) {
      expect(fault('image/png', PNG.subarray(0, length)), `PNG of ${length} bytes`).toBeTypeOf('string');
    }
    for (let length = 3; length < JPEG.length; length++) {
      expect(fault('image/jpeg', JPEG.subarray(0, length)), `JPEG of ${length} bytes`).toContain('cut short');
    }
  });

  it('is refused when another file hangs behind it, or when it has no size', () => {
    expect(fault('image/png', Buffer.concat([PNG, Buffer.alloc(5000)]))).toContain('cut short');
    const noWidth = Buffer.from(PNG);
    noWidth.writeUInt32BE(0, 16);
    expect(fault('image/png', noWidth)).toContain('without a valid header');
  });

  it('is refused beyond the limit, and taken at it', () => {
    expect(imageFault('image/png', IMAGE_BYTES_MAX, PNG, PNG)).toBeUndefined();
    expect(imageFault('image/png', IMAGE_BYTES_MAX + 1, PNG, PNG)).toContain(String(IMAGE_BYTES_MAX));
  });
});

describe('base64', () => {
  it('is decoded whole or not at all, also when it is very long', () => {
    expect(decodeBase64('AAEC')).toEqual(Buffer.from([0, 1, 2]));
    for (const bad of ['AAE', 'AA=E', 'AA EC', 'AA\nC', 'a-_b', '===='])
      expect(decodeBase64(bad), bad).toBeUndefined();
    const large = Buffer.alloc(25 * 1024 * 1024, 7);
    expect(decodeBase64(large.toString('base64'))?.length).toBe(large.length);
  });
});
