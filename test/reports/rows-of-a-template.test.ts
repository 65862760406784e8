/** Rows under a template, and the faults of a row by field. */
import { describe, expect, it } from 'vitest';
import { tryManifest } from '../support/manifest-trials.ts';

const template = { prompt: 'A {breed} cat, {mood=calm}', durationSeconds: 4 };
const lines = (rows: readonly unknown[]): string => rows.map((row) => JSON.stringify(row)).join('\n');

describe('Arize-ai/phoenix#6414: variables that no prompt uses', () => {
  it('are ignored where the row has its own prompt and the template uses them', async () => {
    const rows = [
      { breed: 'tabby' },
      { prompt: 'A dog', breed: 'poodle' },
      { prompt: 'A dog', variables: { breed: 'poodle', mood: 'wild' } },
      { prompt: 'A {breed} dog', breed: 'poodle' },
    ];
    const { prompts, faults } = await tryManifest(lines(rows), { template }, 'rows.jsonl');
    expect({ prompts, faults }).toEqual({
      prompts: ['A tabby cat, calm', 'A dog', 'A dog', 'A poodle dog'],
      faults: [],
    });
  });

  it('are named where nothing uses them', async () => {
    const rows = [
      { breed: 'tabby', colour: 'red' },
      { prompt: 'A dog', variables: { colour: 'red' } },
    ];
    const { prompts, faults } = await tryManifest(lines(rows), { template }, 'rows.jsonl');
    expect(prompts).toEqual([]);
    expect(faults[0]).toContain('1@1: colour: is not a field');
    expect(faults[1]).toContain('2@2: variables.colour: is not used in any prompt');
  });
});

describe('measured on b5f8afa: an empty prompt', () => {
  it.each(['', ' ', '\u00a0', '\u200b'])('%j is called empty', async (prompt) => {
    for (const body of [{}, { template: { prompt: 'A cat' } }]) {
      const { prompts, faults } = await tryManifest(lines([{ prompt }]), body, 'rows.jsonl');
      expect(prompts).toEqual([]);
      expect(faults).toEqual([
        '1@1: prompt: is empty; it is required unless image, firstFrame or video is given.',
      ]);
    }
  });

  it('of a CSV cell sets nothing, so that the template applies', async () => {
    expect(await tryManifest('prompt,seed\n,1\n', { template: { prompt: 'A cat' } })).toMatchObject({
      prompts: ['A cat'],
    });
  });
});

describe('measured on b5f8afa: several faults of one row', () => {
  it('are one fault for each field, all at once', async () => {
    const csv = 'prompt;durationSeconds;generateAudio;Resolution\n#REF!;8,0;WAHR;720p\n';
    const { rowFaults, rows } = await tryManifest(csv);
    expect(rows).toBe(1);
    expect(rowFaults).toHaveLength(1);
    const [fault] = rowFaults;
    expect(fault?.errors?.map(({ field }) => field).sort()).toEqual([
      ...['durationSeconds', 'generateAudio', 'prompt', 'resolution'],
    ]);
    for (const { field, detail } of fault?.errors ?? [])
      expect(fault?.fault).toContain(`${field}: ${detail}`);
  });

  it('are also those that the request has beside the values', async () => {
    const { rowFaults } = await tryManifest('prompt,seed,video.index,video.job\n#REF!,-1,one,job_1\n');
    expect(rowFaults[0]?.errors?.map(({ field }) => field)).toEqual(
      expect.arrayContaining(['prompt', 'video.index']),
    );
    const fields = rowFaults[0]?.errors?.map(({ field }) => field) ?? [];
    expect(new Set(fields).size).toBe(fields.length);
  });
});
