/** A deployment without batches: the sweep finds none, and nobody may ask for one. */
import type { BatchStore } from '../../functions/ports.ts';

const none = (): never => {
  throw new Error('there are no batches here');
};

export const NO_BATCHES: BatchStore = {
  create: none,
  get: none,
  update: none,
  list: none,
  overdue: async () => [],
  unannounced: async () => [],
  dueForRelease: async () => [],
};
