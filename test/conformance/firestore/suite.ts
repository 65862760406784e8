/** The Firestore conformance suite, run over the network with the unmodified client library. */
import { Firestore } from '@google-cloud/firestore';
import { afterAll, beforeAll, describe } from 'vitest';
import { batchClaims } from './batch-claims.ts';
import { documentClaims } from './document-claims.ts';
import { listenerClaims } from './listener-claims.ts';
import { queryClaims } from './query-claims.ts';
import { RawClient } from './raw-client.ts';
import { refusalClaims } from './refusal-claims.ts';
import { transactionClaims } from './transaction-claims.ts';
import { DATABASE, type Lack, PROJECT_ID } from './under-test.ts';

export interface FirestoreServer {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly stop: () => Promise<void>;
}

/** Defines the tests. `lacks` lists the known gaps of the server. */
export function firestoreSuite(
  name: string,
  start: () => Promise<FirestoreServer>,
  lacks: readonly Lack[] = [],
): void {
  describe(name, () => {
    let server: FirestoreServer | undefined;
    let client: Firestore | undefined;
    let raw: RawClient | undefined;
    beforeAll(async () => {
      server = await start();
      client = new Firestore({ projectId: PROJECT_ID, host: server.host, ssl: false });
      raw = new RawClient(server.host, DATABASE);
    });
    afterAll(async () => {
      raw?.close();
      await client?.terminate();
      await server?.stop();
    });
    const started = <T>(thing: T | undefined): T => {
      if (thing === undefined) throw new Error('The server is not running.');
      return thing;
    };
    const underTest = {
      client: () => started(client),
      raw: () => started(raw),
      lacks: new Set(lacks),
    };
    documentClaims(underTest);
    batchClaims(underTest);
    transactionClaims(underTest);
    queryClaims(underTest);
    listenerClaims(underTest);
    refusalClaims(underTest);
  });
}
