/** The embedded Firestore in a separate process, which tests kill. `argv` holds the state folder. Reports its port. */
import { startFirestore } from '../../../infra/firestore/server.ts';

const [stateDir = ''] = process.argv.slice(2);
const { port } = await startFirestore({ stateDir });
process.send?.({ port });
