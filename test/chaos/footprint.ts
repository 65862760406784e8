/** The memory and disk use of a stack, to see what grows with the length of a run. */
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Stack } from '../../infra/stack/stack.ts';

const MB = 1024 * 1024;

export interface Footprint {
  /** Since the start of the run. */
  readonly atSeconds: number;
  /** Resident memory. 0 while the process is down. */
  readonly cloudMb: number;
  readonly functionsMb: number;
  /** Resident memory of this process. */
  readonly chaosMb: number;
  readonly journalsMb: number;
  readonly stateMb: number;
}

export async function footprintOf({ processes, stateDir }: Stack): Promise<Omit<Footprint, 'atSeconds'>> {
  const [cloudMb, functionsMb, files] = await Promise.all([
    residentMb(processes.cloud.pid),
    residentMb(processes.functions.pid),
    readdir(stateDir, { recursive: true }),
  ]);
  let journals = 0;
  let all = 0;
  for (const file of files) {
    // A file may have been deleted since the listing.
    const found = await stat(path.join(stateDir, file)).catch(() => undefined);
    if (!found?.isFile()) continue;
    all += found.size;
    if (/\.(journal|jsonl)$/.test(file)) journals += found.size;
  }
  return {
    ...{ cloudMb, functionsMb, chaosMb: Math.round(process.memoryUsage.rss() / MB) },
    ...{ journalsMb: Math.round(journals / MB), stateMb: Math.round(all / MB) },
  };
}

/** Every system that has SIGKILL has `ps` too. @returns MB; 0 without a process */
async function residentMb(pid: number | undefined): Promise<number> {
  if (pid === undefined) return 0;
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return Math.round(Number(stdout.trim()) / 1024);
}
