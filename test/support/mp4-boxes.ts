/** Builds the boxes of an MP4, with header values chosen by the test and without media data. */

export const box = (type: string, ...content: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(content);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
};

/** @param duration in units of 1/`timescale` s */
export const mvhd = (version: 0 | 1, timescale: number, duration: number): Buffer => {
  const body = Buffer.alloc(version === 1 ? 112 : 100);
  body[0] = version;
  body.writeUInt32BE(timescale, version === 1 ? 20 : 12);
  if (version === 1) body.writeBigUInt64BE(BigInt(duration), 24);
  else body.writeUInt32BE(duration, 16);
  return box('mvhd', body);
};

export interface Track {
  readonly width: number;
  readonly height: number;
  readonly version?: 0 | 1;
  /** Rotated by 90 degrees. */
  readonly turned?: boolean;
  /** Boxes after the track header. */
  readonly media?: readonly Uint8Array[];
}

export const trak = ({ width, height, version = 0, turned = false, media = [] }: Track): Buffer => {
  const matrixAt = version === 1 ? 52 : 40;
  const body = Buffer.alloc(matrixAt + 44);
  body[0] = version;
  body.writeInt32BE(turned ? 0 : 65536, matrixAt);
  body.writeInt32BE(turned ? 65536 : 0, matrixAt + 4);
  body.writeUInt32BE(width * 65536, matrixAt + 36);
  body.writeUInt32BE(height * 65536, matrixAt + 40);
  return box('trak', box('tkhd', body), ...media);
};

/** The media box of a track. Each run has a number of samples and the ticks of each sample. */
export function mdia(
  timescale: number,
  runs: readonly (readonly [samples: number, ticks: number])[],
  version: 0 | 1 = 0,
): Buffer {
  const mdhd = Buffer.alloc(version === 1 ? 36 : 24);
  mdhd[0] = version;
  mdhd.writeUInt32BE(timescale, version === 1 ? 20 : 12);
  const stts = Buffer.alloc(8 + 8 * runs.length);
  stts.writeUInt32BE(runs.length, 4);
  for (const [n, [samples, ticks]] of runs.entries()) {
    stts.writeUInt32BE(samples, 8 + 8 * n);
    stts.writeUInt32BE(ticks, 12 + 8 * n);
  }
  const stbl = box('stbl', box('stsd', Buffer.alloc(150)), box('stts', stts));
  return box('mdia', box('mdhd', mdhd), box('minf', box('vmhd', Buffer.alloc(12)), stbl));
}

/** A movie box of eight seconds with these tracks. */
export const movie = (...tracks: readonly Uint8Array[]): Buffer => box('moov', mvhd(0, 24, 192), ...tracks);
