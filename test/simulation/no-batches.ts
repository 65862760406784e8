/** The batch store of the world of single jobs: the sweep finds no batch, and no other method may be called. */
import type { BatchStore } from '../../functions/ports.ts';

const none = (): never => {
  throw new Error('the world of single jobs has no batches');
};

export const NO_BATCHES: BatchStore = {
  create: none,
  get: none,
  update: none,
  waitFor: none,
  list: none,
  overdue: async () => [],
  unannounced: async () => [],
  dueForRelease: async () => [],
};
