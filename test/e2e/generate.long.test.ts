/** `npm run generate` as a user runs it, and the files that it writes. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { mp4DurationSeconds } from '../../functions/core/media/mp4.ts';
import { PNG } from '../support/images.ts';
import { temporaryDir } from '../support/temporary-dir.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dir = temporaryDir();

interface Run {
  readonly code: number;
  readonly output: string;
  readonly files: readonly string[];
}

// The tests must never spend money with an API key from the environment.
const { GEMINI_API_KEY: _, GOOGLE_GEMINI_BASE_URL: __, ...env } = process.env;

let runs = 0;
async function generate(...args: string[]): Promise<Run> {
  const out = path.join(dir, `out-${++runs}`);
  const command = [
    '--import',
    'tsx',
    'infra/cli/generate.ts',
    ...args,
    '--out',
    out,
    '--state',
    path.join(dir, 'state'),
  ];
  const { code, output } = await promisify(execFile)(process.execPath, command, {
    cwd: root,
    timeout: 300_000,
    env,
  }).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    (error: unknown) => failureOf(error),
  );
  return { code, output, files: existsSync(out) ? readdirSync(out).map((file) => path.join(out, file)) : [] };
}

function failureOf(error: unknown): { code: number; output: string } {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'number') throw error;
  return {
    code: error.code,
    output: 'stdout' in error && 'stderr' in error ? `${error.stdout}${error.stderr}` : '',
  };
}

const durationOf = (file: string): Promise<number | undefined> => {
  const bytes = readFileSync(file);
  return mp4DurationSeconds(bytes.length, async (start, end) => bytes.subarray(start, end + 1));
};

describe('npm run generate', () => {
  it('makes a video from a prompt and prints its location, its duration and its price', async () => {
    const { code, output, files } = await generate(
      'Panning wide shot of a calico kitten sleeping in the sunshine',
    );
    expect(output).toMatch(/job\s+job_[a-z2-7]{26}/);
    expect(output).toMatch(/video 0\s+gs:\/\/clapper-local-out\/jobs\/job_\S+\/sample_0\.mp4/);
    expect(output).toMatch(/polls\s+\d+/);
    expect(output).toContain('$0.80');
    expect(output).toContain('simulated');
    expect(code).toBe(0);
    expect(files).toHaveLength(1);
    expect(await durationOf(files[0] ?? '')).toBe(8);
  });

  it('accepts every option: two silent portrait clips of four seconds from an image', async () => {
    const image = path.join(dir, 'first.png');
    writeFileSync(image, PNG);
    const { code, output, files } = await generate(
      ...[
        'A kitten wakes up',
        '--image',
        image,
        '--aspect-ratio',
        '9:16',
        '--duration',
        '4',
        '--samples',
        '2',
      ],
      ...['--seed', '0', '--no-audio', '--model', 'veo-3.1-generate-001', '--negative-prompt', 'dogs'],
    );
    expect(output).toContain('$1.60');
    expect(code).toBe(0);
    expect(files).toHaveLength(2);
    for (const file of files) expect(await durationOf(file)).toBe(4);
  });

  it('prints the errors of a request and exits with 2', async () => {
    const { code, output, files } = await generate('A kitten', '--duration', '9');
    expect(output).toContain('durationSeconds: is 9; allowed: 4, 6, 8.');
    expect([code, files.length]).toEqual([2, 0]);
  });

  it('prints why a job has failed and that nothing was charged, and exits with 1', async () => {
    const { code, output, files } = await generate('A kitten [simulate: safety-filter]', '--duration', '4');
    expect(output).toContain('SAFETY_FILTERED');
    expect(output).toContain('charged: no');
    expect([code, files.length]).toEqual([1, 0]);
  });

  it('prints how to resume when it is interrupted, and resuming makes no other job', async () => {
    const child = spawn(
      process.execPath,
      [
        '--import',
        'tsx',
        'infra/cli/generate.ts',
        'A kitten',
        '--duration',
        '4',
        '--state',
        path.join(dir, 'state'),
      ],
      { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    const exited = once(child, 'exit');
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        const isFirst = !output.includes('Job job_');
        output += text;
        if (isFirst && output.includes('Job job_')) child.kill('SIGINT');
      });
    }
    expect(await exited, output).toEqual([130, null]);
    const [, jobId = ''] = /--job (job_[a-z2-7]{26})/.exec(output) ?? [];
    const again = await generate('--job', jobId);
    expect(again.code, again.output).toBe(0);
    expect(again.files.map((file) => path.basename(file))).toEqual([`${jobId}-0.mp4`]);
  });

  it('prints its usage, and refuses unknown options and invalid values', async () => {
    expect(await generate('--help')).toMatchObject({
      code: 0,
      output: expect.stringContaining('Usage: npm run generate'),
    });
    expect(await generate('A kitten', '--colour', 'red')).toMatchObject({
      code: 2,
      output: expect.stringContaining('--colour'),
    });
    expect(await generate('A kitten', '--seed', 'x')).toMatchObject({
      code: 2,
      output: expect.stringContaining('--seed'),
    });
  });
});
