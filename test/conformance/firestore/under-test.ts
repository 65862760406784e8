/** The interface of the server under test for the claims. */
import { randomUUID } from 'node:crypto';
import type { CollectionReference, Firestore } from '@google-cloud/firestore';
import type { RawClient } from './raw-client.ts';

/** Known gaps of a server. The claims about them are then reported as skipped. */
export type Lack =
  | 'partition queries'
  | 'requests of 10 MiB'
  | 'resuming without repetition'
  | 'sorting out other databases';

export interface UnderTest {
  /** The unmodified client library. */
  readonly client: () => Firestore;
  readonly raw: () => RawClient;
  readonly lacks: ReadonlySet<Lack>;
}

export const PROJECT_ID = 'conformance';
export const DATABASE = `projects/${PROJECT_ID}/databases/(default)`;

/** A collection that no other claim uses. */
export const freshCollection = ({ client }: UnderTest): CollectionReference =>
  client().collection(`c-${randomUUID().slice(0, 8)}`);

/** The status code of a rejection; 0 when the promise resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return 0;
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}

/** Ids of the documents in a result, in order. */
export const idsOf = (snapshot: { readonly docs: readonly { readonly id: string }[] }): string[] =>
  snapshot.docs.map(({ id }) => id);
