/** Detects the encoding and format of a manifest from its first bytes and its name, and reads the header of a CSV file. */
import { escaped, shown } from '../shown.ts';
import { type Cursor, createRecordReader, type RawRecord } from './record-reader.ts';
import { separatorLineOf } from './separator-line.ts';

export const FORMATS = ['csv', 'jsonl'] as const;
export type ManifestFormat = (typeof FORMATS)[number];

/** The number of bytes that {@link sniff} needs, or the whole file if it is shorter. */
export const HEAD_BYTES = 64 * 1024;

export type Sniffed =
  | { readonly kind: 'text'; readonly bomBytes: number }
  | { readonly kind: 'gzip' }
  | { readonly kind: 'unreadable'; readonly fault: string };

const MAGIC: readonly (readonly [bytes: readonly number[], fault: string])[] = [
  [[0xff, 0xfe, 0, 0], 'is UTF-32; save it as UTF-8.'],
  [[0, 0, 0xfe, 0xff], 'is UTF-32; save it as UTF-8.'],
  [[0xff, 0xfe], 'is UTF-16; save it as UTF-8.'],
  [[0xfe, 0xff], 'is UTF-16; save it as UTF-8.'],
  [[0x50, 0x4b, 3, 4], 'is a ZIP or an Excel workbook; export it as CSV (UTF-8).'],
  [[0xd0, 0xcf, 0x11, 0xe0], 'is an old Excel workbook (.xls); export it as CSV (UTF-8).'],
  [[0x50, 0x41, 0x52, 0x31], 'is Parquet; export it as CSV or JSON lines.'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'is compressed with Zstandard; use gzip or no compression.'],
  [[0x25, 0x50, 0x44, 0x46], 'is a PDF; use CSV or JSON lines.'],
];

export function sniff(head: Uint8Array): Sniffed {
  const begins = (bytes: readonly number[]): boolean => bytes.every((byte, n) => head[n] === byte);
  if (begins([0x1f, 0x8b])) return { kind: 'gzip' };
  const known = MAGIC.find(([bytes]) => begins(bytes));
  if (known) return { kind: 'unreadable', fault: known[1] };
  const zero = head.indexOf(0);
  if (zero >= 0) {
    if (isUtf16(head)) {
      const fault = 'is UTF-16 without a byte order mark; save it as UTF-8.';
      return { kind: 'unreadable', fault };
    }
    const fault = `is binary: byte ${zero + 1} is zero; use CSV or JSON lines in UTF-8.`;
    return { kind: 'unreadable', fault };
  }
  // A program that adds a byte order mark to a file that has one writes two.
  let bomBytes = 0;
  while (BOM.every((byte, n) => head[bomBytes + n] === byte)) bomBytes += BOM.length;
  return isBlank(head.subarray(bomBytes))
    ? { kind: 'unreadable', fault: 'is empty.' }
    : { kind: 'text', bomBytes };
}

const BOM = [0xef, 0xbb, 0xbf] as const;

/** The first bytes have the names of fields or columns. In UTF-16, every second byte of these is zero. */
const UTF16_BYTES = 64;

/** Most zeros are at odd places, or most are at even ones. A Chinese character may have one at the other place. */
function isUtf16(head: Uint8Array): boolean {
  const places = [...head.subarray(0, UTF16_BYTES).entries()].filter(([, byte]) => byte === 0);
  const odd = places.filter(([place]) => place % 2 === 1).length;
  const count = places.length;
  const isText = count >= 3 && count * 16 >= Math.min(head.length, UTF16_BYTES);
  return isText && Math.max(odd, count - odd) * 4 >= count * 3;
}

/** A manifest whose first {@link HEAD_BYTES} are only white space counts as empty. */
const isBlank = (bytes: Uint8Array): boolean =>
  bytes.every((byte) => byte === 32 || (byte >= 9 && byte <= 13));

/** The format that the caller declared, else that of the name's extension, else that of the first character. */
export function formatOf(
  declared: ManifestFormat | undefined,
  name: string,
  head: Uint8Array,
): ManifestFormat {
  if (declared !== undefined) return declared;
  const [, extension] = /\.(csv|tsv|jsonl|ndjson)(?:\.gz)?$/i.exec(name) ?? [];
  if (extension !== undefined) return /^[ct]sv$/i.test(extension) ? 'csv' : 'jsonl';
  const first = head.find((byte) => byte > 32 && byte < 0x80);
  // A list is not JSON lines, but as such it gets the fault that helps.
  return first === 0x7b || first === 0x5b ? 'jsonl' : 'csv';
}

