/**
 * `npm run build`: writes the deployment as one reproducible zip (the same sources give the same bytes).
 *
 * The zip holds the compiled functions, their own package.json and the part of the lock file that they need. Google's
 * buildpack installs from these with `npm ci`. They must not contain the project's scripts (the buildpack would run
 * `build`) or its development tools.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Zippable, zipSync } from 'fflate';
import { endAtAnyOption } from './command-line.ts';
import { deployedLock, deployedPackage } from './deployed-package.ts';

endAtAnyOption('npm run build', 'Writes the deployment as dist/functions.zip.');
const root = fileURLToPath(new URL('../..', import.meta.url));
const dist = path.join(root, 'dist');
const source = path.join(dist, 'source');
const archive = path.join(dist, 'functions.zip');

rmSync(dist, { recursive: true, force: true });
mkdirSync(source, { recursive: true });
execFileSync(
  process.execPath,
  [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
// The console's files are served unchanged.
cpSync(path.join(root, 'functions/console'), path.join(source, 'functions/console'), { recursive: true });
const manifest = deployedPackage(readJson('package.json'));
writeJson('package.json', manifest);
writeJson('package-lock.json', deployedLock(readJson('package-lock.json'), manifest));

const files: Zippable = {};
for (const name of filesUnder(source)) files[name] = new Uint8Array(readFileSync(path.join(source, name)));
// The earliest date of the zip format, in any time zone, so that the zip does not depend on when or where it was built.
const zip = zipSync(files, { level: 9, mtime: new Date(1980, 0, 1, 0, 0, 0), os: 3 });
writeFileSync(archive, zip);
const digest = createHash('sha256').update(zip).digest('hex');
console.log(
  `dist/functions.zip  ${Object.keys(files).length} files, ${(zip.length / 1024).toFixed(0)} KiB, sha256 ${digest}`,
);

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(path.join(root, name), 'utf8'));
}

function writeJson(name: string, value: unknown): void {
  writeFileSync(path.join(source, name), `${JSON.stringify(value, null, 2)}\n`);
}

/** Sorted names relative to the folder, with forward slashes. */
function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .sort();
}
