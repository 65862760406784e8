/** Muxes coded frames into a fast-start MP4 (ISO/IEC 14496-12) with one H.264 track. All times are 0, for equal bytes. */
import type { CodedFrame } from './h264-encoder.ts';

export interface VideoTrack {
  readonly width: number;
  readonly height: number;
  /** Integer frames per second. Also the time scale, so that every frame lasts one tick. */
  readonly framesPerSecond: number;
  readonly sps: Buffer;
  readonly pps: Buffer;
  readonly frames: readonly CodedFrame[];
}

export function muxMp4(track: VideoTrack): Buffer {
  const fileType = box('ftyp', Buffer.from('isom'), u32(512), Buffer.from('isomiso2avc1mp41'));
  // Offsets in the movie box count from the start of the file, so its size is computed first. It does not depend on them.
  const size = movie(track, 0).length;
  const mediaStart = fileType.length + size + 8;
  return Buffer.concat([
    fileType,
    movie(track, mediaStart),
    box('mdat', ...track.frames.map((frame) => frame.data)),
  ]);
}

const IDENTITY_MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

function movie(track: VideoTrack, mediaStart: number): Buffer {
  const { width, height, framesPerSecond, frames } = track;
  const duration = frames.length;
  const movieHeader = box(
    'mvhd',
    u32(0, 0, 0, framesPerSecond, duration, 0x10000),
    u16(0x100, 0),
    u32(0, 0),
    IDENTITY_MATRIX,
    u32(0, 0, 0, 0, 0, 0, 2),
  );
  const trackHeader = box(
    'tkhd',
    u32(7, 0, 0, 1, 0, duration, 0, 0),
    u16(0, 0, 0, 0),
    IDENTITY_MATRIX,
    u32(width * 0x10000, height * 0x10000),
  );
  const media = box(
    'mdia',
    box('mdhd', u32(0, 0, 0, framesPerSecond, duration), u16(0x55c4, 0)),
    box('hdlr', u32(0, 0), Buffer.from('vide'), u32(0, 0, 0), Buffer.from('Video\0')),
    box(
      'minf',
      box('vmhd', u32(1, 0, 0)),
      box('dinf', box('dref', u32(0, 1), box('url ', u32(1)))),
      sampleTable(track, mediaStart),
    ),
  );
  return box('moov', movieHeader, box('trak', trackHeader, media));
}

function sampleTable({ width, height, sps, pps, frames }: VideoTrack, mediaStart: number): Buffer {
  const configuration = box(
    'avcC',
    Buffer.from([1]),
    sps.subarray(1, 4),
    Buffer.from([0xff, 0xe1]), // 4-byte lengths, one SPS
    u16(sps.length),
    sps,
    Buffer.from([1]),
    u16(pps.length),
    pps,
  );
  const sampleEntry = box(
    'avc1',
    Buffer.alloc(6),
    u16(1, 0, 0),
    u32(0, 0, 0),
    u16(width, height),
    u32(0x480000, 0x480000, 0),
    u16(1),
    Buffer.alloc(32),
    u16(24, 0xffff),
    configuration,
  );
  const keyFrames = frames.flatMap((frame, index) => (frame.isKeyFrame ? [index + 1] : []));
  return box(
    'stbl',
    box('stsd', u32(0, 1), sampleEntry),
    box('stts', u32(0, 1, frames.length, 1)),
    box('stss', u32(0, keyFrames.length, ...keyFrames)),
    box('stsc', u32(0, 1, 1, frames.length, 1)),
    box('stsz', u32(0, 0, frames.length, ...frames.map((frame) => frame.data.length))),
    box('stco', u32(0, 1, mediaStart)),
  );
}

function box(type: string, ...content: readonly Uint8Array[]): Buffer {
  const size = content.reduce((sum, part) => sum + part.length, 8);
  return Buffer.concat([u32(size), Buffer.from(type, 'latin1'), ...content]);
}

function u32(...values: readonly number[]): Buffer {
  const out = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) out.writeUInt32BE(value >>> 0, index * 4);
  return out;
}

function u16(...values: readonly number[]): Buffer {
  const out = Buffer.alloc(2 * values.length);
  for (const [index, value] of values.entries()) out.writeUInt16BE(value, index * 2);
  return out;
}
