import { describe, expect, it } from 'vitest';
import { ciTable, testReport } from '../../infra/cli/ci-report.ts';

const testsOf = (...tests: readonly [title: string, status: string][]) => ({
  testResults: [
    { assertionResults: tests.map(([title, status]) => ({ ancestorTitles: ['the suite'], title, status })) },
  ],
});

describe('the report of a test run', () => {
  it('counts tests by result and reads the reason for a skip from its title', () => {
    const report = testReport(
      testsOf(
        ['a', 'passed'],
        ['b', 'failed'],
        ['c (skipped: java is not installed)', 'skipped'],
        ['d', 'pending'],
      ),
    );
    expect(report).toEqual({
      passed: 1,
      failed: 1,
      skipped: [
        { title: 'the suite > c (skipped: java is not installed)', why: 'java is not installed' },
        { title: 'the suite > d', why: 'the suite > d' },
      ],
    });
  });
});

describe('the table of npm run ci', () => {
  it('has a row for each check, a line for each reason, and the totals alone on the last line', () => {
    const skipped = [
      { title: 'x', why: 'java is not installed' },
      { title: 'y', why: 'java is not installed' },
    ];
    const table = ciTable([
      { name: 'lint', outcome: 'passed', seconds: 3.4, tests: undefined },
      { name: 'test', outcome: 'failed', seconds: 101, tests: { passed: 10, failed: 1, skipped } },
      { name: 'terraform', outcome: 'skipped', seconds: 0, why: 'terraform is not on the PATH' },
    ]);
    expect(table.split('\n')).toEqual([
      'check      result   seconds  passed  failed  skipped',
      'lint       passed         3',
      'test       failed       101      10       1        2',
      'terraform  skipped        0',
      '',
      'Skipped:',
      '  test: 2 tests: java is not installed',
      '  terraform: terraform is not on the PATH',
      '',
      '10 passed, 1 failed, 2 skipped',
    ]);
  });
});
