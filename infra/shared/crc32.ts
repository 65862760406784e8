/** CRC-32 and CRC-32C. node:zlib has `crc32` only from Node 22 on, and no CRC-32C, which Cloud Storage uses. */

const tableOf = (polynomial: number): Uint32Array => {
  const table = new Uint32Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? polynomial ^ (c >>> 1) : c >>> 1;
    table[n] = c >>> 0;
  }
  return table;
};

const IEEE = tableOf(0xedb88320);
const CASTAGNOLI = tableOf(0x82f63b78);

const extend = (table: Uint32Array, bytes: Uint8Array, previous: number): number => {
  let c = ~previous;
  for (const byte of bytes) c = (table[(c ^ byte) & 0xff] ?? 0) ^ (c >>> 8);
  return ~c >>> 0;
};

/** CRC-32 (IEEE). To continue over a further chunk, pass the previous result. */
export const crc32 = (bytes: Uint8Array, previous = 0): number => extend(IEEE, bytes, previous);

/** CRC-32C (Castagnoli), which Cloud Storage reports. To continue over a further chunk, pass the previous result. */
export const crc32c = (bytes: Uint8Array, previous = 0): number => extend(CASTAGNOLI, bytes, previous);
