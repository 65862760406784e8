/** Runs one program in an empty folder, and returns its output and the files that it wrote. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { PNG } from '../support/images.ts';
import type { Program } from './programs.ts';

export interface Run {
  readonly exitCode: number | null;
  readonly stdout: string;
  /** Without the lines that libraries and curl always print. */
  readonly stderr: string;
  /** The files that it wrote, by name. */
  readonly written: Readonly<Record<string, Buffer>>;
}

/** A program that runs longer than this waits for an event that never happens. */
const TIMEOUT_MS = 60_000;

const EXPECTED_STDERR = [
  /^The generate(Videos|Images) method .*is deprecated/,
  /^ *% Total .*% Received/,
  /^ *Dload +Upload/,
  // The progress lines of curl: columns of numbers.
  /^[ \d.:kMG-]*$/,
];

export async function runProgram(
  { file, inputImages = [] }: Program,
  environment: Readonly<Record<string, string>>,
  timeoutMs = TIMEOUT_MS,
): Promise<Run> {
  const dir = mkdtempSync(path.join(tmpdir(), 'clapper-sample-'));
  try {
    for (const name of inputImages) writeFileSync(path.join(dir, name), PNG);
    const outcome = await run(fileURLToPath(new URL(file, import.meta.url)), dir, environment, timeoutMs);
    const written = readdirSync(dir).filter(
      (name) => /\.(mp4|png)$/.test(name) && !inputImages.includes(name),
    );
    const contents = written.map((name) => [name, readFileSync(path.join(dir, name))] as const);
    return { ...outcome, written: Object.fromEntries(contents) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function run(
  file: string,
  cwd: string,
  environment: Readonly<Record<string, string>>,
  timeout: number,
): Promise<Omit<Run, 'written'>> {
  return new Promise((resolve, reject) => {
    const child = spawn(file.endsWith('.sh') ? 'bash' : process.execPath, [file], {
      cwd,
      // No other variables: a key or a project of the developer must not reach the program.
      env: { PATH: process.env['PATH'] ?? '', METADATA_SERVER_DETECTION: 'none', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (exitCode) => {
      const lines = stderr
        .split(/[\r\n]+/)
        .filter((line) => !EXPECTED_STDERR.some((pattern) => pattern.test(line)));
      resolve({ exitCode, stdout, stderr: lines.join('\n') });
    });
  });
}
