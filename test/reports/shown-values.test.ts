/** A fault of a value shows the value, what was expected, and the likely correction. */
import { describe, expect, it } from 'vitest';
import { tryManifest } from '../support/manifest-trials.ts';

const detailOf = async (column: string, cell: string): Promise<string | undefined> => {
  const { rowFaults, prompts } = await tryManifest(`prompt;${column}\nA cat;"${cell}"\n`);
  expect(prompts).toEqual([]);
  expect(rowFaults[0]?.errors).toHaveLength(1);
  return rowFaults[0]?.errors?.[0]?.detail;
};

describe('frappe/frappe#8728: a number in another notation', () => {
  it.each<[string, string]>([
    ['8,0', 'is "8,0"; it must be a number: write 8, with a point and not a comma.'],
    ['8,5', 'is "8,5"; it must be a number: write 8.5, with a point and not a comma.'],
    ['8,125', 'is "8,125"; it must be a number: write 8.125 or 8125, without the comma.'],
    ['4,294,967', 'is "4,294,967"; it must be a number: write 4294967, without separators.'],
    ['1 234', 'is "1 234"; it must be a number: write 1234, without separators.'],
    ['8s', 'is "8s"; it must be a number: write 8, without the unit.'],
    ['8,0 Sekunden', 'is "8,0 Sekunden"; it must be a number: write 8, without the unit.'],
    ['８', 'is "８"; it must be a number: write 8.'],
    ["'8", `is "'8"; it must be a number: write 8.`],
    [
      '4.29E+09',
      'is "4.29E+09"; it must be a number: a spreadsheet may have rounded it; format the column as a number and write all digits.',
    ],
    ['eight', 'is "eight"; it must be a whole number, such as 8.'],
    ['a\tb', 'is "a\\tb"; it must be a whole number, such as 8.'],
    ['x'.repeat(5_000), `is "${'x'.repeat(60)}…" (5000 characters); it must be a whole number, such as 8.`],
  ])('%j', async (cell, detail) => {
    expect(await detailOf('durationSeconds', cell)).toBe(detail);
  });

  it('is read with spaces around it, and with zeros behind its point', async () => {
    expect(await tryManifest('prompt,durationSeconds\nA cat,\u00a08.0 \n')).toMatchObject({
      prompts: ['A cat'],
    });
  });
});

describe('measured on b5f8afa: a boolean in another language', () => {
  it.each<[string, string]>([
    ['WAHR', ': write true'],
    ['FALSCH', ': write false'],
    ['vrai', ': write true'],
    ['nein', ': write false'],
    ['1', ': write true'],
    ['0', ': write false'],
    ['ИСТИНА', ': write true'],
    ['maybe', ', such as false'],
  ])('%s', async (cell, meant) => {
    expect(await detailOf('generateAudio', cell)).toBe(`is "${cell}"; it must be true or false${meant}.`);
  });
});

describe('genspark-ai/genoffice#438: UTF-16 without a byte order mark', () => {
  it.each<[string, Buffer, string]>([
    ['CSV', Buffer.from('prompt,durationSeconds\r\nA cat,8\r\n', 'utf16le'), 'rows.csv'],
    [
      'CSV in another script',
      Buffer.from('prompt\r\n一只猫在沙发上睡觉。\r\n'.repeat(20), 'utf16le'),
      'rows.csv',
    ],
    ['big-endian CSV', Buffer.from('prompt,durationSeconds\r\nA cat,8\r\n', 'utf16le').swap16(), 'rows.csv'],
    ['JSON lines', Buffer.from('{"prompt":"一只猫在沙发上睡觉，阳光照进来"}\n', 'utf16le'), 'rows.jsonl'],
  ])('is named as such: %s', async (_, bytes, name) => {
    expect((await tryManifest(bytes, {}, name)).error).toBe(
      'The manifest is UTF-16 without a byte order mark; save it as UTF-8.',
    );
  });

  it('is not what a stray zero byte is called', async () => {
    expect((await tryManifest('prompt\nA \0 cat\n')).error).toContain('is binary: byte 10 is zero');
  });

  it('is another kind than an old workbook', async () => {
    const workbook = Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, 0, 0, 0, 0]);
    expect((await tryManifest(workbook)).error).toContain('is an old Excel workbook (.xls)');
  });
});

describe('measured on b5f8afa: a line that is not JSON', () => {
  it.each<[string, string]>([
    ['[', 'one JSON list'],
    ['{"prompt":"A cat"},', 'one JSON list'],
    ["{'prompt': 'A cat'}", 'double quotes'],
    ['{“prompt”: “A cat”}', 'straight quotes'],
    ['{', 'an object on several lines'],
    ['"prompt": "A cat"', 'an object on several lines'],
    ['{"prompt":"A cat"}{"prompt":"A dog"}', 'several objects'],
    ['prompt: A\tcat', 'must be one JSON object. The line is "prompt: A\\tcat".'],
    ['[{"prompt":"A cat"}]', 'write each of its entries on its own line. It is [{"prompt":"A cat"}].'],
    ['7', 'is 7, not a JSON object.'],
    ['"A cat"', 'is "A cat", not a JSON object.'],
  ])('%s', async (line, hint) => {
    const { faults, prompts } = await tryManifest(`{"prompt":"A bird"}\n${line}\n`, {}, 'rows.jsonl');
    expect(prompts).toEqual(['A bird']);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(hint);
  });
});
