/**
 * Scans one CSV record (RFC 4180) in bytes. Strict about quotes: a quote that is not closed, is in the middle of a value, or
 * is followed by anything but a delimiter or a line end is a fault. The scanner does not guess what was meant.
 */
import { afterLineEnd, isLineEnd, lineEndFrom } from './line-ends.ts';

export interface CsvField {
  /** Byte offsets of the value, without its quotes. */
  readonly start: number;
  readonly end: number;
  readonly hasDoubledQuotes: boolean;
}
export type CsvFields = readonly CsvField[];

export type ScannedCsv =
  /** `end` is where the next record begins. */
  | { readonly kind: 'record'; readonly fields: CsvFields; readonly end: number }
  | { readonly kind: 'fault'; readonly fault: string; readonly end: number }
  /** More bytes are needed. */
  | { readonly kind: 'more'; readonly openQuote: boolean };

interface ScanOptions {
  readonly delimiterByte: number;
  /** No more bytes follow. */
  readonly isEnd: boolean;
}

const QUOTE = 34;
const BOM = [0xef, 0xbb, 0xbf] as const;
const isBom = (bytes: Uint8Array, at: number): boolean => BOM.every((byte, n) => bytes[at + n] === byte);

export function scanCsvRecord(
  bytes: Uint8Array,
  from: number,
  { delimiterByte, isEnd }: ScanOptions,
): ScannedCsv {
  const fields: CsvField[] = [];
  for (let at = from; ; ) {
    const scanned =
      bytes[at] === QUOTE ? scanQuoted(bytes, at, isEnd) : scanPlain(bytes, at, delimiterByte, isEnd);
    if (scanned === 'more') return { kind: 'more', openQuote: false };
    const column = `in field ${fields.length + 1}`;
    if (scanned === 'open') {
      if (!isEnd) return { kind: 'more', openQuote: true };
      return faultUpToLine(bytes, from, isEnd, `a quote ${column} is not closed.`);
    }
    if (scanned === 'bom') {
      const fault = `a byte order mark (U+FEFF) is before the quote ${column}, as where two files were joined; remove it.`;
      return faultUpToLine(bytes, from, isEnd, fault);
    }
    if (scanned === 'stray') {
      const fault = `a quote ${column} is inside a value without quotes; enclose the value in quotes and double the quotes in it.`;
      return faultUpToLine(bytes, from, isEnd, fault);
    }
    fields.push(scanned.field);
    const { after } = scanned;
    if (after >= bytes.length) return { kind: 'record', fields, end: bytes.length };
    if (bytes[after] === delimiterByte) {
      at = after + 1;
      if (at >= bytes.length && !isEnd) return { kind: 'more', openQuote: false };
      continue;
    }
    if (isLineEnd(bytes[after])) {
      const end = afterLineEnd(bytes, after, isEnd);
      return end < 0 ? { kind: 'more', openQuote: false } : { kind: 'record', fields, end };
    }
    const fault = `the closing quote ${column} is followed by text; write a quote inside a value twice.`;
    return faultUpToLine(bytes, from, isEnd, fault);
  }
}

type Scanned = { readonly field: CsvField; readonly after: number } | 'more' | 'open' | 'stray' | 'bom';

function scanQuoted(bytes: Uint8Array, at: number, isEnd: boolean): Scanned {
  let hasDoubledQuotes = false;
  for (let from = at + 1; ; ) {
    const quote = bytes.indexOf(QUOTE, from);
    if (quote < 0) return 'open';
    if (quote + 1 >= bytes.length && !isEnd) return 'more';
    if (bytes[quote + 1] !== QUOTE) {
      return { field: { start: at + 1, end: quote, hasDoubledQuotes }, after: quote + 1 };
    }
    hasDoubledQuotes = true;
    from = quote + 2;
  }
}

function scanPlain(bytes: Uint8Array, at: number, delimiterByte: number, isEnd: boolean): Scanned {
  let end = at;
  while (end < bytes.length) {
    const byte = bytes[end];
    if (byte === delimiterByte || isLineEnd(byte)) break;
    if (byte === QUOTE) return end === at + BOM.length && isBom(bytes, at) ? 'bom' : 'stray';
    end++;
  }
  if (end >= bytes.length && !isEnd) return 'more';
  return { field: { start: at, end, hasDoubledQuotes: false }, after: end };
}

function faultUpToLine(bytes: Uint8Array, from: number, isEnd: boolean, fault: string): ScannedCsv {
  const lineEnd = lineEndFrom(bytes, from);
  if (lineEnd < 0)
    return isEnd ? { kind: 'fault', fault, end: bytes.length } : { kind: 'more', openQuote: false };
  const end = afterLineEnd(bytes, lineEnd, isEnd);
  return end < 0 ? { kind: 'more', openQuote: false } : { kind: 'fault', fault, end };
}
