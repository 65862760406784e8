/** What calls the `batch` function: a batch's task, or the clock. */
import { z } from 'zod';

const batchMessageSchema = z.object({
  batchId: z.string(),
  /** The batch's wake this task stands for; a task for an earlier one is stale. */
  seq: z.int(),
});
export type BatchMessage = z.infer<typeof batchMessageSchema>;

/** From Cloud Scheduler: a batch is due. */
const scheduleMessageSchema = z.strictObject({
  schedule: z.string().min(1),
  /** For a call by hand; Cloud Scheduler says it in a header. */
  scheduledTime: z.iso.datetime({ offset: true }).optional(),
});
export type ScheduleMessage = z.infer<typeof scheduleMessageSchema>;

export const batchCallSchema = z.union([batchMessageSchema, scheduleMessageSchema]);
