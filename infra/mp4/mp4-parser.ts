/** Reads the video track of an MP4: dimensions, timing and coded frames. */
import type { CodedFrame } from './h264-encoder.ts';

export interface ParsedMp4 {
  readonly width: number;
  readonly height: number;
  readonly durationSeconds: number;
  readonly frameCount: number;
  readonly framesPerSecond: number;
  /** RFC 6381, for example `avc1.42C01E`. For codecs other than H.264 only the sample entry type. */
  readonly codec: string;
  /** H.264 only. */
  readonly sps: Buffer | undefined;
  readonly pps: Buffer | undefined;
  /** Extracts the coded frames from the file on demand. @throws {@link Mp4Error} */
  readonly frames: () => readonly CodedFrame[];
}

/** The bytes are not an MP4 with a video track, or the file is damaged. */
export class Mp4Error extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Mp4Error';
  }
}

/** @throws {@link Mp4Error} */
export function parseMp4(bytes: Buffer): ParsedMp4 {
  return withMp4Errors(() => readVideoTrack(bytes));
}

/** Most damage shows as a read past the end of a buffer. */
function withMp4Errors<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError)
      throw new Mp4Error('the file ends in the middle of a box', { cause: error });
    throw error;
  }
}

interface Box {
  readonly type: string;
  readonly content: Buffer;
}

function readVideoTrack(bytes: Buffer): ParsedMp4 {
  const top = boxesOf(bytes);
  if (!top.some((box) => box.type === 'ftyp')) throw new Mp4Error('no ftyp box');
  const media = boxesOf(need(top, 'moov'))
    .filter((box) => box.type === 'trak')
    .map((track) => boxesOf(need(boxesOf(track.content), 'mdia')))
    .find((boxes) => need(boxes, 'hdlr').toString('latin1', 8, 12) === 'vide');
  if (media === undefined) throw new Mp4Error('no video track');
  const header = need(media, 'mdhd');
  const isLong = header.readUInt8(0) === 1;
  const timeScale = header.readUInt32BE(isLong ? 20 : 12);
  const duration = isLong ? Number(header.readBigUInt64BE(24)) : header.readUInt32BE(16);
  const table = boxesOf(need(boxesOf(need(media, 'minf')), 'stbl'));
  const entry = boxesOf(need(table, 'stsd').subarray(8))[0];
  if (entry === undefined || timeScale === 0) throw new Mp4Error('no sample entry or no time scale');
  const sizes = sampleSizes(need(table, 'stsz'));
  const durationSeconds = duration / timeScale;
  return {
    width: entry.content.readUInt16BE(24),
    height: entry.content.readUInt16BE(26),
    durationSeconds,
    frameCount: sizes.length,
    framesPerSecond: durationSeconds > 0 ? sizes.length / durationSeconds : 0,
    ...codecOf(entry),
    frames: () => withMp4Errors(() => cutFrames(bytes, table, sizes)),
  };
}

function codecOf(entry: Box): Pick<ParsedMp4, 'codec' | 'sps' | 'pps'> {
  if (entry.type !== 'avc1') return { codec: entry.type, sps: undefined, pps: undefined };
  const configuration = need(boxesOf(entry.content.subarray(78)), 'avcC');
  const spsLength = configuration.readUInt16BE(6);
  const ppsStart = 8 + spsLength + 1;
  const ppsLength = configuration.readUInt16BE(ppsStart);
  return {
    codec: `avc1.${configuration.toString('hex', 1, 4).toUpperCase()}`,
    sps: configuration.subarray(8, 8 + spsLength),
    pps: configuration.subarray(ppsStart + 2, ppsStart + 2 + ppsLength),
  };
}

function sampleSizes(box: Buffer): readonly number[] {
  const common = box.readUInt32BE(4);
  const count = box.readUInt32BE(8);
  // A damaged count must not allocate gigabytes. Each size takes 4 bytes of the box, unless all sizes are equal.
  if (common === 0 && box.length < 12 + 4 * count) throw new Mp4Error('stsz is truncated');
  if (common !== 0 && count > 1_000_000)
    throw new Mp4Error(`${count} frames: at most 1,000,000 are supported`);
  return Array.from({ length: count }, (_, i) => (common === 0 ? box.readUInt32BE(12 + 4 * i) : common));
}

function cutFrames(bytes: Buffer, table: readonly Box[], sizes: readonly number[]): readonly CodedFrame[] {
  const keyFrames = keyFrameNumbers(table);
  const chunks = chunkOffsets(table);
  const perChunk = need(table, 'stsc');
  const frames: CodedFrame[] = [];
  for (const [chunk, start] of chunks.entries()) {
    let offset = start;
    for (let left = framesInChunk(perChunk, chunk + 1); left > 0; left--) {
      const size = sizes[frames.length];
      if (size === undefined || offset + size > bytes.length)
        throw new Mp4Error('a frame lies outside the file');
      const isKeyFrame = keyFrames === undefined || keyFrames.has(frames.length + 1);
      frames.push({ isKeyFrame, data: bytes.subarray(offset, offset + size) });
      offset += size;
    }
  }
  if (frames.length !== sizes.length)
    throw new Mp4Error(`stsc has ${frames.length} frames, stsz has ${sizes.length}`);
  return frames;
}

function keyFrameNumbers(table: readonly Box[]): ReadonlySet<number> | undefined {
  const box = table.find((candidate) => candidate.type === 'stss')?.content;
  if (box === undefined) return undefined;
  return new Set(Array.from({ length: box.readUInt32BE(4) }, (_, i) => box.readUInt32BE(8 + 4 * i)));
}

function chunkOffsets(table: readonly Box[]): readonly number[] {
  const long = table.find((candidate) => candidate.type === 'co64')?.content;
  if (long !== undefined) {
    return Array.from({ length: long.readUInt32BE(4) }, (_, i) => Number(long.readBigUInt64BE(8 + 8 * i)));
  }
  const short = need(table, 'stco');
  return Array.from({ length: short.readUInt32BE(4) }, (_, i) => short.readUInt32BE(8 + 4 * i));
}

function framesInChunk(stsc: Buffer, chunk: number): number {
  let frames = 0;
  for (let i = 0; i < stsc.readUInt32BE(4) && stsc.readUInt32BE(8 + 12 * i) <= chunk; i++) {
    frames = stsc.readUInt32BE(12 + 12 * i);
  }
  return frames;
}

function boxesOf(bytes: Buffer): readonly Box[] {
  const boxes: Box[] = [];
  let offset = 0;
  while (offset + 8 <= bytes.length) {
    const short = bytes.readUInt32BE(offset);
    const headerSize = short === 1 ? 16 : 8;
    const size =
      short === 0 ? bytes.length - offset : short === 1 ? Number(bytes.readBigUInt64BE(offset + 8)) : short;
    if (size < headerSize || offset + size > bytes.length)
      throw new Mp4Error('a box is larger than its parent');
    boxes.push({
      type: bytes.toString('latin1', offset + 4, offset + 8),
      content: bytes.subarray(offset + headerSize, offset + size),
    });
    offset += size;
  }
  return boxes;
}

function need(boxes: readonly Box[], type: string): Buffer {
  const box = boxes.find((candidate) => candidate.type === type);
  if (box === undefined) throw new Mp4Error(`no ${type} box`);
  return box.content;
}
