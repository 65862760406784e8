/** Reads the duration, frame size and frame rate of an MP4 from its headers (ISO/IEC 14496-12), without the video data. */
import type { AspectRatio, Resolution } from '../catalogue/vocabulary.ts';
import { defined } from '../defined.ts';
import type { ReadRange } from './read-range.ts';

const HEADER_BYTES = 16;
// The tables of half a minute of video and sound take about 30 KiB. Boxes further back are not read.
const MOOV_BYTES_MAX = 64 * 1024;
const BOXES_MAX = 64;

export interface Mp4Info {
  readonly durationSeconds: number;
  /** The displayed size of the first video track, in pixels; absent if its header is not among the bytes read. */
  readonly picture?: FrameSize;
  /** The average of that track; absent if its table of sample times is missing, or not among the bytes read. */
  readonly framesPerSecond?: number;
}

export interface FrameSize {
  readonly width: number;
  readonly height: number;
}

/**
 * @param sizeBytes size of the whole file
 * @returns seconds; undefined if the file is not an MP4 with a duration
 */
export const mp4DurationSeconds = async (sizeBytes: number, read: ReadRange): Promise<number | undefined> =>
  (await mp4Info(sizeBytes, read))?.durationSeconds;

/**
 * @param sizeBytes size of the whole file
 * @returns undefined if the file is not an MP4 with a duration
 */
export async function mp4Info(sizeBytes: number, read: ReadRange): Promise<Mp4Info | undefined> {
  let offset = 0;
  for (let boxes = 0; boxes < BOXES_MAX && offset + 8 <= sizeBytes; boxes++) {
    const header = viewOf(await read(offset, Math.min(offset + HEADER_BYTES, sizeBytes) - 1));
    const box = boxAt(header, 0, sizeBytes - offset);
    if (!box) return undefined;
    if (box.type === 'moov') {
      const end = Math.min(offset + box.sizeBytes, offset + MOOV_BYTES_MAX) - 1;
      return infoIn(viewOf(await read(offset + box.headerBytes, end)));
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

function infoIn(moov: DataView): Mp4Info | undefined {
  const boxes = boxesIn(moov, 0, moov.byteLength);
  const header = boxes.find(({ type }) => type === 'mvhd');
  const durationSeconds = header && durationOf(moov, header.bodyAt);
  if (durationSeconds === undefined) return undefined;
  for (const { type, bodyAt, endAt } of boxes) {
    if (type !== 'trak') continue;
    const track = boxesIn(moov, bodyAt, endAt).find((inner) => inner.type === 'tkhd');
    const picture = track && frameSizeOf(moov, track.bodyAt);
    if (!picture) continue;
    const framesPerSecond = frameRateOf(moov, { type, bodyAt, endAt });
    return { durationSeconds, picture, ...defined({ framesPerSecond }) };
  }
  return { durationSeconds };
}

interface PlacedBox {
  readonly type: string;
  readonly bodyAt: number;
  readonly endAt: number;
}

/** The consecutive boxes in the bytes read. The last one may be truncated. */
function boxesIn(view: DataView, from: number, to: number): PlacedBox[] {
  const boxes: PlacedBox[] = [];
  const end = Math.min(to, view.byteLength);
  for (let at = from; at < end; ) {
    const box = boxAt(view, at, end - at);
    if (!box) break;
    boxes.push({ type: box.type, bodyAt: at + box.headerBytes, endAt: at + box.sizeBytes });
    at += box.sizeBytes;
  }
  return boxes;
}

/** The frame size in a track header: undefined for sound; width and height are swapped if the matrix rotates the video. */
function frameSizeOf(view: DataView, at: number): FrameSize | undefined {
  if (at >= view.byteLength) return undefined;
  const matrixAt = at + (view.getUint8(at) === 1 ? 52 : 40);
  if (matrixAt + 44 > view.byteLength) return undefined;
  // 16.16 fixed point.
  const [width, height] = [view.getUint32(matrixAt + 36) / 65536, view.getUint32(matrixAt + 40) / 65536];
  if (width === 0 || height === 0) return undefined;
  const isRotated = view.getInt32(matrixAt) === 0 && view.getInt32(matrixAt + 4) !== 0;
  return isRotated ? { width: height, height: width } : { width, height };
}

/** The average frame rate of a track: its samples, divided by their total duration in the track's timescale. */
function frameRateOf(view: DataView, track: PlacedBox): number | undefined {
  const mdhd = boxWithin(view, track, ['mdia', 'mdhd']);
  const stts = boxWithin(view, track, ['mdia', 'minf', 'stbl', 'stts']);
  if (!mdhd || !stts || mdhd.bodyAt + 24 > view.byteLength || stts.bodyAt + 8 > view.byteLength)
    return undefined;
  const timescale = view.getUint32(mdhd.bodyAt + (view.getUint8(mdhd.bodyAt) === 1 ? 20 : 12));
  const firstAt = stts.bodyAt + 8;
  const endAt = firstAt + 8 * view.getUint32(stts.bodyAt + 4);
  if (endAt > Math.min(stts.endAt, view.byteLength)) return undefined;
  let [samples, ticks] = [0, 0];
  for (let at = firstAt; at < endAt; at += 8) {
    samples += view.getUint32(at);
    ticks += view.getUint32(at) * view.getUint32(at + 4);
  }
  return ticks === 0 || timescale === 0 ? undefined : (samples * timescale) / ticks;
}

const boxWithin = (view: DataView, box: PlacedBox, path: readonly string[]): PlacedBox | undefined =>
  path.reduce<PlacedBox | undefined>(
    (outer, type) => outer && boxesIn(view, outer.bodyAt, outer.endAt).find((inner) => inner.type === type),
    box,
  );

const RESOLUTION_LINES: readonly (readonly [Resolution, number])[] = [
  ['4k', 2160],
  ['1080p', 1080],
  ['720p', 720],
  ['360p', 360],
];

/** Encoders remove a few lines, or pad to whole blocks. */
const SHAPE_TOLERANCE = 0.02;
const isNear = (found: number, wanted: number): boolean => Math.abs(found / wanted - 1) <= SHAPE_TOLERANCE;

const linesOf = ({ width, height }: FrameSize): number => Math.min(width, height);

/** Whether the frame has the number of lines of this resolution, not more and not fewer (within the tolerance). */
export const hasLinesOf = (picture: FrameSize, resolution: Resolution): boolean =>
  RESOLUTION_LINES.some(([name, lines]) => name === resolution && isNear(linesOf(picture), lines));

/** The aspect ratio, if it is one of Google's two, and the largest of Google's resolutions that the frame has lines for. */
export function shapeOf({ picture }: Mp4Info): {
  readonly aspectRatio?: AspectRatio;
  readonly resolution?: Resolution;
} {
  if (!picture) return {};
  const ratio = picture.width / picture.height;
  const aspectRatio = isNear(ratio, 16 / 9) ? '16:9' : isNear(ratio, 9 / 16) ? '9:16' : undefined;
  const [resolution] = RESOLUTION_LINES.find(([, lines]) => linesOf(picture) >= lines) ?? [];
  return { ...defined({ aspectRatio, resolution }) };
}

function durationOf(moov: DataView, at: number): number | undefined {
  if (at + 32 > moov.byteLength) return undefined;
  const long = moov.getUint8(at) === 1;
  const timescale = moov.getUint32(at + (long ? 20 : 12));
  const duration = long ? Number(moov.getBigUint64(at + 24)) : moov.getUint32(at + 16);
  return timescale === 0 ? undefined : duration / timescale;
}
