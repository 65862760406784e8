/** Files small enough to make millions of: an MP4 with a movie header and no frames, and a PNG of one pixel. */
import { Readable } from 'node:stream';
import { PNG } from '../support/images.ts';

export const IMAGE: Uint8Array = PNG;

const MVHD_BYTES = 108;
const MOOV_BYTES = 8 + MVHD_BYTES;
const TIMESCALE = 1000;
/** Videos get different sizes, so that a mix-up of two videos is noticed. */
const PADDING_MAX = 16;

const made = new Map<number, Uint8Array>();

/** @param variant selects one of 16 file sizes */
export function videoOf(durationSeconds: number, variant: number): Uint8Array {
  const padding = variant % PADDING_MAX;
  const key = durationSeconds * PADDING_MAX + padding;
  const known = made.get(key);
  if (known) return known;
  const bytes = Buffer.alloc(MOOV_BYTES + 8 + padding);
  bytes.writeUInt32BE(MOOV_BYTES, 0);
  bytes.write('moov', 4);
  bytes.writeUInt32BE(MVHD_BYTES, 8);
  bytes.write('mvhd', 12);
  bytes.writeUInt32BE(TIMESCALE, 28);
  bytes.writeUInt32BE(durationSeconds * TIMESCALE, 32);
  bytes.writeUInt32BE(8 + padding, MOOV_BYTES);
  bytes.write('free', MOOV_BYTES + 4);
  made.set(key, bytes);
  return bytes;
}

/** A stream whose content the simulated bucket takes directly, without reading the stream. */
export class FileBody extends Readable {
  readonly content: Uint8Array;
  constructor(content: Uint8Array) {
    super();
    this.content = content;
  }
  override _read(): void {
    this.push(this.content);
    this.push(null);
  }
}
