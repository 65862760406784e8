/** `npm run terraform:readme`: regenerates the generated parts of `terraform/README.md`. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { withGeneratedParts } from '../terraform/readme.ts';
import { endAtAnyOption } from './command-line.ts';

endAtAnyOption('npm run terraform:readme', 'Regenerates the generated parts of terraform/README.md.');
const moduleDir = fileURLToPath(new URL('../../terraform', import.meta.url));
const file = path.join(moduleDir, 'README.md');
writeFileSync(file, withGeneratedParts(readFileSync(file, 'utf8'), moduleDir));
