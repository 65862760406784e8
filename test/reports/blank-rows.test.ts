/** Rows of a spreadsheet that are empty: no row, no fault and no job, whatever the template fills in. */
import { describe, expect, it } from 'vitest';
import { createRecordReader } from '../../functions/core/manifest/record-reader.ts';
import { apiOf } from '../support/api-client.ts';
import { reportOf } from '../support/batches.ts';
import { tryManifest } from '../support/manifest-trials.ts';
import { runFor } from '../support/run.ts';

/** A template that needs no cell, so that a blank row would be a whole request. */
const template = { prompt: 'A {mood=calm} cat', durationSeconds: 4 };
const BLANKS = [
  ...['', ' ', '\t', ',', ' , ', '"",""', '" ","\t"', ',,,,', '"\n",', '\u00a0,\u00a0', '\u3000,\u2003'],
  ...['\u200b,', '\ufeff,', '\u0085,\u2800'],
];

describe('microsoft/AzureStorageExplorer#3136: deleted rows of a spreadsheet are exported as rows of commas', () => {
  const csv = 'mood,durationSeconds\r\nhappy,4\r\n,\r\n,\r\n,\r\n';

  it('are no rows, faults or jobs', async () => {
    const { status, rows, faults, prompts } = await tryManifest(csv, { template });
    expect({ status, rows, faults, prompts }).toEqual({
      ...{ status: 'done', rows: 1, faults: [] },
      prompts: ['A happy cat'],
    });
  });

  it('are not counted or priced by a dry run', async () => {
    const whole = await tryManifest(csv, { template, dryRun: true });
    const single = await tryManifest('mood,durationSeconds\nhappy,4\n', { template, dryRun: true });
    const estimateOf = async ({ world, batchId }: typeof whole) =>
      (await world.batches.get(batchId))?.totals.priceUsd;
    expect(whole.rows).toBe(1);
    expect(await estimateOf(whole)).toBe(await estimateOf(single));
  });

  it('are not faults of a strict batch', async () => {
    expect(await tryManifest(csv, { template, strict: true })).toMatchObject({ status: 'done', rows: 1 });
  });

  it('are not in the report, and a retry makes none of them', async () => {
    const { world, batchId, prompts } = await tryManifest(`${csv}sad,4\n`, { template });
    expect(prompts).toEqual(['A happy cat', 'A sad cat']);
    expect((await reportOf(world, { batchId })).map(({ row }) => row)).toEqual([1, 2]);
    await apiOf(world).post(`/v1/batches/${batchId}/retry`, {});
    await runFor(world, 3_600_000);
    expect(world.vertex.calls).toHaveLength(2);
  });
});

describe('OpenDataServices/flatten-tool#186: a space in a forgotten cell', () => {
  it.each(BLANKS.map((blank) => [blank]))('is no row: %j', async (blank) => {
    const csv = `mood,durationSeconds\n${blank}\nhappy,4\n${blank}\nsad,8\n${blank}`;
    const { rows, faults, prompts } = await tryManifest(csv, { template });
    expect({ rows, faults, prompts }).toEqual({ rows: 2, faults: [], prompts: ['A happy cat', 'A sad cat'] });
  });

  it.each([[''], [' '], ['\t'], ['\u00a0'], ['\u200b'], ['\u3000 \u0085']])(
    'is no row of JSON lines: %j',
    async (blank) => {
      const text = `${blank}\n{"mood":"happy"}\n${blank}\n{"mood":"sad"}\n${blank}`;
      const { rows, faults, prompts } = await tryManifest(text, { template }, 'rows.jsonl');
      expect({ rows, faults, prompts }).toEqual({
        rows: 2,
        faults: [],
        prompts: ['A happy cat', 'A sad cat'],
      });
    },
  );
});

describe('jakob/Postico#550: blank records between the rows', () => {
  it('leave the numbers of lines right, and may be above the header', async () => {
    const { faults, rows } = await tryManifest(',,\n\nprompt,seed\n,\nA cat,x\n,\n\nA dog,y\n');
    expect(rows).toBe(2);
    expect(faults.map((fault) => fault.split(':')[0])).toEqual(['1@5', '2@8']);
  });

  it('are skipped wherever a chunk of the manifest ends', () => {
    const bytes = Buffer.from('a,b\r\n,\r\n"",\u00a0\r\nc,d\r\n , ');
    const start = { byte: 0, row: 0, line: 0, isSkipping: false };
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = createRecordReader({ format: 'csv', delimiter: ',' }, start);
      const records = [
        ...reader.push(bytes.subarray(0, cut)),
        ...reader.push(bytes.subarray(cut)),
        ...reader.end(),
      ];
      expect(records.map(({ row, line }) => [row, line])).toEqual([
        [1, 1],
        [2, 4],
      ]);
      expect(reader.cursor()).toMatchObject({ byte: bytes.length, row: 2 });
    }
  });

  it('are an empty manifest if nothing else follows the header', async () => {
    expect(await tryManifest(`mood,durationSeconds\n${',\n'.repeat(50)}`, { template })).toMatchObject({
      ...{ status: 'failed', error: 'The manifest has no rows.', prompts: [] },
    });
    for (const blank of [',,\n , \n', ';;\n', ',;\n|\n\t\n', '"",""'])
      expect((await tryManifest(blank, { template })).error).toBe(
        'The manifest has no header: it has only blank lines.',
      );
  });
});
