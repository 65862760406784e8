/** `npm run terraform:readme`: regenerates the generated parts of `terraform/README.md` and of `docs/operate.md`. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { withCapacity } from '../terraform/capacity.ts';
import { withGeneratedParts } from '../terraform/readme.ts';
import { endAtAnyOption } from './command-line.ts';

endAtAnyOption('npm run terraform:readme', 'Regenerates the generated parts of terraform/README.md.');
const moduleDir = fileURLToPath(new URL('../../terraform', import.meta.url));
const file = path.join(moduleDir, 'README.md');
writeFileSync(file, withGeneratedParts(readFileSync(file, 'utf8'), moduleDir));
const operate = path.join(moduleDir, '../docs/operate.md');
writeFileSync(operate, withCapacity(readFileSync(operate, 'utf8'), moduleDir));
