/** How long an MP4 plays, its shape and its frame rate, read from its headers (ISO/IEC 14496-12) without the video. */
import type { AspectRatio, Resolution } from '../catalogue/catalogue.ts';
import type { ReadRange } from './read-range.ts';

const HEADER_BYTES = 16;
// Half a minute of picture and sound has tables of some 30 KiB; what lies further back is not known of the video.
const MOOV_BYTES_MAX = 64 * 1024;
const BOXES_MAX = 64;

export interface Mp4Info {
  readonly durationSeconds: number;
  /** In pixels as shown, of the first track that has a picture; absent when it is not near the front. */
  readonly picture?: Picture;
  /** Of that track, on average; absent when its table of times is not there, or not near the front. */
  readonly framesPerSecond?: number;
}

export interface Picture {
  readonly width: number;
  readonly height: number;
}

/**
 * @param sizeBytes of the whole file
 * @returns seconds, or undefined when the file is not an MP4 that says
 */
export const mp4DurationSeconds = async (sizeBytes: number, read: ReadRange): Promise<number | undefined> =>
  (await mp4Info(sizeBytes, read))?.durationSeconds;

/**
 * @param sizeBytes of the whole file
 * @returns undefined when the file is not an MP4 that says how long it is
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
    const picture = track && pictureOf(moov, track.bodyAt);
    if (!picture) continue;
    const framesPerSecond = frameRateOf(moov, { type, bodyAt, endAt });
    return { durationSeconds, picture, ...(framesPerSecond === undefined ? {} : { framesPerSecond }) };
  }
  return { durationSeconds };
}

interface PlacedBox {
  readonly type: string;
  readonly bodyAt: number;
  readonly endAt: number;
}

/** The boxes one after the other, as far as they were read; the last may be cut short. */
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

/** Of a track header: nothing for sound, and width and height exchanged where the matrix turns the picture. */
function pictureOf(view: DataView, at: number): Picture | undefined {
  if (at >= view.byteLength) return undefined;
  const matrixAt = at + (view.getUint8(at) === 1 ? 52 : 40);
  if (matrixAt + 44 > view.byteLength) return undefined;
  // 16.16 fixed point.
  const [width, height] = [view.getUint32(matrixAt + 36) / 65536, view.getUint32(matrixAt + 40) / 65536];
  if (width === 0 || height === 0) return undefined;
  const turned = view.getInt32(matrixAt) === 0 && view.getInt32(matrixAt + 4) !== 0;
  return turned ? { width: height, height: width } : { width, height };
}

/** Of a track: its samples over the time that they take, both by its own clock. */
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

/** Encoders cut a few lines off, or pad to whole blocks. */
const SHAPE_TOLERANCE = 0.02;
const isNear = (found: number, wanted: number): boolean => Math.abs(found / wanted - 1) <= SHAPE_TOLERANCE;

const linesOf = ({ width, height }: Picture): number => Math.min(width, height);

/** Whether it has as many lines as this resolution, and not merely enough. */
export const hasLinesOf = (picture: Picture, resolution: Resolution): boolean =>
  RESOLUTION_LINES.some(([name, lines]) => name === resolution && isNear(linesOf(picture), lines));

/** What Google would call it: its shape, if it has one of the two, and the largest resolution it has the lines for. */
export function shapeOf({ picture }: Mp4Info): {
  readonly aspectRatio?: AspectRatio;
  readonly resolution?: Resolution;
} {
  if (!picture) return {};
  const ratio = picture.width / picture.height;
  const aspectRatio = isNear(ratio, 16 / 9) ? '16:9' : isNear(ratio, 9 / 16) ? '9:16' : undefined;
  const [resolution] = RESOLUTION_LINES.find(([, lines]) => linesOf(picture) >= lines) ?? [];
  return { ...(aspectRatio ? { aspectRatio } : {}), ...(resolution ? { resolution } : {}) };
}

function durationOf(moov: DataView, at: number): number | undefined {
  if (at + 32 > moov.byteLength) return undefined;
  const long = moov.getUint8(at) === 1;
  const timescale = moov.getUint32(at + (long ? 20 : 12));
  const duration = long ? Number(moov.getBigUint64(at + 24)) : moov.getUint32(at + 16);
  return timescale === 0 ? undefined : duration / timescale;
}
