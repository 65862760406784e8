/** The record reader returns the same records for any chunk sizes, and the same as a CSV library. */
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Cursor,
  createRecordReader,
  type RawRecord,
  RECORD_BYTES_MAX,
  type RecordSyntax,
} from '../../../functions/core/manifest/record-reader.ts';

const CSV: RecordSyntax = { format: 'csv', delimiter: ',' };
const JSONL: RecordSyntax = { format: 'jsonl' };
const START: Cursor = { byte: 0, row: 0, line: 0, isSkipping: false };

function readAll(syntax: RecordSyntax, bytes: Uint8Array, cuts: readonly number[] = []): RawRecord[] {
  const reader = createRecordReader(syntax, START);
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let at = 0;
  const records = ends.flatMap((end) => {
    const part = bytes.subarray(at, end);
    at = end;
    return reader.push(part);
  });
  return [...records, ...reader.end()];
}

/** Reads each record with a new reader, from the cursor of the previous record. */
function readByCursor(syntax: RecordSyntax, bytes: Uint8Array): RawRecord[] {
  const records: RawRecord[] = [];
  for (let cursor = START; ; ) {
    const reader = createRecordReader(syntax, cursor);
    const [record] = [...reader.push(bytes.subarray(cursor.byte)), ...reader.end()];
    if (!record) return records;
    records.push(record);
    cursor = record.next;
  }
}

const valuesOf = (records: readonly RawRecord[]): unknown[] =>
  records.map((record) =>
    record.kind === 'fields' ? record.values : record.kind === 'text' ? record.text : 'fault',
  );
const faultsOf = (records: readonly RawRecord[]): string[] =>
  records.flatMap((record) =>
    record.kind === 'fault' ? [`${record.row}@${record.line}: ${record.fault}`] : [],
  );
const isBlank = (values: readonly string[]): boolean => values.every((value) => value.trim() === '');
const utf8 = (text: string): Uint8Array => Buffer.from(text, 'utf8');

const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
const cell = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'ß', '🐈', ',', '"', '\n', '\r', ' ', '{', '0'), maxLength: 6 }),
  fc.constantFrom('', 'plain', 'x'),
);
const written = (value: string): string =>
  /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
const table = fc
  .array(fc.tuple(fc.array(cell, { minLength: 2, maxLength: 4 }), lineEnd), { minLength: 1, maxLength: 12 })
  .map((rows) => ({
    rows: rows.map(([cells]) => cells),
    text: rows.map(([cells, end]) => cells.map(written).join(',') + end).join(''),
  }));
/** Random bytes with many quotes, delimiters and line ends. */
const anyBytes = fc
  .array(fc.constantFrom('a', '"', ',', '\n', '\r', '{"p":1}', 'é', '\u0000', '""'), { maxLength: 60 })
  .map((parts) => utf8(parts.join('')));
const cuts = fc.array(fc.nat(), { maxLength: 8 });

