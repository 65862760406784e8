import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';

/** Creates a folder for this test file and removes it after the last test. */
export function temporaryDir(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'clapper-test-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
