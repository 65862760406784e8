/** The programs of `examples/`, each run as its reader would run it, all against one local stack. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseMp4 } from '../../infra/mp4/mp4-parser.ts';
import { runProgram } from '../samples/run-program.ts';
import { startTestStack, type TestStack } from '../support/local-stack.ts';

interface Example {
  /** Below `examples/`, and the heading of its section in the README there. */
  readonly name: string;
  /** The videos that it writes, with their seconds. */
  readonly videos: Readonly<Record<string, number>>;
  readonly paidCalls: number;
}

const EXAMPLES: readonly Example[] = [
  { name: 'curl.sh', videos: { 'kitten.mp4': 4 }, paidCalls: 1 },
  { name: 'google-sdk.mjs', videos: { 'kitten.mp4': 4 }, paidCalls: 1 },
  { name: 'upload.mjs', videos: {}, paidCalls: 1 },
  { name: 'signed-upload.sh', videos: { 'sunset.mp4': 4 }, paidCalls: 1 },
  { name: 'batch.mjs', videos: {}, paidCalls: 3 },
  { name: 'schedule/run.mjs', videos: {}, paidCalls: 2 },
];
/** The schedule fires once a minute of the real clock. */
const TIMEOUT_MS = 180_000;

const fileOf = (name: string): string => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
const readme = readFileSync(fileOf('README.md'), 'utf8');

let stack: TestStack;
beforeAll(async () => {
  const schedulesFile = fileOf('schedule/schedules.json');
  stack = await startTestStack({ speedUp: 100, submitPerSecond: 50, schedulesFile });
});
afterAll(() => stack.dispose());

const run = (name: string) =>
  runProgram(
    { file: `../../examples/${name}` },
    {
      CLAPPER_URL: stack.endpoints.api,
      STORAGE_EMULATOR_HOST: stack.endpoints.storage,
      POLL_INTERVAL_MS: '250',
    },
    TIMEOUT_MS,
  );

/** What the README says that it prints; `…` stands for what differs from run to run. */
function promisedOutput(name: string): RegExp {
  const section = readme.split(/^(?=## )/m).find((part) => part.startsWith(`## ${name}\n`)) ?? '';
  const [, text] = /^```text\n([\s\S]*?)^```$/m.exec(section) ?? [];
  if (text === undefined) throw new Error(`examples/README.md has no output of ${name}`);
  const literal = text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll('…', '\\S+')}$`);
}

describe.concurrent('the examples', () => {
  it.for(EXAMPLES)(
    '$name prints what its README says, and leaves its videos',
    { timeout: TIMEOUT_MS },
    async ({ name, videos }) => {
      const { exitCode, stdout, stderr, written } = await run(name);
      expect({ exitCode, stderr }, stdout).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout).toMatch(promisedOutput(name));
      const seconds = Object.entries(written).map(([file, bytes]) => [file, parseMp4(bytes).durationSeconds]);
      expect(Object.fromEntries(seconds)).toEqual(videos);
    },
  );
});

it('each call of the examples is paid for once, and a second run of curl.sh returns the same job', async () => {
  const expected = EXAMPLES.reduce((sum, { paidCalls }) => sum + paidCalls, 0);
  expect(await stack.paidCalls()).toHaveLength(expected);
  expect((await run('curl.sh')).stdout).toMatch(promisedOutput('curl.sh'));
  expect(await stack.paidCalls()).toHaveLength(expected);
}, 60_000);

it('every program of the folder is run here and listed in the README', () => {
  const programs = readdirSync(fileOf('.'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.(?:sh|mjs)$/.test(file),
  );
  expect(programs.sort()).toEqual(EXAMPLES.map(({ name }) => name).sort());
  for (const name of programs) expect(readme).toContain(`](${name})`);
});
