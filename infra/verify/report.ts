/** The report of a verification: a table for a terminal, and the same as JSON. */
import { builtInPriceUsd } from './prices.ts';
import type { Spending } from './spending.ts';
import { type Step, VERDICTS } from './step.ts';
import type { Result } from './verify.ts';

const usd = (amount: number | undefined): string => (amount === undefined ? '' : `$${amount.toFixed(4)}`);

function tableOf(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

export function reportText(results: readonly Result[], spending: Spending): string {
  const rows = results.map(({ step, verdict, priceUsd, detail }) => [step, verdict, usd(priceUsd), detail]);
  const counts = VERDICTS.map((verdict) => [
    verdict,
    results.filter((result) => result.verdict === verdict).length,
  ])
    .filter(([, count]) => count !== 0)
    .map(([verdict, count]) => `${count} ${verdict}`);
  return [
    ...tableOf([['step', 'verdict', 'price', 'found'], ...rows]),
    '',
    `${counts.join(', ')}. At most ${usd(spending.totalUsd)} was spent, by the catalogue; the limit was $${spending.limitUsd.toFixed(2)}.`,
    'docs/unverified.md says what each step is about, what to do when it differs, and what remains to check by hand.',
  ].join('\n');
}

export const reportJson = (project: string, results: readonly Result[], spending: Spending): string =>
  JSON.stringify(
    { project, limitUsd: spending.limitUsd, spentAtMostUsd: spending.totalUsd, results },
    null,
    2,
  );

/** The steps and their prices, with the total after each paid step. */
export function planText(steps: readonly Step[], nowMs: number): string {
  let totalUsd = 0;
  const rows = steps.map((step) => {
    const priceUsd = step.paid && builtInPriceUsd(step.paid, nowMs);
    totalUsd += priceUsd ?? 0;
    return [step.id, usd(priceUsd), priceUsd === undefined ? '' : usd(totalUsd), step.title];
  });
  return [
    ...tableOf([['step', 'price', 'in all', 'verifies that'], ...rows]),
    '',
    `All paid steps cost ${usd(totalUsd)} by the catalogue. Nothing was called.`,
  ].join('\n');
}
