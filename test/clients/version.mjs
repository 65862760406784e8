// Prints the version of the module CLIENT.
import { readFileSync } from 'node:fs';

const [, dir] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(import.meta.resolve(process.env.CLIENT)) ?? [];
console.log(JSON.parse(readFileSync(new URL(`${dir}/package.json`), 'utf8')).version);
