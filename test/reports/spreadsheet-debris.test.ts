/** What a spreadsheet leaves instead of a value is a faulty row: error values, formulas, headers of joined files. */
import { describe, expect, it } from 'vitest';
import { debrisOf } from '../../functions/core/request/spreadsheet-debris.ts';
import { apiOf } from '../support/api-client.ts';
import { googleClient, googleWorld, VERTEX } from '../support/google.ts';
import { tryManifest } from '../support/manifest-trials.ts';
import { makeWorld } from '../support/memory.ts';

const ERRORS = [
  ...['#REF!', '#N/A', '#NAME?', '#VALUE!', '#DIV/0!', '#NUM!', '#NULL!', '#SPILL!', 'Loading...', '#CALC!'],
  ...['#ERROR!', 'Err:502', '#ref!', ' #N/A ', 'loading…', '########', '#N/A N/A'],
];

describe('ExcelDataReader/ExcelDataReader#329: formula errors are read as text', () => {
  it.each(ERRORS.map((value) => [value]))('%j as a prompt is a faulty row that names it', async (value) => {
    const { prompts, faults, rowFaults } = await tryManifest(`prompt,durationSeconds\n${value},4\nA cat,4\n`);
    expect(prompts).toEqual(['A cat']);
    expect(rowFaults[0]?.errors?.[0]?.field).toBe('prompt');
    expect(faults[0]).toContain(`prompt: is ${JSON.stringify(value)}, which`);
    expect(faults[0]).toContain('spreadsheet');
  });

  it('is a fault in every text of a request and in every variable, also in JSON lines', async () => {
    const rows = [
      { prompt: 'A cat', negativePrompt: '#N/A' },
      { prompt: 'A cat', labels: { team: '#REF!' } },
      { prompt: 'A {what}', what: '#NAME?' },
      { prompt: 'A {what}', variables: { what: 'Loading...' } },
      { prompt: 'A cat', extensions: [{ prompt: '#VALUE!' }] },
      { firstFrame: { prompt: '#DIV/0!' }, prompt: 'A cat' },
    ];
    const text = rows.map((row) => JSON.stringify(row)).join('\n');
    const { prompts, rowFaults } = await tryManifest(text, {}, 'rows.jsonl');
    expect(prompts).toEqual([]);
    expect(rowFaults.map(({ errors }) => errors?.[0]?.field)).toEqual([
      ...[
        'negativePrompt',
        'labels.team',
        'what',
        'variables.what',
        'extensions.0.prompt',
        'firstFrame.prompt',
      ],
    ]);
  });

  it('is a fault in a numeric field, once', async () => {
    const { rowFaults } = await tryManifest('prompt,durationSeconds,generateAudio\nA cat,#N/A,#REF!\n');
    expect(rowFaults[0]?.errors?.map(({ field, detail }) => [field, detail.split(',')[0]])).toEqual([
      ['durationSeconds', 'is "#N/A"'],
      ['generateAudio', 'is "#REF!"'],
    ]);
  });

  it('is ignored in a column of notes, and in the values of a prompt that the row replaces', async () => {
    const csv = 'breed,prompt,note\n#N/A,A dog,#REF!\ntabby,,\n';
    expect(await tryManifest(csv, { template: { prompt: 'A {breed} cat' } })).toMatchObject({
      ...{ faults: [], prompts: ['A dog', 'A tabby cat'] },
    });
  });
});

describe('tidyverse/readxl#62: spreadsheets translate error values', () => {
  it.each([['#NV'], ['#BEZUG!'], ['#WERT!'], ['#¿NOMBRE?'], ['#VALEUR!'], ['#ССЫЛКА!'], ['Wird geladen...']])(
    '%s is one',
    (value) => {
      expect(debrisOf(value)).toContain('spreadsheet');
    },
  );

  it.each([
    ...[
      ['#wow!'],
      ['#1 fan of cats'],
      ['The error #REF! on a screen'],
      ['Loading a truck...'],
      ['# Scene 1'],
    ],
    ...[
      ['== Scene 1 =='],
      ['= Title'],
      ['=> a cat jumps'],
      ['- a cat'],
      ['+1'],
      ['@home (evening)'],
      ['A = B'],
    ],
  ])('%s is not one', (text) => {
    expect(debrisOf(text)).toBeUndefined();
  });
});

describe('measured on b5f8afa: the text of a formula', () => {
  it.each([
    ...[['=HYPERLINK("http://x","cat")'], ['=A1'], ['=CONCAT(A1;B1)'], ['= SUMME(A1:A3)'], ["='Sheet 2'!A1"]],
    ...[[' =VLOOKUP(A2,B:C,2)'], ['+SUM(A1)'], ['@IMAGE(A1)'], ['=$A$1&" cat"'], ['=ВПР(A1;B:C;2)']],
  ])('%s as a prompt is a faulty row', async (formula) => {
    const cell = `"${formula.replaceAll('"', '""')}"`;
    const { prompts, faults } = await tryManifest(`prompt,durationSeconds\n${cell},4\nA cat,4\n`);
    expect(prompts).toEqual(['A cat']);
    expect(faults[0]).toContain('is the text of a formula; export the values of the sheet');
  });
});

