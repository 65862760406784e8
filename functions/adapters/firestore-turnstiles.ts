/** Turnstiles in Firestore: collection `turnstiles`, one document per model. */
import type { Firestore } from '@google-cloud/firestore';
import { NEW_TURNSTILE, turnstileSchema } from '../core/turnstile.ts';
import type { TurnstileStore } from '../ports.ts';

export function createFirestoreTurnstiles(db: Firestore): TurnstileStore {
  const refOf = ({ provider, model }: Parameters<TurnstileStore['get']>[0]) =>
    db.collection('turnstiles').doc(`${provider}-${model}`);
  return {
    async get(model) {
      const snapshot = await refOf(model).get();
      return snapshot.exists ? turnstileSchema.parse(snapshot.data()) : NEW_TURNSTILE;
    },

    update: (model, decide) =>
      db.runTransaction(async (transaction) => {
        const snapshot = await transaction.get(refOf(model));
        const next = decide(snapshot.exists ? turnstileSchema.parse(snapshot.data()) : NEW_TURNSTILE);
        if (!next) return 'unchanged';
        transaction.set(refOf(model), next);
        return 'saved';
      }),
  };
}
