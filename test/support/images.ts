import { crc32, deflateSync } from 'node:zlib';

/** The smallest valid images, of one pixel each. */
export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
export const JPEG = Buffer.from(
  [
    'ffd8', // start of image
    `ffdb004300${'01'.repeat(64)}`, // quantization: by one
    'ffc0000b080001000101011100', // frame: 8 bits, 1 × 1, one component
    `ffc400140001${'00'.repeat(15)}00`, // DC: one code, for no difference
    `ffc400141001${'00'.repeat(15)}00`, // AC: one code, for the end of the block
    'ffda0008010100003f00', // scan
    '3f', // both codes, and ones to the end of the byte
    'ffd9', // end of image
  ].join(''),
  'hex',
);

/** A chunk of a PNG. */
export function pngChunk(type: string, body: Uint8Array): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), body]);
  const chunk = Buffer.alloc(typed.length + 8);
  chunk.writeUInt32BE(body.length, 0);
  typed.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(typed), typed.length + 4);
  return chunk;
}

/** A PNG of about this many bytes, in chunks of 8 KiB as libpng writes them. Its pixels are noise. */
export function pngOf(sizeBytes: number): Buffer {
  const head = Buffer.from('0000040000000400080200000000', 'hex').subarray(0, 13);
  const data = deflateSync(Buffer.alloc(sizeBytes, 7), { level: 0 });
  const chunks: Buffer[] = [];
  for (let at = 0; at < data.length; at += 8192) chunks.push(pngChunk('IDAT', data.subarray(at, at + 8192)));
  const end = pngChunk('IEND', new Uint8Array());
  return Buffer.concat([PNG.subarray(0, 8), pngChunk('IHDR', head), ...chunks, end]);
}

export const JPEG_START = Buffer.from('ffd8', 'hex');
export const JPEG_END = Buffer.from('ffd9', 'hex');

/** A segment of a JPEG. */
export function jpegSegment(marker: number, body: Uint8Array): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([head, body]);
}

/** The frame header of a gray JPEG. `marker` c0: baseline, c2: progressive. */
export function jpegFrame(width: number, height: number, marker = 0xc0, bits = 8): Buffer {
  const body = Buffer.from([bits, 0, 0, 0, 0, 1, 1, 0x11, 0]);
  body.writeUInt16BE(height, 1);
  body.writeUInt16BE(width, 3);
  return jpegSegment(marker, body);
}

/** The tables of {@link JPEG}. */
export const JPEG_TABLES = Buffer.concat([
  jpegSegment(0xdb, Buffer.concat([Buffer.alloc(1), Buffer.alloc(64, 1)])),
  jpegSegment(0xc4, Buffer.concat([Buffer.from([0x00, 1]), Buffer.alloc(16)])),
  jpegSegment(0xc4, Buffer.concat([Buffer.from([0x10, 1]), Buffer.alloc(16)])),
]);

/** The header of a scan of the one component, and its coded data. */
export const jpegScan = (
  data: Uint8Array,
  spectral: readonly [number, number, number] = [0, 63, 0],
): Buffer => Buffer.concat([jpegSegment(0xda, Buffer.from([1, 1, 0, ...spectral])), data]);

/** A lossy WebP of 16 × 16 pixels by its header. Its data is not an image. */
export function webpOf(data: Uint8Array = Buffer.alloc(20)): Buffer {
  const frame = Buffer.concat([Buffer.from('3001009d012a10001000', 'hex'), data]);
  const file = Buffer.concat([Buffer.from('RIFF\0\0\0\0WEBPVP8 \0\0\0\0', 'latin1'), frame]);
  file.writeUInt32LE(file.length - 8, 4);
  file.writeUInt32LE(frame.length, 16);
  return file;
}

export function isoBox(type: string, body: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
}

/** The boxes of a HEIC. Its data is not an image. */
export const heicOf = (brand = 'heic', others = 'mif1heic'): Buffer =>
  Buffer.concat([
    isoBox('ftyp', Buffer.from(`${brand}\0\0\0\0${others}`, 'latin1')),
    isoBox('meta', Buffer.alloc(40)),
    isoBox('mdat', Buffer.alloc(500, 1)),
  ]);
