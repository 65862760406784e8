/** Measured on 9fd10aa: `npm run simulate -- --help` printed a stack trace. Every program, as a process. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = path.join(import.meta.dirname, '../..');

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const run = (script: string, ...args: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const command = ['--import', 'tsx', path.join(ROOT, script), ...args];
    const child = execFile(process.execPath, command, { cwd: ROOT }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });

/** The programs of package.json that this repository has, with the command that starts each. */
const PROGRAMS = Object.entries<string>(
  JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).scripts,
).flatMap(([name, command]) => {
  const script = /(?:tsx|--import tsx) (\S+\.ts)$/.exec(command)?.[1];
  return script === undefined ? [] : [[name === 'start' ? 'npm start' : `npm run ${name}`, script] as const];
});

describe.each(PROGRAMS)('%s', (command, script) => {
  it('prints its usage with --help, and does nothing else', async () => {
    const { code, stdout, stderr } = await run(script, '--help');
    expect([code, stdout, stderr]).toEqual([0, expect.stringContaining(command), '']);
  });

  it('refuses an unknown option by its name, says how to see the others, and does nothing else', async () => {
    const dist = path.join(ROOT, 'dist');
    const before = existsSync(dist) ? readdirSync(dist) : [];
    const { code, stdout, stderr } = await run(script, '--bogus=1');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('--bogus is not an option');
    expect(stderr).toContain(`For the options: ${command} -- --help`);
    expect(stderr).not.toMatch(/\n {4}at |Error:/);
    expect(existsSync(dist) ? readdirSync(dist) : []).toEqual(before);
  });
});

it('every file of infra/cli that a script starts is among them', () => {
  expect(PROGRAMS.map(([command]) => command)).toEqual(
    expect.arrayContaining([
      'npm start',
      'npm run generate',
      'npm run upload',
      'npm run build',
      'npm run simulate',
      'npm run ci',
      'npm run chaos',
      'npm run bench',
      'npm run terraform:readme',
    ]),
  );
});

it('a wrong value of an option of the simulation is refused', async () => {
  for (const [args, words] of [
    [['--runs', 'abc'], '--runs is "abc"; it must be a number.'],
    [['--without', 'crash,stroe'], 'did you mean store.'],
    [['--world', 'job'], '--world is "job"; it must be one of jobs, batches'],
  ] as const) {
    const { code, stderr } = await run('test/simulation/main.ts', ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
  }
});
