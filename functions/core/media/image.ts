/** Checks input images by their content, not by their declared type. */
import type { ImageMimeType } from '../catalogue/vocabulary.ts';
import { hasJpegFrame } from './jpeg.ts';
import type { ReadRange } from './read-range.ts';

/** Google's limit for an input image. */
export const IMAGE_BYTES_MAX = 20 * 1024 * 1024;

const PNG_MAGIC = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG_MAGIC = [0xff, 0xd8, 0xff];
/** The last chunk of every PNG: length 0, `IEND`, its checksum. */
const PNG_END = [0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82];
const JPEG_END = [0xff, 0xd9];
/** Some programs add padding after the end of an image. More bytes than this are not padding. */
const TRAILER_BYTES_MAX = 1024;

/** Enough bytes of a file to detect its type and its end. */
const HEAD_BYTES = 64;
const TAIL_BYTES = TRAILER_BYTES_MAX + PNG_END.length;

/**
 * Checks an image.
 * @param sizeBytes size of the whole file
 * @param depth `kind` checks only the type and the size
 * @returns the fault, as a sentence without its subject; undefined if the image is valid
 */
export async function imageFault(
  declared: ImageMimeType,
  sizeBytes: number,
  read: ReadRange,
  depth: 'whole' | 'kind' = 'whole',
): Promise<string | undefined> {
  if (sizeBytes === 0) return 'is empty.';
  if (sizeBytes > IMAGE_BYTES_MAX) return `has ${sizeBytes} bytes; the limit is ${IMAGE_BYTES_MAX} bytes.`;
  const head = await read(0, Math.min(sizeBytes, HEAD_BYTES) - 1);
  const found = sniffImage(head);
  if (found !== declared)
    return `is ${found ?? 'neither PNG nor JPEG'}, but its mimeType is ${declared}; correct the mimeType or the file.`;
  if (depth === 'kind') return undefined;
  const tail = await read(Math.max(0, sizeBytes - TAIL_BYTES), sizeBytes - 1);
  if (!endsWith(tail, found === 'image/png' ? PNG_END : JPEG_END))
    return 'is truncated: the end of the image is missing.';
  if (found === 'image/png') return hasPngHeader(head) ? undefined : 'is a PNG without a valid header.';
  return (await hasJpegFrame(sizeBytes, read)) ? undefined : 'is a JPEG without a valid frame header.';
}

function sniffImage(bytes: Uint8Array): ImageMimeType | undefined {
  const startsWith = (magic: readonly number[]): boolean => magic.every((byte, i) => bytes[i] === byte);
  if (startsWith(PNG_MAGIC)) return 'image/png';
  if (startsWith(JPEG_MAGIC)) return 'image/jpeg';
  return undefined;
}

/** Whether the first chunk is an `IHDR` with a width and a height. */
function hasPngHeader(head: Uint8Array): boolean {
  if (head.length < 24) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return view.getUint32(12) === 0x49484452 && view.getUint32(16) > 0 && view.getUint32(20) > 0;
}

/** Whether the tail contains the mark, followed by at most a trailer. */
function endsWith(tail: Uint8Array, mark: readonly number[]): boolean {
  const first = Math.max(0, tail.length - mark.length - TRAILER_BYTES_MAX);
  for (let at = tail.length - mark.length; at >= first; at--) {
    if (mark.every((byte, i) => tail[at + i] === byte)) return true;
  }
  return false;
}

// Without groups: a repeated group overflows the stack of the regular expression engine at a few megabytes.
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Decodes standard base64. Returns undefined if the text is not valid, where Buffer would skip invalid characters. */
export function decodeBase64(text: string): Uint8Array | undefined {
  return text.length % 4 === 0 && BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}
