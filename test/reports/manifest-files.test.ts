/** Manifests as programs and people write them: delimiters, columns without names, titles, encodings. */
import { describe, expect, it } from 'vitest';
import { tryManifest } from '../support/manifest-trials.ts';

describe('PowerShell/PowerShell#7776: the line sep=X names the delimiter', () => {
  it.each<[string, string]>([
    ['sep=;\r\nprompt;durationSeconds\r\nA cat, asleep;8\r\n', 'A cat, asleep'],
    ['\ufeffsep=;\r\nprompt;durationSeconds\r\nA cat, asleep;8\r\n', 'A cat, asleep'],
    ['SEP=|\nprompt|durationSeconds\nA cat; asleep|8\n', 'A cat; asleep'],
    ['"sep=;"\rprompt;durationSeconds\rA cat;8\r', 'A cat'],
    ['sep=,,\nprompt,durationSeconds\nA cat,8\n', 'A cat'],
    ['sep=\t\nprompt\tdurationSeconds\nA cat\t8\n', 'A cat'],
    ['sep=\\t\nprompt\tdurationSeconds\nA cat\t8\n', 'A cat'],
    ['sep=~\n\nprompt~durationSeconds\n~\nA cat~8', 'A cat'],
    ['sep=;\nprompt,with comma;prompt\nx;A cat\n', 'A cat'],
  ])('%j', async (csv, prompt) => {
    const { prompts, faults, error } = await tryManifest(csv);
    expect({ prompts, faults, error }).toEqual({ prompts: [prompt], faults: [], error: undefined });
  });

  it('counts as a line', async () => {
    expect((await tryManifest('sep=;\nprompt;seed\nA cat;x\n')).faults[0]).toMatch(/^1@3: seed: is "x"/);
  });

  it.each([['sep='], ['sep=x'], ['sep=é'], ['sep="']])('%s is refused by name', async (line) => {
    const { error } = await tryManifest(`${line}\nprompt,seed\nA cat,1\n`);
    expect(error).toContain(`names a separator in line 1, "${line}", that is not one of , ; | or a tab.`);
  });
});

describe('votingworks/arlo#525: columns without a name at the end', () => {
  it('are dropped where they are empty, also in rows that leave them out', async () => {
    const csv = 'prompt,durationSeconds,,\r\nA cat,8,,\r\nA dog,4, ,"\t"\r\nA bird,4\r\n';
    const { prompts, faults } = await tryManifest(csv);
    expect({ prompts, faults }).toEqual({ prompts: ['A cat', 'A dog', 'A bird'], faults: [] });
  });

  it('may be in front and between', async () => {
    expect(await tryManifest(',prompt,,durationSeconds\n,A cat,,8\n')).toMatchObject({ prompts: ['A cat'] });
  });

  it('make a row with a value there faulty, and name the column', async () => {
    const { prompts, faults } = await tryManifest('prompt,seed,,\nA cat,1,,see Bob\nA dog,2,,\n');
    expect(prompts).toEqual(['A dog']);
    expect(faults).toEqual([
      '1@2: has "see Bob" in column 4 (D), which has no name in the header; name the column or remove the value.',
    ]);
  });

  it('do not make a row of another length valid', async () => {
    const { prompts, faults } = await tryManifest('prompt,seed,,\nA cat\nA dog,1,,,\nA bird,1,,,x\n');
    expect(prompts).toEqual([]);
    expect(faults).toEqual([
      `1@2: has 1 field, the header has 4; 'seed' is missing. The row is ["A cat"].`,
      '2@3: has 5 fields, the header has 4; remove the empty fields at the end of the row.',
      '3@4: has 5 fields, the header has 4; a value that contains the delimiter must be in quotes. The row is ["A bird","1","","","x"].',
    ]);
  });
});

describe('NBS-LLC/ng-spotify-importer#268: a title above the header', () => {
  it.each<[string, string, string]>([
    [
      'with empty cells',
      'Spring videos,,\nprompt,durationSeconds,note\nA cat,8,\n',
      'Line 2 (prompt, durationSeconds, note)',
    ],
    ['alone', 'Spring videos\n\nprompt;durationSeconds\nA cat;8\n', 'Line 3 (prompt, durationSeconds)'],
    [
      'of two lines',
      'Spring videos,\nfor Bob,\nprompt,durationSeconds\nA cat,8\n',
      'Line 3 (prompt, durationSeconds)',
    ],
    ['in other words', 'Videos,\nPrompt,Duration Seconds\nA cat,8\n', 'Line 2 (Prompt, Duration Seconds)'],
  ])('is named as the likely cause: %s', async (_, csv, header) => {
    const { error, prompts } = await tryManifest(csv);
    expect(prompts).toEqual([]);
    expect(error).toContain(
      `in line 1, where the names of the columns must be. ${header} looks like the header`,
    );
  });

  it('is found by the placeholders of a template', async () => {
    const template = { prompt: 'A {breed} cat, {mood}' };
    const { error } = await tryManifest('Our cats\nbreed,mood\ntabby,calm\n', { template });
    expect(error).toContain('Line 2 (breed, mood) looks like the header');
  });

  it('is not suspected where the first line has names of columns', async () => {
    expect(await tryManifest('prompt,note\nA cat,prompt\n')).toMatchObject({ prompts: ['A cat'] });
  });
});

describe('measured on b5f8afa: a file without a header', () => {
  it('is refused as a whole, with its first line', async () => {
    expect(await tryManifest('A cat,8\nA dog,4\n')).toMatchObject({
      ...{ status: 'failed', prompts: [] },
      error:
        'The manifest has no column that is a field of a request: the columns of line 1 are A cat, 8. ' +
        'The first line must name the columns, such as prompt,durationSeconds.',
    });
  });
});

describe('actualbudget/actual#1769: semicolons, decimal commas and booleans of another language', () => {
  it('are read where they can be, and reported with the value where not', async () => {
    const csv = '\ufeffprompt;durationSeconds;generateAudio\r\n"A cat; asleep";8,0;WAHR\r\nA dog;8;TRUE\r\n';
    const { prompts, rowFaults } = await tryManifest(csv);
    expect(prompts).toEqual(['A dog']);
    expect(rowFaults).toMatchObject([
      {
        ...{ row: 1, line: 2 },
        errors: [
          {
            field: 'durationSeconds',
            detail: 'is "8,0"; it must be a number: write 8, with a point and not a comma.',
          },
          { field: 'generateAudio', detail: 'is "WAHR"; it must be true or false: write true.' },
        ],
      },
    ]);
  });

  it.each<[string, string]>([
    ['prompt\tdurationSeconds\nA cat, asleep; at home\t8\n', 'A cat, asleep; at home'],
    ['prompt|durationSeconds\nA cat, asleep; at home|8\n', 'A cat, asleep; at home'],
  ])('%j is read', async (csv, prompt) => {
    expect(await tryManifest(csv)).toMatchObject({ prompts: [prompt], faults: [] });
  });
});
