/** Shared by the persistence suites: a state folder per test, and a server process that a test can kill. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Bucket } from './harness.ts';

/** A state folder for the current test, removed when the test ends. */
export function newStateDir(): string {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'models-'));
  onTestFinished(() => rmSync(stateDir, { recursive: true, force: true }));
  return stateDir;
}

export interface Child {
  readonly url: string;
  /** Kills the process with SIGKILL and waits for its exit. */
  readonly kill: () => Promise<void>;
}

export async function startChild(bucket: Bucket, stateDir: string, speedUp: number): Promise<Child> {
  const file = fileURLToPath(new URL('child.ts', import.meta.url));
  const options = JSON.stringify({ storageUrl: bucket.url, stateDir, speedUp });
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', file, options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const firstOutput = child.stdout === null ? Promise.resolve([]) : once(child.stdout, 'data');
  const [line] = await Promise.race([firstOutput, exited.then(() => [])]);
  if (line === undefined) throw new Error('The child process exited before it printed its URL; see stderr.');
  return {
    url: String(line).trim(),
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
