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
