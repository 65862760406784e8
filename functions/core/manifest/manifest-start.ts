/** Detects the encoding and format of a manifest from its first bytes and its name, and reads the header of a CSV file. */
import { type Cursor, createRecordReader, type RawRecord } from './record-reader.ts';

export const FORMATS = ['csv', 'jsonl'] as const;
export type ManifestFormat = (typeof FORMATS)[number];

/** The number of bytes that {@link sniff} needs, or the whole file if it is shorter. */
export const HEAD_BYTES = 64 * 1024;

export type Sniffed =
  | { readonly kind: 'text'; readonly bomBytes: number }
  | { readonly kind: 'gzip' }
  | { readonly kind: 'unreadable'; readonly fault: string };

const MAGIC: readonly (readonly [bytes: readonly number[], fault: string])[] = [
  [[0xff, 0xfe], 'is UTF-16; save it as UTF-8.'],
  [[0xfe, 0xff], 'is UTF-16; save it as UTF-8.'],
  [[0x50, 0x4b, 3, 4], 'is a ZIP or an Excel workbook; export it as CSV (UTF-8).'],
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
    const fault = `is binary: byte ${zero + 1} is zero; use CSV or JSON lines in UTF-8.`;
    return { kind: 'unreadable', fault };
  }
  const bomBytes = begins([0xef, 0xbb, 0xbf]) ? 3 : 0;
  return isBlank(head.subarray(bomBytes))
    ? { kind: 'unreadable', fault: 'is empty.' }
    : { kind: 'text', bomBytes };
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
  return first === 0x7b ? 'jsonl' : 'csv';
}

export interface CsvHeader {
  readonly columns: readonly string[];
  readonly delimiter: string;
  /** Where the first row begins. */
  readonly cursor: Cursor;
}

const DELIMITERS = [',', ';', '\t'] as const;

/**
 * @param head the first bytes of the manifest
 * @param isWhole whether `head` is the whole manifest
 */
export function readHeader(
  head: Uint8Array,
  { bomBytes, isWhole }: { readonly bomBytes: number; readonly isWhole: boolean },
): CsvHeader | { readonly fault: string } {
  const candidates = DELIMITERS.map((delimiter) => ({
    delimiter,
    record: firstRecord(head, delimiter, bomBytes, isWhole),
  }));
  const fields = ({ record }: (typeof candidates)[number]): number =>
    record?.kind === 'fields' ? record.values.length : 0;
  // On a tie, the first one wins: the comma. A header with one column has no delimiter at all.
  const best = candidates.reduce((a, b) => (fields(b) > fields(a) ? b : a));
  const { record, delimiter } = best;
  if (!record) return { fault: `has a header that is longer than ${HEAD_BYTES} bytes.` };
  if (record.kind !== 'fields')
    return { fault: `has an invalid header: ${record.kind === 'fault' ? record.fault : ''}` };
  const columns = record.values.map((name) => name.trim());
  const unnamed = columns.indexOf('');
  if (unnamed >= 0) return { fault: `has no name for column ${unnamed + 1} in its header.` };
  const twice = columns.find((name, n) => columns.indexOf(name) !== n);
  if (twice !== undefined) return { fault: `has two columns named '${twice}' in its header.` };
  return { columns, delimiter, cursor: record.next };
}

function firstRecord(
  head: Uint8Array,
  delimiter: string,
  bomBytes: number,
  isWhole: boolean,
): RawRecord | undefined {
  // The header is row 0.
  const start = { byte: bomBytes, row: -1, line: 0, isSkipping: false };
  const reader = createRecordReader({ format: 'csv', delimiter }, start);
  const [first] = reader.push(head.subarray(bomBytes));
  return first ?? (isWhole ? reader.end()[0] : undefined);
}
