/**
 * Random mutations of valid manifests never hang, never throw past the handler, and never become a job that a strict
 * reader would refuse: csv-parse without any leniency, and JSON.parse.
 */
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { misspeltColumns } from '../../functions/core/batch/manifest-columns.ts';
import { type BodyRules, bodyOfRecord } from '../../functions/core/batch/row-body.ts';
import { CATALOGUE } from '../../functions/core/catalogue/models.ts';
import { readHeader, sniff } from '../../functions/core/manifest/manifest-start.ts';
import { createRecordReader, type RawRecord } from '../../functions/core/manifest/record-reader.ts';
import { ProblemError } from '../../functions/core/problem.ts';
import { parseRequest } from '../../functions/core/request/request.ts';
import { REQUEST_FIELDS } from '../../functions/core/request/request-body.ts';
import { debrisOf } from '../../functions/core/request/spreadsheet-debris.ts';
import { tryManifest } from '../support/manifest-trials.ts';

const REQUEST_RULES = {
  ...{ catalogue: CATALOGUE, today: '2026-11-21' },
  ...{ allowRetired: false, aliasRetired: false, restrictedRegion: false },
};
const rulesOf = (columns: readonly string[]): BodyRules => ({
  ...{ template: undefined, defaults: undefined, columns, fields: REQUEST_FIELDS, lane: 'batch' },
  misspelt: misspeltColumns(columns, REQUEST_FIELDS),
});

const CSVS = [
  'prompt,durationSeconds,generateAudio\r\nA cat,4,true\r\n"A dog, ""Rex""",8,false\r\n"Two\nlines",6,\r\n',
  '\ufeffprompt;seed;;\nA cat;1;;\n;;;\nA bird;2;;\n',
  'sep=|\nprompt|note|labels.team\nA cat|x|red\nA dog||\n',
];
const JSON_LINES =
  '{"prompt":"A cat","durationSeconds":4}\n\n{"prompt":"A \\"dog\\"","labels":{"team":"red"}}\r\n';

/** Bytes that matter to a reader, and spreadsheet debris. */
const piece = fc.constantFrom(
  ...[
    '"',
    '""',
    ',',
    ';',
    '|',
    '\t',
    '\n',
    '\r',
    '\r\n',
    ' ',
    '\ufeff',
    '#REF!',
    '=A1',
    '{',
    '}',
    '[',
    ':',
    '\\',
  ],
  ...['prompt', 'sep=;', '\u00a0', '\0', '8,0', 'é', '🐈', '#N/A,', '\n,\n', '\n#N/A,4,true\n'],
);
const bytes = fc.oneof(
  piece.map((text) => Buffer.from(text)),
  fc.uint8Array({ minLength: 1, maxLength: 2 }).map((some) => Buffer.from(some)),
);
const mutation = fc.record({ at: fc.nat(), removed: fc.integer({ min: 0, max: 6 }), put: fc.option(bytes) });
type Mutation = { readonly at: number; readonly removed: number; readonly put: Buffer | null };
const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });

function mutated(text: string, changes: readonly Mutation[]): Buffer {
  let result = Buffer.from(text);
  for (const { at, removed, put } of changes) {
    const place = at % (result.length + 1);
    result = Buffer.concat([result.subarray(0, place), put ?? Buffer.of(), result.subarray(place + removed)]);
  }
  return result;
}

interface PaidRow {
  readonly record: RawRecord;
  readonly prompt: string;
}

/** The rows of the manifest that are valid requests. */
function paidRows(records: readonly RawRecord[], columns: readonly string[]): PaidRow[] {
  return records.flatMap((record) => {
    const read = bodyOfRecord(record, rulesOf(columns));
    if ('fault' in read || read.errors.length > 0) return [];
    try {
      const { request } = parseRequest(read.body, REQUEST_RULES);
      return [{ record, prompt: request.prompt ?? '' }];
    } catch (error) {
      if (error instanceof ProblemError) return [];
      throw error;
    }
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

describe('a mutated CSV manifest', () => {
  it('makes a job only from a record that a strict reader accepts, with the same prompt', () => {
    fc.assert(
      fc.property(fc.constantFrom(...CSVS), mutations, (text, changes) => {
        const content = mutated(text, changes);
        const sniffed = sniff(content);
        if (sniffed.kind !== 'text') return;
        const header = readHeader(content, { bomBytes: sniffed.bomBytes, isWhole: true });
        if ('fault' in header) return;
        const { columns, delimiter, cursor } = header;
        const reader = createRecordReader({ format: 'csv', delimiter }, cursor);
        const records = [...reader.push(content.subarray(cursor.byte)), ...reader.end()];
        const named = columns.filter((column) => column !== '');
        for (const { record, prompt } of paidRows(records, columns)) {
          const own = utf8.decode(content.subarray(record.startByte, record.next.byte));
          const strict: string[][] = parse(own, { delimiter, record_delimiter: ['\r\n', '\n', '\r'] });
          expect(strict).toHaveLength(1);
          const [values = []] = strict;
          expect(values.length).toBeLessThanOrEqual(columns.length);
          expect(values.length).toBeGreaterThanOrEqual(columns.lastIndexOf(named.at(-1) ?? '') + 1);
          expect(values[columns.indexOf('prompt')]).toBe(prompt);
          expect(debrisOf(prompt)).toBeUndefined();
          expect(own).not.toContain('\ufeff');
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('mutated JSON lines', () => {
  it('make a job only from a line that JSON.parse accepts, with the same prompt', () => {
    const start = { byte: 0, row: 0, line: 0, isSkipping: false };
    const lineSchema = (line: string): unknown => {
      const value: unknown = JSON.parse(line);
      return typeof value === 'object' && value !== null && 'prompt' in value ? value.prompt : undefined;
    };
    fc.assert(
      fc.property(mutations, (changes) => {
        const content = mutated(JSON_LINES, changes);
        const reader = createRecordReader({ format: 'jsonl' }, start);
        const records = [...reader.push(content), ...reader.end()];
        for (const { record, prompt } of paidRows(records, [])) {
          const own = utf8.decode(content.subarray(record.startByte, record.next.byte));
          expect(lineSchema(own)).toBe(prompt);
          expect(debrisOf(prompt)).toBeUndefined();
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

it('a mutated manifest ends as a batch with a report, whatever it holds', async () => {
  const files = [...CSVS.map((text) => [text, 'rows.csv']), [JSON_LINES, 'rows.jsonl'], [JSON_LINES, 'rows']];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...files), mutations, async ([text = '', name], changes) => {
      const { status, error, rowFaults } = await tryManifest(mutated(text, changes), { dryRun: true }, name);
      expect(['done', 'failed']).toContain(status);
      expect(error ?? 'The manifest ').toMatch(/^The manifest /);
      expect(rowFaults.every(({ fault }) => fault !== '')).toBe(true);
    }),
    { numRuns: 50 },
  );
});
