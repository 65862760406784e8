/** The process of one bench: `argv` holds its name and the scope; the measures go to whoever forked it. */
import { scopeSchema } from './bench.ts';
import { BENCHES, benchNameSchema } from './benches.ts';

const [name, scope = ''] = process.argv.slice(2);
const { measure } = await BENCHES[benchNameSchema.parse(name)]();
const measures = await measure(scopeSchema.parse(JSON.parse(scope)));
// Clients keep connections open for longer than anybody wants to wait.
process.send?.(measures, () => process.exit(0));
