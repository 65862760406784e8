/** Whether a JPEG holds a picture, read from its segments (ITU-T T.81, annex B) without decoding it. */
import type { ReadRange } from './read-range.ts';

/** A segment's marker and length, and of a frame header its precision, height and width. */
const FRAME_HEADER_BYTES = 9;
/** Most segments are small; those with a preview or a colour profile are stepped over. */
const WINDOW_BYTES = 4096;
/** As many as 64 KiB each make a picture of the largest size, and room. */
const SEGMENTS_MAX = 400;

const FILL = 0xff;
const isRestart = (marker: number): boolean => marker >= 0xd0 && marker <= 0xd7;
/** Every marker from C0 to CF but three that mean something else. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
/** Start and end of an image, and the start of the coded data, before which the frame has to be. */
const isTooLate = (marker: number): boolean => marker >= 0xd8 && marker <= 0xda;

/**
 * Whether a frame with a width and a height stands before the coded data.
 * @param sizeBytes of the whole file, which begins with the marker of a JPEG
 */
export async function hasJpegFrame(sizeBytes: number, read: ReadRange): Promise<boolean> {
  let window: { readonly start: number; readonly bytes: Uint8Array } = { start: 0, bytes: new Uint8Array() };
  let at = 2;
  for (let segments = 0; segments < SEGMENTS_MAX && at + FRAME_HEADER_BYTES <= sizeBytes; segments++) {
    if (at + FRAME_HEADER_BYTES > window.start + window.bytes.length)
      window = { start: at, bytes: await read(at, Math.min(at + WINDOW_BYTES, sizeBytes) - 1) };
    if (at + FRAME_HEADER_BYTES > window.start + window.bytes.length) return false;
    const { buffer, byteOffset } = window.bytes;
    const view = new DataView(buffer, byteOffset + at - window.start, FRAME_HEADER_BYTES);
    if (view.getUint8(0) !== 0xff) return false;
    const marker = view.getUint8(1);
    if (isFrame(marker)) return view.getUint16(5) > 0 && view.getUint16(7) > 0;
    if (isTooLate(marker)) return false;
    if (marker === FILL) at += 1;
    else if (isRestart(marker)) at += 2;
    else at += 2 + view.getUint16(2);
  }
  return false;
}
