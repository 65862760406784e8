/** The output of a run, as a table or as JSON. */
import type { Claim } from './bench.ts';
import type { Verdict } from './verdict.ts';

const HEAD = ['bench', 'what', 'measured', 'baseline', 'ratio', 'claim', ''];
/** Columns of numbers are right-aligned. */
const RIGHT_ALIGNED = new Set(['measured', 'ratio', 'claim']);

const rounded = (digits: number): ((value: number) => string) => {
  const { format } = new Intl.NumberFormat('en', { maximumSignificantDigits: digits });
  return format;
};
/** Four digits, so that 1,024 is not rounded. */
const figure = rounded(4);
const share = rounded(3);

export function tableOf(verdicts: readonly Verdict[]): string {
  const rows = [HEAD, ...verdicts.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const rowOf = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return RIGHT_ALIGNED.has(HEAD[column] ?? '') ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return rows.map(rowOf).join('\n');
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
  /** The load average over one minute at the start. */
  readonly load: number;
}

export interface Run {
  readonly machine: Machine;
  readonly verdicts: readonly Verdict[];
  /** The benches that failed, each with its error. */
  readonly broken: Readonly<Record<string, string>>;
}

export const jsonOf = (run: Run): string => JSON.stringify({ ok: isOk(run), ...run }, null, 2);

/** Whether no bench failed and every claim holds. */
export const isOk = ({ verdicts, broken }: Run): boolean =>
  Object.keys(broken).length === 0 && verdicts.every(({ holds }) => holds ?? true);
