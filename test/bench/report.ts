/** What a run prints: a table to read, or JSON to keep. */
import type { Claim } from './bench.ts';
import type { Verdict } from './verdict.ts';

const HEAD = ['bench', 'what', 'measured', 'baseline', 'ratio', 'claim', ''];
/** Columns of numbers stand to the right. */
const TO_THE_RIGHT = new Set(['measured', 'ratio', 'claim']);

const rounded = (digits: number): ((value: number) => string) => {
  const { format } = new Intl.NumberFormat('en', { maximumSignificantDigits: digits });
  return format;
};
/** Enough for 1,024. */
const figure = rounded(4);
const share = rounded(3);

export function tableOf(verdicts: readonly Verdict[]): string {
  const rows = [HEAD, ...verdicts.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const submitQueueOf = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return TO_THE_RIGHT.has(HEAD[column] ?? '') ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return rows.map(submitQueueOf).join('\n');
}

function cellsOf({ bench, what, unit, measured, baseline, ratio, claim, holds }: Verdict): string[] {
  return [
    bench,
    what,
    `${figure(measured)} ${unit}`,
    baseline ? `${figure(baseline.value)} ${baseline.what}` : '',
    ratio === undefined ? '' : share(ratio),
    claim ? boundOf(claim) : '',
    holds === undefined ? '' : holds ? 'holds' : 'DOES NOT HOLD',
  ];
}

const boundOf = (claim: Claim): string => ('atMost' in claim ? `≤ ${claim.atMost}` : `≥ ${claim.atLeast}`);

export interface Machine {
  readonly node: string;
  readonly cores: number;
  /** Processes that wanted to run when the benches began. */
  readonly load: number;
}

export interface Run {
  readonly machine: Machine;
  readonly verdicts: readonly Verdict[];
  /** Benches that could not measure, and why. */
  readonly broken: Readonly<Record<string, string>>;
}

export const jsonOf = (run: Run): string => JSON.stringify({ ok: isOk(run), ...run }, null, 2);

/** Whether everything was measured and every claim holds. */
export const isOk = ({ verdicts, broken }: Run): boolean =>
  Object.keys(broken).length === 0 && verdicts.every(({ holds }) => holds ?? true);
