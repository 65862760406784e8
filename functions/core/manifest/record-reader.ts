/**
 * Reads the records of a manifest from chunks of bytes of any size. `push` a chunk to get the records that are complete. A
 * new reader can continue at the cursor of any record. A record that cannot be read is returned as a fault, with its row and
 * line, and reading continues with the next record. The reader keeps at most one record in memory, up to a limit.
 *
 * Lines end with LF, CRLF or CR, in any mixture. In CSV, quoted values may contain line ends. After an invalid quote the
 * reader continues with the next line, because it cannot know what the quote was meant to enclose.
 *
 * A CSV record whose values are all blank is skipped like a blank line: spreadsheets write the rows that were once used.
 */
import { isBlank } from '../blank.ts';
import { escaped, shown } from '../shown.ts';
import { type CsvFields, scanCsvRecord } from './csv-record.ts';
import { afterLineEnd, countLineEnds, lineEndFarFrom, lineEndFrom } from './line-ends.ts';

/** The limit of one record. It must fit in memory several times. No request is that long. */
export const RECORD_BYTES_MAX = 1024 * 1024;

/** Where to continue reading: always between two records, unless `isSkipping`. */
export interface Cursor {
  readonly byte: number;
  /** How many records precede it, including faults, without blank ones. */
  readonly row: number;
  /** How many lines precede it. */
  readonly line: number;
  /** The cursor is inside a line that is too long, and the rest of the line is skipped. */
  readonly isSkipping: boolean;
}

interface Place {
  /** 1-based number of the record. */
  readonly row: number;
  /** 1-based number of the line where the record begins. */
  readonly line: number;
  readonly startByte: number;
  /** Where the next record begins. */
  readonly next: Cursor;
}

export type RawRecord = Place &
  (
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'fields'; readonly values: readonly string[] }
    | { readonly kind: 'fault'; readonly fault: string }
  );

export type RecordSyntax =
  | { readonly format: 'jsonl' }
  /** `delimiter` is one byte. */
  | { readonly format: 'csv'; readonly delimiter: string };

export interface RecordReader {
  push(bytes: Uint8Array): RawRecord[];
  /** Returns the rest after the last chunk. */
  end(): RawRecord[];
  /** The position after the last returned record, or after the skipped part of a line that is too long. */
  cursor(): Cursor;
}

type Content =
  | { readonly text: string }
  | { readonly values: readonly string[] }
  | { readonly fault: string };

/** What a finder found: a record or a fault up to `end`, a blank record, or that it needs more bytes. */
type Found =
  | { readonly kind: 'record'; readonly content: Content; readonly end: number }
  | { readonly kind: 'blank'; readonly end: number }
  | { readonly kind: 'more'; readonly openQuote: boolean };

export function createRecordReader(syntax: RecordSyntax, start: Cursor): RecordReader {
  let pending: Uint8Array = new Uint8Array();
  let cursor = start;
  const find = syntax.format === 'csv' ? csvFinder(syntax.delimiter) : findLine;

  const drain = (isEnd: boolean): RawRecord[] => {
    const records: RawRecord[] = [];
    let at = 0;
    const emit = (content: Content, end: number, isSkipping: boolean): void => {
      const row = cursor.row + 1;
      const place = { row, line: cursor.line + 1, startByte: cursor.byte };
      const lines =
        countLineEnds(pending, at, end) + (isEnd && end === pending.length ? unended(pending) : 0);
      cursor = { byte: cursor.byte + end - at, row, line: cursor.line + lines, isSkipping };
      records.push({ ...place, next: cursor, ...kindOf(content) });
      at = end;
    };
    const skip = (end: number, isSkipping: boolean, lines: number): void => {
      cursor = { ...cursor, byte: cursor.byte + end - at, line: cursor.line + lines, isSkipping };
      at = end;
    };
    while (at < pending.length) {
      if (cursor.isSkipping) {
        const lineEnd = lineEndFarFrom(pending, at);
        const next = lineEnd < 0 ? -1 : afterLineEnd(pending, lineEnd, isEnd);
        // A CR at the end of the chunk: an LF may follow in the next one.
        const isCut = next < 0 && lineEnd >= 0;
        skip(isCut ? lineEnd : next < 0 ? pending.length : next, next < 0 && !isEnd, next < 0 ? 0 : 1);
        if (isCut) break;
        continue;
      }
      const found = find(pending, at, isEnd);
      if (found.kind === 'blank') skip(found.end, false, countLineEnds(pending, at, found.end));
      else if (found.kind === 'record') emit(found.content, found.end, false);
      else if (pending.length - at <= RECORD_BYTES_MAX) break;
      else {
        const lineEnd = lineEndFrom(pending, at);
        const next = lineEnd < 0 ? -1 : afterLineEnd(pending, lineEnd, isEnd);
        if (found.openQuote && next > 0) {
          emit({ fault: `a quote is not closed within ${MAX_TEXT}.` }, next, false);
        } else {
          emit({ fault: `is longer than ${MAX_TEXT}.` }, pending.length, true);
        }
      }
    }
    pending = pending.subarray(at);
    return records;
  };

  return {
    push(bytes) {
      pending = pending.length === 0 ? bytes : concat(pending, bytes);
      return drain(false);
    },
    end: () => drain(true),
    cursor: () => cursor,
  };
}

