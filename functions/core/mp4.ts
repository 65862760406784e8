/** How long an MP4 plays, read from its movie header (ISO/IEC 14496-12, box `mvhd`) without reading the video. */

/** Reads bytes `start` to `end` inclusive of the file. */
export type ReadRange = (start: number, end: number) => Promise<Uint8Array>;

const HEADER_BYTES = 16;
// `mvhd` is by specification near the front of `moov`; a header with this much before it is not a video of ours.
const MVHD_SEARCH_BYTES = 4096;
const BOXES_MAX = 64;

/**
 * @param sizeBytes of the whole file
 * @returns seconds, or undefined when the file is not an MP4 that says
 */
export async function mp4DurationSeconds(sizeBytes: number, read: ReadRange): Promise<number | undefined> {
  let offset = 0;
  for (let boxes = 0; boxes < BOXES_MAX && offset + 8 <= sizeBytes; boxes++) {
    const header = viewOf(await read(offset, Math.min(offset + HEADER_BYTES, sizeBytes) - 1));
    const box = boxAt(header, 0, sizeBytes - offset);
    if (!box) return undefined;
    if (box.type === 'moov') {
      const end = Math.min(offset + box.sizeBytes, offset + MVHD_SEARCH_BYTES) - 1;
      return durationIn(viewOf(await read(offset + box.headerBytes, end)));
    }
    offset += box.sizeBytes;
  }
  return undefined;
}

interface Box {
  readonly type: string;
  readonly headerBytes: number;
  readonly sizeBytes: number;
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function boxAt(view: DataView, at: number, restBytes: number): Box | undefined {
  if (at + 8 > view.byteLength) return undefined;
  const short = view.getUint32(at);
  const type = String.fromCharCode(...[4, 5, 6, 7].map((i) => view.getUint8(at + i)));
  if (short === 1 && at + 16 > view.byteLength) return undefined;
  const headerBytes = short === 1 ? 16 : 8;
  const sizeBytes = short === 0 ? restBytes : short === 1 ? Number(view.getBigUint64(at + 8)) : short;
  return sizeBytes < headerBytes ? undefined : { type, headerBytes, sizeBytes };
}

function durationIn(moov: DataView): number | undefined {
  let at = 0;
  for (;;) {
    const box = boxAt(moov, at, moov.byteLength - at);
    if (!box) return undefined;
    if (box.type === 'mvhd') return durationOf(moov, at + box.headerBytes);
    at += box.sizeBytes;
  }
}

function durationOf(moov: DataView, at: number): number | undefined {
  if (at + 32 > moov.byteLength) return undefined;
  const long = moov.getUint8(at) === 1;
  const timescale = moov.getUint32(at + (long ? 20 : 12));
  const duration = long ? Number(moov.getBigUint64(at + 24)) : moov.getUint32(at + 16);
  return timescale === 0 ? undefined : duration / timescale;
}
