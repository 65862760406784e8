/** `docs/unverified.md` and the steps of `npm run verify` agree. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseVerifyOptions, USAGE } from '../../infra/verify/options.ts';
import { builtInPriceUsd } from '../../infra/verify/prices.ts';
import { STEPS } from '../../infra/verify/steps.ts';
import { START } from './rig.ts';

const page = readFileSync(new URL('../../docs/unverified.md', import.meta.url), 'utf8');
const COLUMNS = ['not known', 'command', 'it should show', 'if it differs', 'verify'];

/** Cells of a Markdown table's line; `\|` stays in its cell. */
const cellsOf = (line: string): string[] =>
  line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());

const lines = page.split('\n').filter((line) => line.startsWith('|'));
const heads = lines.filter((_, n) => lines[n + 1]?.startsWith('|---'));
const rows = lines.filter((line) => !line.startsWith('|---') && !heads.includes(line)).map(cellsOf);
const stepsOf = (cell: string): string[] => [...cell.matchAll(/`([\w-]+)`/g)].map(([, id = '']) => id);

describe('docs/unverified.md', () => {
  it('has the five columns in every table', () => {
    expect(heads.length).toBeGreaterThan(0);
    for (const head of heads) expect(cellsOf(head)).toEqual(COLUMNS);
  });

  it('has a command, a result and a remedy in every row, and says whether the script does it', () => {
    for (const row of rows) {
      expect(row).toHaveLength(COLUMNS.length);
      expect(row.filter((cell) => cell === '')).toEqual([]);
      const last = row.at(-1) ?? '';
      if (last !== 'by hand')
        expect(stepsOf(last).length, `the last column of '${row[0]}'`).toBeGreaterThan(0);
    }
  });

  it('has a row for every step, and no step that the script lacks', () => {
    const named = rows.flatMap((row) => stepsOf(row.at(-1) ?? ''));
    expect(named.toSorted()).toEqual(STEPS.map(({ id }) => id).toSorted());
  });

  it('names the price of every paid step, to the cent', () => {
    for (const step of STEPS)
      if (step.paid) {
        const row = rows.find((each) => stepsOf(each.at(-1) ?? '').includes(step.id)) ?? [];
        const [, ...amounts] = (row[1] ?? '').split('$').map((text) => Number.parseFloat(text));
        const price = builtInPriceUsd(step.paid, START);
        expect(
          amounts.some((amount) => Math.abs(amount - price) <= 0.005),
          `${step.id}: $${price}`,
        ).toBe(true);
      }
  });
});

describe('the steps', () => {
  it('have ids of their own, and look only at paid steps before them', () => {
    const ids = STEPS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [n, step] of STEPS.entries())
      if (!step.paid && step.after !== undefined)
        expect(STEPS.slice(0, n).filter(({ id, paid }) => paid && id === step.after)).toHaveLength(1);
  });
});

describe('the command line', () => {
  it('pays nothing unless --yes-spend is given', () => {
    expect(parseVerifyOptions(['--project', 'p'])).toMatchObject({ limitUsd: 0 });
    expect(parseVerifyOptions(['--project', 'p', '--yes-spend', '1.5'])).toMatchObject({ limitUsd: 1.5 });
  });

  it.each([
    [['--yes-spend', '1'], '--project is missing'],
    [['--project', 'p', '--yes-spend=-1'], "not '-1'"],
    [['--project', 'p', '--yes-spend', 'much'], "not 'much'"],
    [['--project', 'p', '--yes-spend', 'Infinity'], "not 'Infinity'"],
    [['--project', 'p', '--yes-spent', '1'], 'did you mean --yes-spend?'],
    [['--project', 'p', '--only', 'nothing'], "no step 'nothing'"],
    [['--project', 'p', '--api', 'example'], "not 'example'"],
  ])('refuses %j', (args, message) => {
    expect(() => parseVerifyOptions(args)).toThrow(message);
  });

  it('adds the paid step whose video a step needs', () => {
    const options = parseVerifyOptions(['--project', 'p', '--only', 'signed-link,queues']);
    expect(options === 'help' ? [] : options.steps.map(({ id }) => id)).toEqual([
      'queues',
      'first-video',
      'signed-link',
    ]);
  });

  it('has every option in its usage', () => {
    for (const option of [
      'project',
      'yes-spend',
      'dry-run',
      'only',
      'json',
      'region',
      'name',
      'api',
      'google',
    ])
      expect(USAGE).toContain(`--${option}`);
  });
});
