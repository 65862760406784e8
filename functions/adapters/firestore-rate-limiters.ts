/** Rate limiters in Firestore: one document per model, in the collection with the stored name `turnstiles`. */
import type { Firestore } from '@google-cloud/firestore';
import pLimit, { type LimitFunction } from 'p-limit';
import { NEW_RATE_LIMITER, rateLimiterSchema } from '../core/job/rate-limiter.ts';
import type { RateLimiterStore } from '../ports.ts';

export function createFirestoreRateLimiters(db: Firestore): RateLimiterStore {
  const refOf = ({ provider, model }: Parameters<RateLimiterStore['get']>[0]) =>
    db.collection('turnstiles').doc(`${provider}-${model}`);
  // This process runs one transaction per model at a time. All calls of a model update the same document: conflicting
  // transactions are aborted and back off, and with twenty of them the client's five attempts are not enough.
  const limits = new Map<string, LimitFunction>();
  const oneAtATime = <T>(id: string, work: () => Promise<T>): Promise<T> => {
    const limit = limits.get(id) ?? pLimit(1);
    limits.set(id, limit);
    return limit(work);
  };
  return {
    async get(model) {
      const snapshot = await refOf(model).get();
      return snapshot.exists ? rateLimiterSchema.parse(snapshot.data()) : NEW_RATE_LIMITER;
    },

    update: (model, decide) => {
      const ref = refOf(model);
      return oneAtATime(ref.id, () =>
        db.runTransaction(async (transaction) => {
          const snapshot = await transaction.get(ref);
          const next = decide(snapshot.exists ? rateLimiterSchema.parse(snapshot.data()) : NEW_RATE_LIMITER);
          if (!next) return 'unchanged';
          transaction.set(ref, next);
          return 'saved';
        }),
      );
    },
  };
}
