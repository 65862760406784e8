/**
 * floci-io/floci-gcp#14 and googleapis/storage-testbench#362: gcloud and gsutil upload to a server that is not Google's.
 * The commands of README.md are run as they stand there, against a running stack.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { PNG } from '../support/images.ts';
import { startTestStack, type TestStack } from '../support/local-stack.ts';
import { temporaryDir } from '../support/temporary-dir.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const hasGcloud = spawnSync('gcloud', ['--version']).status === 0;

const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
const block = /```sh\n(STORAGE=.*?)```/s.exec(readme)?.[1] ?? '';
const [setup = '', ...commands] = block.split('\n\n').map((command) => command.trim());
/** The object of each tool's command. */
const NAMES = { 'npm run': 'cat.png', curl: 'curl.png', node: 'node.png', gcloud: 'gcloud.png' } as const;
type Tool = keyof typeof NAMES;
const TOOLS: readonly Tool[] = ['npm run', 'curl', 'node', ...(hasGcloud ? (['gcloud'] as const) : [])];
const commandOf = (tool: Tool): string =>
  commands.find((command) =>
    tool === 'npm run' ? command.startsWith(tool) : command.includes(`/${NAMES[tool]}`),
  ) ?? '';

let stack: TestStack;
let folder: string;

beforeAll(async () => {
  folder = temporaryDir();
  const stateDir = path.join(folder, '.clapper');
  mkdirSync(stateDir);
  stack = await startTestStack({ stateDir });
  // A folder in which the commands find what they find in the repository.
  for (const name of ['node_modules', 'infra', 'functions', 'tsconfig.json'])
    symlinkSync(path.join(ROOT, name), path.join(folder, name));
  copyFileSync(path.join(ROOT, 'package.json'), path.join(folder, 'package.json'));
  writeFileSync(path.join(folder, 'cat.png'), PNG);
});
afterAll(() => stack.dispose());

const jobsSchema = z.object({
  jobs: z.array(
    z.object({
      request: z.looseObject({ prompt: z.string().optional(), image: z.looseObject({ copyOf: z.string() }) }),
    }),
  ),
});

async function promptsOf(name: string): Promise<(string | undefined)[]> {
  const response = await fetch(`${stack.endpoints.api}/v1/jobs?pageSize=50`);
  const { jobs } = jobsSchema.parse(await response.json());
  return jobs
    .filter(({ request }) => request.image.copyOf.includes(`/uploads/${name}#`))
    .map(({ request }) => request.prompt);
}

const run = (command: string): string =>
  execFileSync('bash', ['-ec', command], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, CLOUDSDK_CONFIG: path.join(folder, 'gcloud'), CLOUDSDK_CORE_DISABLE_PROMPTS: '1' },
  });

describe('the four commands of README.md', () => {
  it.each(TOOLS)('%s makes a job with the prompt', async (tool) => {
    const command = commandOf(tool);
    expect(command).not.toBe('');
    run(`${setup}\n${command}`);
    await expect.poll(() => promptsOf(NAMES[tool])).toEqual(['it purrs']);
  });

  it.runIf(hasGcloud)('gcloud uploads the bytes of the file, also larger ones, and reads them back', () => {
    const at =
      'CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE=$STORAGE/ CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true gcloud storage';
    for (const [name, bytes] of [
      ['ends-with-cr', Buffer.from('\n--\r\n\r')],
      ['large', Buffer.alloc(12 * 1024 * 1024, '\r\n--===')],
    ] as const) {
      writeFileSync(path.join(folder, name), bytes);
      run(`${setup}\n${at} cp ${name} gs://clapper-local-in/elsewhere/${name}`);
      run(`${setup}\n${at} cp gs://clapper-local-in/elsewhere/${name} back-${name}`);
      expect(readFileSync(path.join(folder, `back-${name}`)).equals(bytes)).toBe(true);
    }
  });

  it('npm run upload says what is missing', () => {
    const fails = (args: string): string =>
      spawnSync('bash', ['-c', `npm run -s upload -- ${args} 2>&1`], { cwd: folder, encoding: 'utf8' })
        .stdout;
    expect(fails('')).toContain('No file is given');
    expect(fails('dog.png')).toContain('dog.png does not exist');
    expect(fails('cat.png --state nowhere')).toContain('No stack is running');
  });
});
