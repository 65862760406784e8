/** What calls the `batch` function: a batch's task, or the clock. */
import { z } from 'zod';

const batchMessageSchema = z.object({
  batchId: z.string(),
  /** The batch's wake this task stands for; a task for an earlier one is stale. */
  seq: z.int(),
});
export type BatchMessage = z.infer<typeof batchMessageSchema>;

/** From Cloud Scheduler: a batch is due. */
const scheduleMessageSchema = z.object({ schedule: z.string() });

export const batchCallSchema = z.union([batchMessageSchema, scheduleMessageSchema]);
