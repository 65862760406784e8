import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';

/** A folder of this test file's own, removed after its last test. */
export function temporaryDir(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'clapper-test-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
