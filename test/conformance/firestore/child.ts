/** A process of its own around the embedded Firestore, to be killed: `argv` holds the state folder. Reports its port. */
import { startFirestore } from '../../../infra/firestore/server.ts';

const [stateDir = ''] = process.argv.slice(2);
const { port } = await startFirestore({ stateDir });
process.send?.({ port });
