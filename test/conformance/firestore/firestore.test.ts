/** The conformance suite on the embedded Firestore. */
import { startFirestore } from '../../../infra/firestore/server.ts';
import { firestoreSuite } from './suite.ts';

firestoreSuite('the embedded Firestore', async () => {
  const { port, stop } = await startFirestore();
  return { host: `127.0.0.1:${port}`, stop };
});
