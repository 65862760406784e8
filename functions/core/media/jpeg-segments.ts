/** Reads the frame header, the tables and the scan headers of a JPEG (ITU-T T.81, annex B.2). */
export interface Frame {
  readonly isProgressive: boolean;
  /** Zero until a DNL segment gives the height. */
  readonly height: number;
  readonly width: number;
  readonly components: readonly Component[];
}

interface Component {
  readonly id: number;
  readonly horizontal: number;
  readonly vertical: number;
  readonly quantization: number;
}

export interface Scan {
  readonly components: readonly (Component & { readonly dc: number; readonly ac: number })[];
  readonly spectralStart: number;
  /** Whether the scan refines what an earlier one gave. */
  readonly isRefinement: boolean;
}

/** The ids of the tables that have been defined. */
export interface Tables {
  readonly quantization: Set<number>;
  readonly dc: Set<number>;
  readonly ac: Set<number>;
}

const DHT = 0xc4;
const DQT = 0xdb;
const DRI = 0xdd;
/** Baseline, extended sequential and progressive, all with Huffman codes: what browsers and libjpeg read. */
const PROGRESSIVE = 0xc2;
const SAMPLE_BITS = 8;
const BLOCK = 8;
/** Blocks of one unit of an interleaved scan. */
const UNIT_BLOCKS_MAX = 10;
const COEFFICIENTS = 64;
/** Gray, YCbCr or RGB, CMYK. */
const COMPONENTS = [1, 3, 4];

export const NO_FRAME = { fault: 'is a JPEG without a valid frame header. Save the image again.' } as const;

/** @param body without its length */
export function frameOf(marker: number, body: DataView): Frame | { readonly fault: string } {
  if (body.byteLength < 6) return NO_FRAME;
  const [bits, count] = [body.getUint8(0), body.getUint8(5)];
  if (marker > PROGRESSIVE)
    return {
      fault: 'is a JPEG with lossless or arithmetic coding. Save it as baseline or progressive JPEG.',
    };
  if (bits !== SAMPLE_BITS && bits === 12)
    return { fault: `is a JPEG with ${bits} bits per sample. Save it with ${SAMPLE_BITS} bits.` };
  if (bits !== SAMPLE_BITS || !COMPONENTS.includes(count) || body.byteLength !== 6 + 3 * count)
    return NO_FRAME;
  const components = Array.from({ length: count }, (_, n): Component => {
    const at = 6 + 3 * n;
    const sampling = body.getUint8(at + 1);
    return {
      id: body.getUint8(at),
      horizontal: sampling >> 4,
      vertical: sampling & 15,
      quantization: body.getUint8(at + 2),
    };
  });
  const width = body.getUint16(3);
  const isValid =
    width > 0 &&
    new Set(components.map(({ id }) => id)).size === count &&
    components.every(
      ({ horizontal, vertical, quantization }) =>
        horizontal >= 1 && horizontal <= 4 && vertical >= 1 && vertical <= 4 && quantization <= 3,
    );
  return isValid
    ? { isProgressive: marker === PROGRESSIVE, height: body.getUint16(1), width, components }
    : NO_FRAME;
}