describe('CSV records', () => {
  it('are read as they were written, with any quotes, commas and line ends in their values', () => {
    fc.assert(
      fc.property(table, cuts, ({ rows, text }, at) => {
        expect(valuesOf(readAll(CSV, utf8(text), at))).toEqual(rows.filter((row) => !isBlank(row)));
      }),
    );
  });

  it('are the same as those of csv-parse', () => {
    fc.assert(
      fc.property(table, ({ text }) => {
        const options = { record_delimiter: ['\r\n', '\n', '\r'], relax_column_count: true };
        const theirs: string[][] = parse(text, options);
        expect(valuesOf(readAll(CSV, utf8(text)))).toEqual(theirs.filter((row) => !isBlank(row)));
      }),
    );
  });

  it('have the number of the line where they begin, also after quoted line ends and blank lines', () => {
    const records = readAll(CSV, utf8('a,"1\n2\r\n3",c\r\n\r\nd,e\rf,g'));
    expect(records.map(({ row, line }) => [row, line])).toEqual([
      [1, 1],
      [2, 5],
      [3, 6],
    ]);
  });

  it('continue with the next line after a quote that is not closed, in the middle of a value, or followed by text', () => {
    const records = readAll(
      CSV,
      utf8('1,"abc\n2,"def"\n3,a"b\n4,"a"b\n5,fine\n6,"never closed\n7,also fine\n'),
    );
    expect(faultsOf(records)).toEqual([
      '1@1: the closing quote in field 2 is followed by text; write a quote inside a value twice. The line is "1,"abc".',
      '3@3: a quote in field 2 is inside a value without quotes; enclose the value in quotes and double the quotes in it. The line is "3,a"b".',
      '4@4: the closing quote in field 2 is followed by text; write a quote inside a value twice. The line is "4,"a"b".',
      '6@6: a quote in field 2 is not closed. The line is "6,"never closed".',
    ]);
    expect(valuesOf(records.filter(({ kind }) => kind === 'fields'))).toEqual([
      ['2', 'def'],
      ['5', 'fine'],
      ['7', 'also fine'],
    ]);
  });

  it('are a fault if a quote is not closed within 1 MiB, and the lines after it are read', () => {
    const lines = `${'x,y\n'.repeat(RECORD_BYTES_MAX / 4 + 10)}`;
    const records = readAll(CSV, utf8(`a,b\n1,"open\n${lines}`));
    expect(faultsOf(records)).toEqual(['2@2: a quote is not closed within 1 MiB (1,048,576 bytes).']);
    expect(records).toHaveLength(2 + RECORD_BYTES_MAX / 4 + 10);
  });
});

describe('records of both formats', () => {
  for (const syntax of [CSV, JSONL]) {
    it(`are the same for any chunk sizes: ${syntax.format}`, () => {
      fc.assert(
        fc.property(anyBytes, cuts, (bytes, at) => {
          expect(readAll(syntax, bytes, at)).toEqual(readAll(syntax, bytes));
        }),
      );
    });

    it(`are the same if each is read from the cursor of the previous one: ${syntax.format}`, () => {
      fc.assert(
        fc.property(anyBytes, (bytes) => {
          expect(readByCursor(syntax, bytes)).toEqual(readAll(syntax, bytes));
        }),
      );
    });
  }

  it('end with LF, CRLF or CR, in any mixture', () => {
    expect(valuesOf(readAll(JSONL, utf8('{"a":1}\r\n{"a":2}\n{"a":3}\r{"a":4}')))).toEqual([
      '{"a":1}',
      '{"a":2}',
      '{"a":3}',
      '{"a":4}',
    ]);
  });

  it('name the byte that is not UTF-8', () => {
    const latin1 = Buffer.from('{"prompt":"a caf\xe9"}\n{"prompt":"fine"}\n', 'latin1');
    const records = readAll(JSONL, latin1);
    expect(faultsOf(records)).toEqual([
      `1@1: is not UTF-8 (byte 0xE9 after '{"prompt":"a caf'); save the manifest as UTF-8.`,
    ]);
    expect(records).toHaveLength(2);
  });

  it('that are too long are skipped, also from a cursor in the middle, and the next one is read', () => {
    const reader = createRecordReader(JSONL, START);
    const part = utf8('x'.repeat(64 * 1024));
    const records: RawRecord[] = [...reader.push(utf8('{"a":1}\n'))];
    let middle: Cursor | undefined;
    for (let n = 0; n < 100; n++) {
      records.push(...reader.push(part));
      if (n === 50) middle = reader.cursor();
    }
    records.push(...reader.push(utf8('\n{"a":2}\n')), ...reader.end());
    expect(faultsOf(records)).toEqual(['2@2: is longer than 1 MiB (1,048,576 bytes).']);
    expect(records.map(({ row, line }) => [row, line])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    expect(middle).toMatchObject({ isSkipping: true, row: 2 });
    const later = createRecordReader(JSONL, middle ?? START);
    expect(valuesOf(later.push(utf8('xxx\n{"a":2}\n')))).toEqual(['{"a":2}']);
  });
});
