import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockState } from '../../infra/stack/state-lock.ts';
import { temporaryDir } from '../support/temporary-dir.ts';

const dir = temporaryDir();
const file = path.join(dir, 'lock');

describe('the lock of a state folder', () => {
  it('is refused while another process holds it, with the id of that process', async () => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(other, 'spawn');
    writeFileSync(file, String(other.pid));
    expect(() => lockState(dir)).toThrow(`in use by process ${other.pid}`);
    other.kill('SIGKILL');
    await once(other, 'exit');
    // The lock of a killed process is replaced.
    lockState(dir)();
  });

  it('is released, and an unreadable lock is replaced', () => {
    writeFileSync(file, 'not a number');
    const release = lockState(dir);
    expect(existsSync(file)).toBe(true);
    release();
    expect(existsSync(file)).toBe(false);
  });
});
