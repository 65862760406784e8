/** Waits for a change of a Firestore document, with a listener. */
import type { DocumentReference, DocumentSnapshot } from '@google-cloud/firestore';

/** Resolves to the document once `until` returns true or it does not exist, or to the current one after `timeoutMs`. */
export async function waitForDocument<T>(
  ref: DocumentReference,
  parse: (snapshot: DocumentSnapshot) => T | undefined,
  until: (value: T) => boolean,
  timeoutMs: number,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    let latest: T | undefined;
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      stop();
      settle();
    };
    const timer = setTimeout(() => {
      // Before the first snapshot `latest` is not set.
      finish(() => resolve(latest ?? ref.get().then(parse)));
    }, timeoutMs);
    const stop = ref.onSnapshot(
      (snapshot) => {
        try {
          const value = parse(snapshot);
          latest = value;
          if (value === undefined || until(value)) finish(() => resolve(value));
        } catch (error) {
          // An error thrown from a listener would crash the process.
          finish(() => reject(error));
        }
      },
      (error) => finish(() => reject(error)),
    );
  });
}
