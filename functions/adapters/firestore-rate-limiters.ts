/** Rate limiters in Firestore: collection `rate limiters`, one document per model. */
import type { Firestore } from '@google-cloud/firestore';
import pLimit, { type LimitFunction } from 'p-limit';
import { NEW_RATE_LIMITER, rateLimiterSchema } from '../core/job/rate-limiter.ts';
import type { RateLimiterStore } from '../ports.ts';

export function createFirestoreRateLimiters(db: Firestore): RateLimiterStore {
  const refOf = ({ provider, model }: Parameters<RateLimiterStore['get']>[0]) =>
    db.collection('turnstiles').doc(`${provider}-${model}`);
  // One at a time in this process. All of a model's calls want the same document: transactions that meet there are
  // aborted and wait longer each time, and twenty of them use up the client's five attempts.
  const limits = new Map<string, LimitFunction>();
  const inTurn = <T>(id: string, work: () => Promise<T>): Promise<T> => {
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
      return inTurn(ref.id, () =>
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