export interface CsvHeader {
  /** The name of a column without a name is empty. */
  readonly columns: readonly string[];
  readonly delimiter: string;
  /** 1-based number of the header's line. */
  readonly line: number;
  /** Where the first row begins. */
  readonly cursor: Cursor;
  /** The records after the header, read with each delimiter. One of them may be the real header, below a title. */
  readonly following: readonly CsvRecord[];
}

export interface CsvRecord {
  readonly line: number;
  readonly values: readonly string[];
}

const DELIMITERS = [',', ';', '\t', '|'] as const;
/** More than a title and its notes have. */
const FOLLOWING_RECORDS = 8;

/**
 * @param head the first bytes of the manifest
 * @param isWhole whether `head` is the whole manifest
 */
export function readHeader(
  head: Uint8Array,
  { bomBytes, isWhole }: { readonly bomBytes: number; readonly isWhole: boolean },
): CsvHeader | { readonly fault: string } {
  if (isJson(head.subarray(bomBytes)))
    return {
      fault:
        `has JSON (${shown(firstLineOf(head.subarray(bomBytes)))}), but its name or format says CSV. Write one JSON ` +
        'object a line, and name the file .jsonl or give the format jsonl.',
    };
  const separator = separatorLineOf(head, bomBytes);
  if (separator && 'fault' in separator) return separator;
  const from = separator ? separator.end : bomBytes;
  const line = separator ? 1 : 0;
  const candidates = (separator ? [separator.delimiter] : DELIMITERS).map((delimiter) => ({
    delimiter,
    records: firstRecords(head, { delimiter, from, line, isWhole }),
  }));
  const fields = ({ records: [first] }: (typeof candidates)[number]): number =>
    first?.kind === 'fields' && !isOnlyDelimiters(first.values) ? first.values.length : 0;
  // On a tie, the first one wins: the comma. A header with one column has no delimiter at all.
  const best = candidates.reduce((a, b) => (fields(b) > fields(a) ? b : a));
  const {
    records: [record],
    delimiter,
  } = best;
  if (!record || (record.kind === 'fields' && isOnlyDelimiters(record.values))) {
    const fault = isWhole
      ? 'has no header: it has only blank lines.'
      : `has no header in its first ${HEAD_BYTES} bytes: there is only a longer one, or blank lines.`;
    return { fault };
  }
  if (record.kind !== 'fields')
    return { fault: `has an invalid header: ${record.kind === 'fault' ? record.fault : ''}` };
  const columns = record.values.map((name) => name.trim());
  const twice = columns.find((name, n) => name !== '' && columns.indexOf(name) !== n);
  if (twice !== undefined) return { fault: `has two columns named '${escaped(twice)}' in its header.` };
  const following = candidates.flatMap(({ records }) =>
    records.slice(1).flatMap((each) => (each.kind === 'fields' ? [each] : [])),
  );
  return { columns, delimiter, line: record.line, cursor: record.next, following };
}

/** An object or a list of objects begins. A column may be named `[1]` or `{x}`. */
const isJson = (bytes: Uint8Array): boolean =>
  /^\s*(?:\[\s*)?\{\s*(?:"|\}|$)/.test(new TextDecoder().decode(bytes.subarray(0, FIRST_LINE_BYTES)));

const FIRST_LINE_BYTES = 1024;

const firstLineOf = (bytes: Uint8Array): string =>
  new TextDecoder()
    .decode(bytes.subarray(0, FIRST_LINE_BYTES))
    .trimStart()
    .split(/[\r\n]/, 1)[0] ?? '';

/** A blank record of another delimiter. */
const isOnlyDelimiters = (values: readonly string[]): boolean =>
  values.every((value) => /^[\s,;|]*$/.test(value));

interface HeadOptions {
  readonly delimiter: string;
  readonly from: number;
  readonly line: number;
  readonly isWhole: boolean;
}

function firstRecords(head: Uint8Array, { delimiter, from, line, isWhole }: HeadOptions): RawRecord[] {
  // The header is row 0.
  const start = { byte: from, row: -1, line, isSkipping: false };
  const reader = createRecordReader({ format: 'csv', delimiter }, start);
  const records = reader.push(head.subarray(from));
  if (isWhole) records.push(...reader.end());
  return records.slice(0, 1 + FOLLOWING_RECORDS);
}