const MAX_TEXT = '1 MiB (1,048,576 bytes)';

/** 1 if the last line has no line end; it counts as a line too. */
const unended = (bytes: Uint8Array): number => (lineEndFrom(bytes, bytes.length - 1) < 0 ? 1 : 0);

function kindOf(
  content: Content,
):
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'fields'; readonly values: readonly string[] }
  | { readonly kind: 'fault'; readonly fault: string } {
  if ('text' in content) return { kind: 'text', ...content };
  return 'values' in content ? { kind: 'fields', ...content } : { kind: 'fault', ...content };
}

function findLine(bytes: Uint8Array, from: number, isEnd: boolean): Found {
  const lineEnd = lineEndFrom(bytes, from);
  if (lineEnd < 0 && !isEnd) return { kind: 'more', openQuote: false };
  const end = lineEnd < 0 ? bytes.length : afterLineEnd(bytes, lineEnd, isEnd);
  if (end < 0) return { kind: 'more', openQuote: false };
  const contentEnd = lineEnd < 0 ? bytes.length : lineEnd;
  if (contentEnd - from > RECORD_BYTES_MAX)
    return { kind: 'record', content: { fault: `is longer than ${MAX_TEXT}.` }, end };
  const text = decode(bytes.subarray(from, contentEnd));
  if ('text' in text && isBlank(text.text)) return { kind: 'blank', end };
  return { kind: 'record', content: text, end };
}

const csvFinder = (delimiter: string) => {
  const delimiterByte = delimiter.charCodeAt(0);
  return (bytes: Uint8Array, from: number, isEnd: boolean): Found => {
    const scanned = scanCsvRecord(bytes, from, { delimiterByte, isEnd });
    if (scanned.kind === 'more') return scanned;
    if (scanned.kind === 'fault')
      return {
        kind: 'record',
        content: { fault: `${scanned.fault} The line is ${lineOf(bytes.subarray(from, scanned.end))}.` },
        end: scanned.end,
      };
    if (scanned.end - from > RECORD_BYTES_MAX)
      return { kind: 'record', content: { fault: `is longer than ${MAX_TEXT}.` }, end: scanned.end };
    const content = valuesOf(bytes, scanned.fields);
    if ('values' in content && content.values.every(isBlank)) return { kind: 'blank', end: scanned.end };
    return { kind: 'record', content, end: scanned.end };
  };
};

/** Enough for what is shown of a line. */
const LINE_SHOWN_BYTES = 4096;

const lineOf = (bytes: Uint8Array): string =>
  shown(lenient.decode(bytes.subarray(0, LINE_SHOWN_BYTES)).trimEnd());

function valuesOf(
  bytes: Uint8Array,
  fields: CsvFields,
): { readonly values: readonly string[] } | { readonly fault: string } {
  const values: string[] = [];
  for (const { start, end, hasDoubledQuotes } of fields) {
    const decoded = decode(bytes.subarray(start, end));
    if ('fault' in decoded) return decoded;
    values.push(hasDoubledQuotes ? decoded.text.replaceAll('""', '"') : decoded.text);
  }
  return { values };
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

function decode(bytes: Uint8Array): { readonly text: string } | { readonly fault: string } {
  try {
    const text = strict.decode(bytes);
    return text.includes('\0')
      ? { fault: 'contains a zero byte; save the manifest as UTF-8 text.' }
      : { text };
  } catch {
    const before = lenient.decode(bytes).split('\uFFFD', 1)[0] ?? '';
    const bad = bytes[new TextEncoder().encode(before).length] ?? 0;
    const hex = bad.toString(16).toUpperCase().padStart(2, '0');
    return {
      fault: `is not UTF-8 (byte 0x${hex} after '${escaped(before.slice(-20))}'); save the manifest as UTF-8.`,
    };
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
