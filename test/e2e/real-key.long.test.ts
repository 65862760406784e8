/** `npm run generate` with an API key prints the price before the paid call. A simulated server replaces Google's. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningModels, startModels } from '../../infra/models/server.ts';
import { temporaryDir } from '../support/temporary-dir.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dir = temporaryDir();
let google: RunningModels;

beforeAll(async () => {
  google = await startModels({
    storageUrl: 'http://127.0.0.1:9',
    isAccessToken: () => false,
    isApiKey: (key) => key === 'a-real-key',
    // Fast enough that operations are done at the first poll.
    speedUp: 60,
  });
});
afterAll(() => google.stop());

async function generate(...args: string[]): Promise<string> {
  const command = [
    '--import',
    'tsx',
    'infra/cli/generate.ts',
    ...args,
    '--out',
    path.join(dir, 'out'),
    '--state',
    path.join(dir, 'state'),
  ];
  const env = { ...process.env, GEMINI_API_KEY: 'a-real-key', GOOGLE_GEMINI_BASE_URL: google.url };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, command, {
    cwd: root,
    timeout: 300_000,
    env,
  });
  return stdout + stderr;
}

describe('npm run generate with GEMINI_API_KEY', () => {
  it('prints the price before its only paid call, and lands the video', async () => {
    const output = await generate('A kitten', '--duration', '3');
    const [announced, made] = [output.indexOf('charge about $0.21'), output.indexOf('Job job_')];
    expect(announced, output).toBeGreaterThan(0);
    expect(made).toBeGreaterThan(announced);
    expect(output).toMatch(/file\s+\S+\.mp4 \(\d+ KiB, 3 s\)/);
    expect(google.paidCalls()).toMatchObject([
      { surface: 'omni', model: 'gemini-omni-1.2-flash', prompt: 'A kitten' },
    ]);
  });

  it('fetches the video of an earlier job with --job, without another paid call', async () => {
    const [jobId = ''] = /job_[a-z2-7]{26}/.exec(await generate('A puppy', '--duration', '3')) ?? [];
    const before = google.paidCalls().length;
    const output = await generate('--job', jobId);
    expect(output).toMatch(new RegExp(`file\\s+\\S+${jobId}-0\\.mp4`));
    expect(output).not.toContain('charge about');
    expect(google.paidCalls()).toHaveLength(before);
  });

  it('spends nothing with --simulate', async () => {
    const before = google.paidCalls().length;
    expect(await generate('A kitten', '--duration', '4', '--simulate')).toContain('nothing is paid');
    expect(google.paidCalls()).toHaveLength(before);
  });
});
