/** What `npm run ci` prints at its end. */
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

export interface SkippedTest {
  readonly title: string;
  readonly why: string;
}

export interface TestReport {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly SkippedTest[];
}

export type CheckResult =
  | { readonly name: string; readonly outcome: 'skipped'; readonly why: string; readonly seconds: number }
  | {
      readonly name: string;
      readonly outcome: 'passed' | 'failed';
      readonly seconds: number;
      /** Only where the check ran tests. */
      readonly tests: TestReport | undefined;
    };

/** The parts of vitest's JSON report that are used. */
const reportSchema = z.object({
  testResults: z.array(
    z.object({
      assertionResults: z.array(
        z.object({ ancestorTitles: z.array(z.string()), title: z.string(), status: z.string() }),
      ),
    }),
  ),
});

/** Titles of tests that cannot run everywhere say why: `… (skipped: java is not installed)`. */
const REASON = /\(skipped: (.+)\)/;

/** @returns undefined when the file does not exist: the check ran no tests */
export function readTestReport(file: string): TestReport | undefined {
  if (!existsSync(file)) return undefined;
  return testReport(JSON.parse(readFileSync(file, 'utf8')));
}

export function testReport(json: unknown): TestReport {
  const tests = reportSchema.parse(json).testResults.flatMap(({ assertionResults }) =>
    assertionResults.map(({ ancestorTitles, title, status }) => ({
      status,
      title: [...ancestorTitles, title].join(' > '),
    })),
  );
  return {
    passed: tests.filter(({ status }) => status === 'passed').length,
    failed: tests.filter(({ status }) => status === 'failed').length,
    skipped: tests
      .filter(({ status }) => status !== 'passed' && status !== 'failed')
      .map(({ title }) => ({ title, why: REASON.exec(title)?.[1] ?? title })),
  };
}

const COLUMNS = ['check', 'result', 'seconds', 'passed', 'failed', 'skipped'] as const;

/** A table with a row for each check, then each reason for a skip with the number of tests it concerns. */
export function ciTable(results: readonly CheckResult[]): string {
  const rows = results.map((result) => {
    const tests = 'tests' in result ? result.tests : undefined;
    return [
      result.name,
      result.outcome,
      result.seconds.toFixed(0),
      ...(tests ? [tests.passed, tests.failed, tests.skipped.length].map(String) : ['', '', '']),
    ];
  });
  const table = [[...COLUMNS], ...rows];
  const widths = COLUMNS.map((_, n) => Math.max(...table.map((row) => row[n]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, n) => (n < 2 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, ...skipLines(results), '', totalLine(results)].join('\n');
}

/** The last line, by itself, in the form that test harnesses read: `2418 passed, 0 failed, 12 skipped`. */
function totalLine(results: readonly CheckResult[]): string {
  const reports = results.flatMap((result) => ('tests' in result && result.tests ? [result.tests] : []));
  const sum = (count: (report: TestReport) => number): number =>
    reports.reduce((total, report) => total + count(report), 0);
  return `${sum(({ passed }) => passed)} passed, ${sum(({ failed }) => failed)} failed, ${sum(({ skipped }) => skipped.length)} skipped`;
}

function skipLines(results: readonly CheckResult[]): string[] {
  const lines = results.flatMap((result) => {
    if (result.outcome === 'skipped') return [`  ${result.name}: ${result.why}`];
    const counts = new Map<string, number>();
    for (const { why } of result.tests?.skipped ?? []) counts.set(why, (counts.get(why) ?? 0) + 1);
    return [...counts].map(
      ([why, count]) => `  ${result.name}: ${count} ${count === 1 ? 'test' : 'tests'}: ${why}`,
    );
  });
  return lines.length === 0 ? [] : ['', 'Skipped:', ...lines];
}
