/**
 * `npm run ci`: every check, one after the other, and then a table of what ran, how long it took, and what was skipped
 * and why. `--long` adds what takes minutes. A check that fails does not stop the others: one run shows all that is wrong.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CHECKS, type Check } from './ci-checks.ts';
import { type CheckResult, ciTable, readTestReport } from './ci-report.ts';
import { optionsOrExit, readArguments } from './command-line.ts';

const USAGE = `npm run ci [-- options]

  --long         also the long tests, the tests on Node 24, npm run generate and Terraform
  --only NAMES   these checks only, separated by commas
  --skip NAMES   all but these
  --list         print the checks and stop`;

const root = fileURLToPath(new URL('../..', import.meta.url));

function readOptions(
  args: readonly string[],
): 'help' | { readonly isList: boolean; readonly checks: readonly Check[] } {
  const { values } = readArguments('npm run ci', {
    args,
    options: {
      help: { type: 'boolean' },
      long: { type: 'boolean' },
      list: { type: 'boolean' },
      only: { type: 'string' },
      skip: { type: 'string' },
    },
  });
  if (values.help) return 'help';
  const only = namesOf(values.only);
  const skip = namesOf(values.skip);
  const checks = CHECKS.filter(({ name, isLong }) =>
    only ? only.includes(name) : !skip?.includes(name) && (!isLong || values.long === true),
  );
  return { isList: values.list === true, checks };
}

function namesOf(list: string | undefined): readonly string[] | undefined {
  const names = list?.split(',').map((name) => name.trim());
  const unknown = names?.find((name) => CHECKS.every((check) => check.name !== name));
  if (unknown !== undefined)
    throw new Error(
      `'${unknown}' is not a check; the checks are ${CHECKS.map(({ name }) => name).join(', ')}.`,
    );
  return names;
}

async function run(check: Check, reportDir: string): Promise<CheckResult> {
  const why = check.whyNot?.(process.env);
  if (why !== undefined) return { name: check.name, outcome: 'skipped', why, seconds: 0 };
  console.log(`\n== ${check.name}: ${check.command}`);
  const reportFile = path.join(reportDir, `${check.name}.json`);
  const startedAt = performance.now();
  // No state of this run's own is passed on: a real key would make `generate` spend money.
  const { GEMINI_API_KEY: _, ...env } = process.env;
  const child = spawn(check.command, {
    cwd: root,
    shell: true,
    stdio: 'inherit',
    env: { ...env, NO_COLOR: '1', CLAPPER_TEST_REPORT: reportFile },
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  return {
    name: check.name,
    outcome: code === 0 ? 'passed' : 'failed',
    seconds: (performance.now() - startedAt) / 1000,
    tests: readTestReport(reportFile),
  };
}

async function main(): Promise<number> {
  const options = optionsOrExit(readOptions, USAGE);
  if (typeof options === 'number') return options;
  if (options.isList) {
    for (const { name, command, isLong } of options.checks)
      console.log(`${name.padEnd(14)}${isLong ? 'long  ' : '      '}${command}`);
    return 0;
  }
  const reportDir = mkdtempSync(path.join(tmpdir(), 'clapper-ci-'));
  const results: CheckResult[] = [];
  try {
    for (const check of options.checks) results.push(await run(check, reportDir));
  } finally {
    rmSync(reportDir, { recursive: true, force: true });
  }
  console.log(`\n${ciTable(results)}`);
  return results.some(({ outcome }) => outcome === 'failed') ? 1 : 0;
}

process.exitCode = await main();
