/** The state of schedules in Firestore: collection `schedules`, one document per schedule. */
import type { Firestore } from '@google-cloud/firestore';
import { NEW_SCHEDULE, scheduleStateSchema } from '../core/batch/schedules.ts';
import type { ScheduleStore } from '../ports.ts';

export function createFirestoreSchedules(db: Firestore): ScheduleStore {
  const refOf = (id: string) => db.collection('schedules').doc(id);
  return {
    async get(id) {
      const snapshot = await refOf(id).get();
      return snapshot.exists ? scheduleStateSchema.parse(snapshot.data()) : NEW_SCHEDULE;
    },

    update: (id, decide) =>
      db.runTransaction(async (transaction) => {
        const snapshot = await transaction.get(refOf(id));
        const next = decide(snapshot.exists ? scheduleStateSchema.parse(snapshot.data()) : NEW_SCHEDULE);
        if (!next) return 'unchanged';
        transaction.set(refOf(id), next);
        return 'saved';
      }),
  };
}