/** @returns undefined if the header is not valid for this frame */
export function scanOf(frame: Frame, body: DataView): Scan | undefined {
  const count = body.byteLength > 0 ? body.getUint8(0) : 0;
  if (count < 1 || count > 4 || body.byteLength !== 4 + 2 * count) return undefined;
  const components: Scan['components'][number][] = [];
  for (let n = 0; n < count; n++) {
    const id = body.getUint8(1 + 2 * n);
    const selectors = body.getUint8(2 + 2 * n);
    const component = frame.components.find((each) => each.id === id);
    const isNew = !components.some((each) => each.id === id);
    if (!component || !isNew) return undefined;
    components.push({ ...component, dc: selectors >> 4, ac: selectors & 15 });
  }
  const [start, end, bits] = [0, 1, 2].map((n) => body.getUint8(1 + 2 * count + n));
  if (start === undefined || end === undefined || bits === undefined) return undefined;
  if (count > 1 && sum(components.map(blocksOf)) > UNIT_BLOCKS_MAX) return undefined;
  const isRefinement = bits >> 4 > 0;
  const scan = { components, spectralStart: start, isRefinement };
  if (!frame.isProgressive) return start === 0 && end === COEFFICIENTS - 1 && bits === 0 ? scan : undefined;
  const isValid =
    (start === 0 ? end === 0 : count === 1 && end >= start && end < COEFFICIENTS) &&
    (bits & 15) <= 13 &&
    (!isRefinement || bits >> 4 === (bits & 15) + 1);
  return isValid ? scan : undefined;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
const blocksOf = ({ horizontal, vertical }: Component): number => horizontal * vertical;

/** Whether the tables that the scan needs have been defined. */
export function isScanPossible(frame: Frame, scan: Scan, { quantization, dc, ac }: Tables): boolean {
  const { components, spectralStart, isRefinement } = scan;
  const needsDc = spectralStart === 0 && !(frame.isProgressive && isRefinement);
  const needsAc = !frame.isProgressive || spectralStart > 0;
  return components.every(
    (each) =>
      quantization.has(each.quantization) && (!needsDc || dc.has(each.dc)) && (!needsAc || ac.has(each.ac)),
  );
}

/**
 * The fewest bytes that the coded data of the scan can take: a bit for every code. A progressive scan of the higher
 * coefficients may code 32,767 blocks at once.
 */
export function scanBytesMin({ isProgressive, width, height, components: all }: Frame, scan: Scan): number {
  if (scan.spectralStart > 0 || height === 0) return 1;
  const columns = Math.ceil(width / (BLOCK * Math.max(...all.map(({ horizontal }) => horizontal))));
  const rows = Math.ceil(height / (BLOCK * Math.max(...all.map(({ vertical }) => vertical))));
  const codes = isProgressive ? 1 : 2;
  return Math.ceil((columns * rows * scan.components.length * codes) / 8);
}

/** Notes the tables of a segment. @returns false if one of them is not valid */
export function takeTables(marker: number, body: DataView, tables: Tables): boolean {
  if (marker === DQT) return takeQuantization(body, tables);
  if (marker === DHT) return takeHuffman(body, tables);
  return marker !== DRI || body.byteLength === 2;
}

function takeQuantization(body: DataView, { quantization }: Tables): boolean {
  for (let at = 0; at < body.byteLength; ) {
    const [bytes, id] = [body.getUint8(at) >> 4, body.getUint8(at) & 15];
    at += 1 + COEFFICIENTS * (bytes + 1);
    if (bytes > 1 || id > 3 || at > body.byteLength) return false;
    quantization.add(id);
  }
  return true;
}

const CODE_BITS_MAX = 16;
const SYMBOLS_MAX = 256;
/** The number of bits of a difference. */
const DC_SYMBOL_MAX = 15;

function takeHuffman(body: DataView, { dc, ac }: Tables): boolean {
  for (let at = 0; at < body.byteLength; ) {
    if (at + 1 + CODE_BITS_MAX > body.byteLength) return false;
    const [kind, id] = [body.getUint8(at) >> 4, body.getUint8(at) & 15];
    const counts = Array.from({ length: CODE_BITS_MAX }, (_, n) => body.getUint8(at + 1 + n));
    const symbols = sum(counts);
    const symbolsAt = at + 1 + CODE_BITS_MAX;
    at = symbolsAt + symbols;
    // More codes than there are prefixes of that length.
    const taken = counts.reduce((space, count, n) => space + count * 2 ** (CODE_BITS_MAX - 1 - n), 0);
    if (kind > 1 || id > 3 || symbols > SYMBOLS_MAX || at > body.byteLength || taken > 2 ** CODE_BITS_MAX)
      return false;
    if (kind === 0) for (let n = symbolsAt; n < at; n++) if (body.getUint8(n) > DC_SYMBOL_MAX) return false;
    (kind === 0 ? dc : ac).add(id);
  }
  return true;
}
