/** API keys in Firestore: collection `keys`, one document per key, named by the key's id. */
import type { Firestore } from '@google-cloud/firestore';
import { type ApiKey, apiKeySchema, revoke } from '../core/access/api-key.ts';
import { defined } from '../core/defined.ts';
import type { ApiKeyStore } from '../ports.ts';
import { hashSecret, newApiKey } from './ids.ts';

export function createFirestoreApiKeys(db: Firestore): ApiKeyStore {
  const keys = db.collection('keys');
  return {
    async create({ caller, note, createdAt, createdBy }) {
      const { keyId, secret } = newApiKey();
      const key: ApiKey = {
        keyId,
        caller,
        secretHash: hashSecret(secret),
        createdAt,
        createdBy,
        ...defined({ note }),
      };
      await keys.doc(keyId).create(key);
      return { key, secret };
    },

    async get(keyId) {
      const snapshot = await keys.doc(keyId).get();
      return snapshot.exists ? apiKeySchema.parse(snapshot.data()) : undefined;
    },

    async list() {
      const { docs } = await keys.orderBy('createdAt', 'desc').get();
      return docs.map((doc) => apiKeySchema.parse(doc.data()));
    },

    revoke: (keyId, by, at) =>
      db.runTransaction(async (transaction) => {
        const snapshot = await transaction.get(keys.doc(keyId));
        if (!snapshot.exists) return undefined;
        const revoked = revoke(apiKeySchema.parse(snapshot.data()), by, at);
        transaction.set(keys.doc(keyId), revoked);
        return revoked;
      }),
  };
}
