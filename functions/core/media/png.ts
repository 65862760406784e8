/** Finds the end of a PNG by its chunks (ISO/IEC 15948), and checks their checksums, without decompressing it. */
import { crc32 } from './crc32.ts';
import type { FileWindow } from './file-window.ts';
import { CUT, damaged, type ImageEnd } from './image-end.ts';

const SIGNATURE_BYTES = 8;
const HEADER_BYTES = 13;
/** Length, type and checksum. */
const FRAME_BYTES = 12;
const LENGTH_MAX = 0x7fffffff;
const PALETTE_BYTES_MAX = 768;

const NO_HEADER: ImageEnd = { fault: 'is a PNG without a valid header. Save the image again.' };
const damagedPng = (what: string): ImageEnd => damaged('PNG', what);

/** The bit depths of each color type. */
const BIT_DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};
const INDEXED_COLOR = 3;

interface Seen {
  colorType: number | undefined;
  hasPalette: boolean;
  dataBytes: number;
  /** Chunks of image data stand one after the other. */
  isDataOver: boolean;
}

/** @param file a file that begins with the signature of PNG */
export async function pngEnd(file: FileWindow): Promise<ImageEnd> {
  const seen: Seen = { colorType: undefined, hasPalette: false, dataBytes: 0, isDataOver: false };
  for (let at = SIGNATURE_BYTES; ; ) {
    const head = await file.bytes(at, 8);
    if (!head) return CUT;
    const length = head.getUint32(0);
    const type = String.fromCharCode(...[4, 5, 6, 7].map((i) => head.getUint8(i)));
    if (!/^[A-Za-z]{4}$/.test(type) || length > LENGTH_MAX)
      return at === SIGNATURE_BYTES ? NO_HEADER : damagedPng(`byte ${at} does not begin a chunk`);
    if (type === 'CgBI') {
      const advice = "Convert it with 'pngcrush -revert-iphone-optimizations', or save it as JPEG.";
      return { fault: `is a PNG in Apple's own format for apps (CgBI). ${advice}` };
    }
    const fault = await chunkFault(file, seen, type, at + 8, length);
    if (fault) return fault;
    const endAt = at + FRAME_BYTES + length;
    if (endAt > file.endAt) return CUT;
    if (!(await hasValidChecksum(file, at + 4, length)))
      return damagedPng(`the checksum of its chunk ${type} at byte ${at} is wrong`);
    if (type === 'IEND') return { endAt };
    at = endAt;
  }
}

async function chunkFault(
  file: FileWindow,
  seen: Seen,
  type: string,
  bodyAt: number,
  length: number,
): Promise<ImageEnd | undefined> {
  if ((seen.colorType === undefined) !== (type === 'IHDR'))
    return seen.colorType === undefined ? NO_HEADER : damagedPng('it has two headers');
  if (type !== 'IDAT' && seen.dataBytes > 0) seen.isDataOver = true;
  switch (type) {
    case 'IHDR': {
      const body = length === HEADER_BYTES ? await file.bytes(bodyAt, HEADER_BYTES) : undefined;
      if (!body) return length === HEADER_BYTES ? CUT : NO_HEADER;
      seen.colorType = colorTypeOf(body);
      return seen.colorType === undefined ? NO_HEADER : undefined;
    }
    case 'PLTE':
      if (
        length === 0 ||
        length % 3 !== 0 ||
        length > PALETTE_BYTES_MAX ||
        seen.hasPalette ||
        seen.isDataOver
      )
        return damagedPng('its palette is not valid');
      seen.hasPalette = true;
      return undefined;
    case 'IDAT':
      if (seen.isDataOver) return damagedPng('other chunks stand between those of its data');
      if (seen.colorType === INDEXED_COLOR && !seen.hasPalette) return damagedPng('its palette is missing');
      seen.dataBytes += length;
      return undefined;
    case 'IEND':
      if (length > 0) return damagedPng('its last chunk is not empty');
      return seen.dataBytes === 0 ? damagedPng('it has no image data') : undefined;
    default:
      // A lower-case letter marks a chunk that readers may skip.
      return /^[a-z]/.test(type) ? undefined : damagedPng(`its chunk ${type} is not known`);
  }
}

/** Undefined if a field of the header is not valid. */
function colorTypeOf(header: DataView): number | undefined {
  const [width, height] = [header.getUint32(0), header.getUint32(4)];
  const [bitDepth, colorType] = [header.getUint8(8), header.getUint8(9)];
  const [compression, filter, interlace] = [header.getUint8(10), header.getUint8(11), header.getUint8(12)];
  const isValid =
    width > 0 &&
    height > 0 &&
    Math.max(width, height) <= LENGTH_MAX &&
    BIT_DEPTHS[colorType]?.includes(bitDepth) === true &&
    compression === 0 &&
    filter === 0 &&
    interlace <= 1;
  return isValid ? colorType : undefined;
}

/** @param typeAt the checksum covers the type and the body */
async function hasValidChecksum(file: FileWindow, typeAt: number, length: number): Promise<boolean> {
  let sum = 0;
  const crcAt = typeAt + 4 + length;
  await file.scan(typeAt, crcAt, (part) => {
    sum = crc32(part, sum);
    return false;
  });
  return (await file.bytes(crcAt, 4))?.getUint32(0) === sum;
}
