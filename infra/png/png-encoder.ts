/** A PNG encoder for 8-bit truecolour: signature, IHDR, tEXt, one IDAT, IEND. The same input gives the same bytes. */
import { constants, deflateSync } from 'node:zlib';
import { crc32 } from '../shared/crc32.ts';

export interface RgbPicture {
  readonly width: number;
  readonly height: number;
  /** Three bytes per pixel. Rows run from top to bottom. */
  readonly rgb: Uint8Array;
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const BIT_DEPTH = 8;
const TRUECOLOUR = 2;
const BYTES_PER_PIXEL = 3;

/** `texts` become tEXt chunks. A keyword has 1 to 79 Latin-1 characters. */
export function encodePng(picture: RgbPicture, texts: Readonly<Record<string, string>> = {}): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(picture.width, 0);
  header.writeUInt32BE(picture.height, 4);
  header[8] = BIT_DEPTH;
  header[9] = TRUECOLOUR;
  // Z_RLE, because builds of zlib search for string matches differently and then produce different bytes. Filtered
  // drawings are mostly zeros, so run-length encoding costs little size.
  const data = deflateSync(filterRows(picture), { level: 9, strategy: constants.Z_RLE });
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    ...Object.entries(texts).map(([keyword, text]) =>
      chunk('tEXt', Buffer.from(`${keyword}\0${text}`, 'latin1')),
    ),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), out.length - 4);
  return out;
}

/** Filter types of the PNG specification, section 9.2. */
const SUB = 1;
const UP = 2;

/** Filters every row with Sub or Up, whichever leaves fewer nonzero bytes. */
function filterRows({ width, height, rgb }: RgbPicture): Buffer {
  const rowBytes = width * BYTES_PER_PIXEL;
  const out = Buffer.alloc(height * (rowBytes + 1));
  const sub = new Uint8Array(rowBytes);
  const up = new Uint8Array(rowBytes);
  for (let y = 0; y < height; y++) {
    const row = y * rowBytes;
    let subCost = 0;
    let upCost = 0;
    for (let x = 0; x < rowBytes; x++) {
      const value = rgb[row + x] ?? 0;
      sub[x] = value - (x < BYTES_PER_PIXEL ? 0 : (rgb[row + x - BYTES_PER_PIXEL] ?? 0));
      up[x] = value - (y === 0 ? 0 : (rgb[row + x - rowBytes] ?? 0));
      if (sub[x] !== 0) subCost++;
      if (up[x] !== 0) upCost++;
    }
    const at = y * (rowBytes + 1);
    out[at] = subCost < upCost ? SUB : UP;
    out.set(subCost < upCost ? sub : up, at + 1);
  }
  return out;
}
