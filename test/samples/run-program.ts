/** Runs one program as its reader would, in an empty folder, and tells what it left there. */
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
  /** Without the lines that libraries and curl always write. */
  readonly stderr: string;
  /** What it wrote, by file name. */
  readonly written: Readonly<Record<string, Buffer>>;
}

/** One that still runs then waits for something that will not come. */
const TIMEOUT_MS = 60_000;

const USUAL_LINES = [
  /^The generate(Videos|Images) method .*is deprecated/,
  /^ *% Total .*% Received/,
  /^ *Dload +Upload/,
  // curl's progress: columns of figures.
  /^[ \d.:kMG-]*$/,
];

export async function runProgram(
  { file, pictures = [] }: Program,
  environment: Readonly<Record<string, string>>,
): Promise<Run> {
  const dir = mkdtempSync(path.join(tmpdir(), 'clapper-sample-'));
  try {
    for (const name of pictures) writeFileSync(path.join(dir, name), PNG);
    const outcome = await run(fileURLToPath(new URL(file, import.meta.url)), dir, environment);
    const written = readdirSync(dir).filter((name) => /\.(mp4|png)$/.test(name) && !pictures.includes(name));
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
): Promise<Omit<Run, 'written'>> {
  return new Promise((resolve, reject) => {
    const child = spawn(file.endsWith('.sh') ? 'bash' : process.execPath, [file], {
      cwd,
      // Nothing else of the surroundings: a key or a project of the tester's own must not come into it.
      env: { PATH: process.env['PATH'] ?? '', METADATA_SERVER_DETECTION: 'none', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
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
      const lines = stderr.split(/[\r\n]+/).filter((line) => !USUAL_LINES.some((usual) => usual.test(line)));
      resolve({ exitCode, stdout, stderr: lines.join('\n') });
    });
  });
}
