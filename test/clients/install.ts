/** Installs the client libraries of this folder, which `npm ci` of the project does not: they are 400 MB. */
import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const DIR = fileURLToPath(new URL('.', import.meta.url));
/** Under `node_modules`, so that removing the folder removes it too. */
const INSTALLED = new URL('node_modules/.installed-lock.json', import.meta.url);

const read = (file: URL): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
};

/** Returns at once if the versions in the lock file are already installed. */
export async function installClients(): Promise<void> {
  const lock = new URL('package-lock.json', import.meta.url);
  if (read(INSTALLED) === read(lock)) return;
  // No scripts: the clients need none.
  await promisify(execFile)('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: DIR });
  copyFileSync(lock, INSTALLED);
}
