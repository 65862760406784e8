/**
 * `npm run -s terraform:imports`: reads the indexes of a restored database from standard input, as
 * `gcloud firestore indexes composite list --format json` prints them, and prints the commands that import them.
 */
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { indexImports } from '../terraform/index-imports.ts';
import { endAtAnyOption } from './command-line.ts';

endAtAnyOption(
  'npm run terraform:imports',
  'Reads the indexes of a database from standard input, as `gcloud firestore indexes composite list --format json` prints them.\nPrints the commands that import them into Terraform.',
);

const moduleDir = fileURLToPath(new URL('../../terraform', import.meta.url));
const { imports, missing } = indexImports(JSON.parse(await text(process.stdin)), moduleDir);
for (const { address, id } of imports)
  process.stdout.write(`terraform import "$@" '${address}' '${id}' || exit 1\n`);
for (const address of missing)
  process.stderr.write(`the database has no ${address}; the apply will create it\n`);
