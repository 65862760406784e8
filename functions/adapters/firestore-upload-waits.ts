/** Uploaded files that wait for another file, in Firestore: collection `uploadWaits`, one document per generation. */
import type { Firestore } from '@google-cloud/firestore';
import { z } from 'zod';
import type { UploadWaits } from '../ports.ts';

const waitSchema = z.object({
  waitId: z.string(),
  name: z.string(),
  generation: z.string(),
  dueAt: z.number(),
});

export function createFirestoreUploadWaits(db: Firestore): UploadWaits {
  const waits = db.collection('uploadWaits');
  return {
    async put(wait) {
      await waits.doc(wait.waitId).set({ ...wait });
    },

    async due(now, limit) {
      const { docs } = await waits.where('dueAt', '<=', now).orderBy('dueAt').limit(limit).get();
      return docs.map((each) => waitSchema.parse(each.data()));
    },

    async remove(waitId) {
      await waits.doc(waitId).delete();
    },
  };
}
