/** What programs write for a missing value, and debris in dropped files: none of it is a prompt that somebody pays for. */
import { describe, expect, it } from 'vitest';
import { PNG } from '../support/images.ts';
import { tryManifest } from '../support/manifest-trials.ts';
import { uploadWorld } from '../support/uploads.ts';

describe('a row is faulty if its prompt', () => {
  it.each([
    ...['nan', 'NaN', 'NaT', '<NA>', 'None', 'NULL', 'null', 'n/a', 'undefined', '[object Object]', '\\N'],
    ...['-', '---', '…', '???', '=====', '(2 rows)', '(1 row affected)', 'PROMPT'],
    ...["'=HYPERLINK(A1)", '＝SUM(A1)', '{=A1:A3}', "'+SUM(A1)"],
  ])('is %j', async (prompt) => {
    for (const [content, body] of [
      [`prompt\nA cat\n${prompt}\n`, {}],
      [`prompt,seed\nA cat,1\n${prompt},\n`, { defaults: { seed: 3 } }],
    ] as const) {
      const { prompts, faults } = await tryManifest(content, body);
      // In two columns, a cell with the name of its column may be a value.
      const isValue = prompt === 'PROMPT' && content.includes(',');
      expect([prompts, faults.length]).toEqual(isValue ? [['A cat', 'PROMPT'], 0] : [['A cat'], 1]);
    }
  });

  it('is such a value in JSON lines, and the fault shows it', async () => {
    const { prompts, faults } = await tryManifest('{"prompt":"None"}\n{"prompt":"NaN"}\n', {}, 'rows.jsonl');
    expect(prompts).toEqual([]);
    expect(faults).toEqual([
      '1@1: prompt: is "None", which is not a prompt; write the prompt itself.',
      '2@2: prompt: is "NaN", which a program writes for a missing value; give the value, or leave the cell empty.',
    ]);
  });

  it('would be filled with such a value', async () => {
    const template = { template: { prompt: 'a {animal}, {style}' } };
    const { prompts, faults } = await tryManifest('animal,style\ncat,none\n<NA>,plain\ncat,NaN\n', template);
    expect(prompts).toEqual(['a cat, none']);
    expect(faults.map((fault) => fault.slice(0, 20))).toEqual([
      '2@3: animal: is "<NA',
      '3@4: style: is "NaN"',
    ]);
  });
});

describe('a row is valid if its prompt', () => {
  it.each(['a nan bread', 'None of them moves', '🐱', '?! a cat', '"=" on a wall', '= a cat =', '42', '猫'])(
    'is %j',
    async (prompt) => {
      const csv = `prompt\n"${prompt.replaceAll('"', '""')}"\n`;
      expect(await tryManifest(csv)).toMatchObject({ prompts: [prompt], faults: [] });
    },
  );

  it('has "none" as its negative prompt', async () => {
    expect(await tryManifest('prompt,negativePrompt\nA cat,none\n')).toMatchObject({ prompts: ['A cat'] });
  });
});

describe('a dropped file is refused, and its error shows the value, if', () => {
  it.each<[string, [string, string | Uint8Array, string, Record<string, string>][]]>([
    [
      'its sidecar is',
      [
        ['a.txt', '#REF!', '', {}],
        ['a.png', PNG, '', {}],
      ],
    ],
    ['its metadata has', [['a.png', PNG, '', { prompt: '#REF!' }]]],
    [
      'its JSON sidecar has',
      [
        ['a.png.json', '{"prompt":"#REF!"}', '', {}],
        ['a.png', PNG, '', {}],
      ],
    ],
    ['it is a request with', [['a.json', '{"prompt":"#REF!"}', '', {}]]],
  ])('%s an error value', async (_title, files) => {
    const world = uploadWorld();
    for (const [name, content, type, metadata] of files)
      await world.drop(`uploads/${name}`, content, type, metadata);
    expect(await world.prompts()).toEqual([]);
    expect(Object.values(world.errors())).toEqual([
      [expect.stringContaining('prompt: is "#REF!", which is an error value of a spreadsheet;')],
    ]);
  });
});
