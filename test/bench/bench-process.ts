/** The process of one bench. `argv` holds its name and the scope; it sends the measures to its parent over IPC. */
import { scopeSchema } from './bench.ts';
import { BENCHES, benchNameSchema } from './benches.ts';

const [name, scope = ''] = process.argv.slice(2);
const { measure } = await BENCHES[benchNameSchema.parse(name)]();
const measures = await measure(scopeSchema.parse(JSON.parse(scope)));
// Exits at once: clients would keep their connections open for a while.
process.send?.(measures, () => process.exit(0));
