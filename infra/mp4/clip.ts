/** Draws, encodes and muxes one clip without blocking the event loop. */
import { type CodedFrame, H264Encoder } from './h264-encoder.ts';
import { muxMp4 } from './mp4-muxer.ts';
import type { ParsedMp4 } from './mp4-parser.ts';
import { newPicture, type Picture } from './picture.ts';

export const FRAMES_PER_SECOND = 24;

export interface ClipOptions {
  readonly width: number;
  readonly height: number;
  readonly frameCount: number;
  /** Draws frame `index` (from 0) over the previous content of the picture. */
  readonly draw: (picture: Picture, index: number) => void;
  /** A clip of this encoder and this size. The new frames are appended to it. */
  readonly after?: ParsedMp4 | undefined;
  /** Aborts the encoding. The promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The longest time that the encoder blocks the event loop. A frame takes 0.2 to 1 ms. */
const SLICE_MS = 5;

/** Returns the whole MP4. The same options give the same bytes. */
export async function encodeClip(options: ClipOptions): Promise<Buffer> {
  const { width, height, frameCount, draw, after, signal } = options;
  const encoder = new H264Encoder(width, height);
  const picture = newPicture(width, height);
  const frames: CodedFrame[] = after === undefined ? [] : [...after.frames()];
  let sliceStart = performance.now();
  for (let index = 0; index < frameCount; index++) {
    draw(picture, index);
    frames.push(encoder.encode(picture));
    if (performance.now() - sliceStart < SLICE_MS) continue;
    await new Promise<void>((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    sliceStart = performance.now();
  }
  const { sps, pps } = encoder;
  return muxMp4({ width, height, framesPerSecond: FRAMES_PER_SECOND, sps, pps, frames });
}

/** Whether new frames of the same size can follow this clip's frames in one track: this encoder must have made it. */
export function canFollow(clip: ParsedMp4): boolean {
  if (clip.sps === undefined || clip.pps === undefined) return false;
  const encoder = new H264Encoder(clip.width, clip.height);
  const isOurs = encoder.sps.equals(clip.sps) && encoder.pps.equals(clip.pps);
  return isOurs && Math.abs(clip.framesPerSecond - FRAMES_PER_SECOND) < 0.01;
}
