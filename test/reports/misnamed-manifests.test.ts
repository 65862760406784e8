/** Files with the name of another format, and structural faults: the words name the cause and show what was read. */
import { describe, expect, it } from 'vitest';
import { PNG } from '../support/images.ts';
import { tryManifest } from '../support/manifest-trials.ts';
import { uploadWorld } from '../support/uploads.ts';

describe('a manifest of the other format', () => {
  it.each(['{"prompt":"A cat"}\n{"prompt":"A dog"}\n', '[{"prompt":"A cat"}]', '\ufeff{\n "prompt": "A"}'])(
    '%j with the name .csv is named as JSON',
    async (content) => {
      const { prompts, error } = await tryManifest(content, {}, 'rows.csv');
      expect(prompts).toEqual([]);
      expect(error).toMatch(/^The manifest has JSON \(".*"\), but its name or format says CSV\. .*\.jsonl/);
    },
  );

  it('may have columns that look like JSON', async () => {
    expect(await tryManifest('{x},prompt\n1,A cat\n')).toMatchObject({ prompts: ['A cat'] });
  });

  it('with the name .jsonl is named as CSV', async () => {
    const { faults } = await tryManifest('prompt,seed\nA cat,1\n', {}, 'rows.jsonl');
    expect(faults[0]).toContain('This looks like a row of CSV: name the file .csv, or give the format csv.');
  });
});

describe('a structural fault shows the line or the row', () => {
  it.each([
    ['prompt,seed\nA "big" cat,1\n', 'The line is "A \\"big\\" cat,1".'],
    ['prompt,seed\n"A" cat,1\n', 'The line is "\\"A\\" cat,1".'],
    ['prompt,seed\n"A cat,1\n', 'The line is "\\"A cat,1".'],
    ['prompt,seed\nA cat\n', 'The row is ["A cat"].'],
  ])('%j', async (csv, end) => {
    const { faults } = await tryManifest(csv);
    expect(faults[0]?.replaceAll('\\"', '"')).toContain(end.replaceAll('\\"', '"'));
  });

  it('also in the header', async () => {
    const { error } = await tryManifest('pro"mpt,x\na,b\n');
    expect(error).toContain('The line is "pro"mpt,x".');
  });
});

it('an invisible character in the name of a column is shown', async () => {
  const { faults } = await tryManifest('prompt\u200b,seed\nA cat,1\n');
  expect(faults[0]).toContain("column 'prompt\\u200b' is not a field");
});

describe('a dropped JSON file shows what was read', () => {
  it.each([
    [
      'r.json',
      '{"prompt":"a"}\n{"prompt":"b"}\n',
      'It has several objects: name it .jsonl to make a batch of them.',
    ],
    ['r.json', '{"prompt":', 'The file begins with "{"prompt":".'],
    ['r.json', Buffer.from('\ufeff{"prompt":"a"}', 'utf16le'), 'is not text in UTF-8; save it as UTF-8'],
    [
      'a.png.json',
      '["x"]',
      'is ["x"]; it must be a JSON object of request fields, like {"prompt": "it purrs"}.',
    ],
  ])('%s: %j', async (name, content, words) => {
    const world = uploadWorld();
    await world.drop(`uploads/${name}`, content);
    await world.drop('uploads/a.png', PNG);
    expect(Object.values(world.errors()).flat().join()).toContain(words);
  });
});