describe('ckan/datapusher#74: joined files repeat the header', () => {
  const head = 'prompt,durationSeconds';
  it.each<[string, string]>([
    [head, 'repeats the header'],
    ['\ufeffprompt,durationSeconds', 'repeats the header'],
    ['"prompt","durationSeconds"', 'repeats the header'],
    [' prompt , durationSeconds ', 'repeats the header'],
    ['Prompt,DurationSeconds', 'repeats the header'],
    ['durationSeconds,prompt,seed', 'is a header'],
    ['prompt,durationSeconds,resolution', 'is a header'],
    ['\ufeff"prompt","durationSeconds"', 'a byte order mark (U+FEFF) is before the quote in field 1'],
    ['\ufeffA dog,4', 'has a byte order mark (U+FEFF) in field 1, "\\ufeffA dog"'],
    ['sep=', 'is the line "sep=" again'],
  ])('%j is a faulty row', async (row, fault) => {
    const { prompts, faults } = await tryManifest(`${head}\nA cat,4\n${row}\nA bird,4\n`);
    expect(prompts).toEqual(['A cat', 'A bird']);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^2@3: /);
    expect(faults[0]).toContain(fault);
  });

  it('of one column too, and of a file without a line end at its end', async () => {
    expect(await tryManifest('prompt\nA cat\nprompt\nA dog\ufeffprompt\n')).toMatchObject({
      prompts: ['A cat'],
      faults: [
        '2@3: repeats the header, as where two files were joined; remove this row.',
        expect.stringContaining('has a byte order mark (U+FEFF) in field 1, "A dog\\ufeffprompt"'),
      ],
    });
  });

  it('does not concern values that are names of fields', async () => {
    const template = { prompt: 'From {from} to {to}' };
    expect(await tryManifest('from,to\nimage,video\n', { template })).toMatchObject({
      prompts: ['From image to video'],
    });
  });
});

describe('plaintextaccounting/hledger#2189: a byte order mark within joined files', () => {
  it('is named in JSON lines', async () => {
    const text = '\ufeff{"prompt":"A cat"}\n\ufeff{"prompt":"A dog"}\n{"prompt":"A bird"}\n';
    const { prompts, faults } = await tryManifest(text, {}, 'rows.jsonl');
    expect(prompts).toEqual(['A cat', 'A bird']);
    expect(faults[0]).toContain('2@2: has a byte order mark (U+FEFF) in "\\ufeff{"prompt');
  });
});

describe('measured on 9fd10aa: the own API takes what a spreadsheet leaves as a prompt', () => {
  const world = makeWorld();
  it.each([
    ['prompt', { prompt: '#REF!' }],
    ['prompt', { prompt: ' #N/A ' }],
    ['prompt', { prompt: '=HYPERLINK("http://x","cat")' }],
    ['prompt', { prompt: 'nan' }],
    ['negativePrompt', { prompt: 'A cat', negativePrompt: '#VALUE!' }],
    ['variables.what', { prompt: 'A {what}', variables: { what: '#NAME?' } }],
    ['firstFrame.prompt', { firstFrame: { prompt: '#DIV/0!' }, prompt: 'A cat' }],
    ['extensions.0.prompt', { prompt: 'A cat', extensions: [{ prompt: 'Loading...' }] }],
  ])('%s of %j is refused, by POST /v1/jobs and by an estimate', async (field, body) => {
    for (const path of ['/v1/jobs', '/v1/estimates']) {
      const answer = await apiOf(world).post(path, body);
      expect([answer.status, answer.body['errors']]).toEqual([400, [expect.objectContaining({ field })]]);
      expect(String(answer.body['detail'])).toMatch(/spreadsheet|formula|not a prompt/);
    }
    expect(await world.jobs.all()).toEqual([]);
  });

  it('a label or a variable that is named prompt may say none', async () => {
    const body = { prompt: 'A {prompt}', variables: { prompt: 'none' }, labels: { prompt: 'none' } };
    expect((await apiOf(makeWorld()).post('/v1/jobs', body)).status).toBe(201);
  });

  it('Google’s surfaces take any prompt, as Google does', async () => {
    const body = { instances: [{ prompt: '#REF!' }] };
    const answer = await googleClient(googleWorld()).post(
      `${VERTEX}/veo-3.1-generate-001:predictLongRunning`,
      body,
    );
    expect(answer.status).toBe(200);
  });

  it('a template or the defaults of a batch are refused too', async () => {
    const { prompts, faults } = await tryManifest('animal\ncat\n', {
      template: { prompt: 'A {animal}', negativePrompt: '#N/A' },
    });
    expect([prompts, faults]).toEqual([[], [expect.stringContaining('negativePrompt: is "#N/A"')]]);
  });

  it('a variable that a column fills has one fault, under the name of the column', async () => {
    const { rowFaults } = await tryManifest('breed\n#REF!\n', { template: { prompt: 'A {breed} cat' } });
    expect(rowFaults[0]?.errors?.map(({ field }) => field)).toEqual(['breed']);
  });
});
