/** Checks that a JPEG contains an image, from its segments (ITU-T T.81, annex B), without decoding it. */
import type { ReadRange } from './read-range.ts';

/** The marker and length of a segment, and the precision, height and width of a frame header. */
const FRAME_HEADER_BYTES = 9;
/** Most segments fit in one read. Larger ones (a preview, a colour profile) are skipped without reading them. */
const WINDOW_BYTES = 4096;
/** Enough for an image of the maximum size (20 MiB) in segments of 64 KiB each. */
const SEGMENTS_MAX = 400;

const FILL = 0xff;
const isRestart = (marker: number): boolean => marker >= 0xd0 && marker <= 0xd7;
/** C0 to CF, except DHT (C4), JPG (C8) and DAC (CC). */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
/** SOI, EOI and SOS. The frame header must come before any of them. */
const endsSearch = (marker: number): boolean => marker >= 0xd8 && marker <= 0xda;

/**
 * Whether a frame header with a width and a height comes before the coded data.
 * @param sizeBytes size of the whole file, which must begin with the JPEG marker
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
    if (endsSearch(marker)) return false;
    if (marker === FILL) at += 1;
    else if (isRestart(marker)) at += 2;
    else at += 2 + view.getUint16(2);
  }
  return false;
}
