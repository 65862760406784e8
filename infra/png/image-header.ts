/** Reads the header of an image file: its type and, for PNG and JPEG, its size in pixels. */

export type ImageType = 'image/png' | 'image/jpeg' | 'image/webp' | 'image/heic';

export interface PixelSize {
  readonly width: number;
  readonly height: number;
}

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Undefined when Gemini does not read this type of image. HEIF counts as HEIC. */
export function imageTypeOf(bytes: Buffer): ImageType | undefined {
  if (bytes.subarray(0, 8).equals(PNG_SIGNATURE)) return 'image/png';
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'image/jpeg';
  if (textAt(bytes, 0, 4) === 'RIFF' && textAt(bytes, 8, 4) === 'WEBP') return 'image/webp';
  const brand = textAt(bytes, 4, 8);
  return /^ftyp(hei[cxmsf]|hev[cxms]|m[is]f1)$/.test(brand) ? 'image/heic' : undefined;
}

/** Undefined when the file is truncated, or is neither PNG nor JPEG. */
export function imageSizeOf(bytes: Buffer): PixelSize | undefined {
  const size =
    imageTypeOf(bytes) === 'image/png'
      ? pngSize(bytes)
      : imageTypeOf(bytes) === 'image/jpeg'
        ? jpegSize(bytes)
        : undefined;
  return size !== undefined && size.width > 0 && size.height > 0 ? size : undefined;
}

function pngSize(bytes: Buffer): PixelSize | undefined {
  if (bytes.length < 24 || textAt(bytes, 12, 4) !== 'IHDR') return undefined;
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}

/** Start of frame (SOF): every marker from 0xc0 to 0xcf except DHT (0xc4), JPG (0xc8) and DAC (0xcc). */
const isStartOfFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

function jpegSize(bytes: Buffer): PixelSize | undefined {
  let at = 2;
  while (at + 9 <= bytes.length && bytes[at] === 0xff) {
    if (isStartOfFrame(bytes[at + 1] ?? 0)) {
      return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
    }
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}

const textAt = (bytes: Buffer, start: number, length: number): string =>
  bytes.toString('latin1', start, start + length);
