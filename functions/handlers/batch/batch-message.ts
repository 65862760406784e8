/** The payloads of the `batch` function: a batch's task, or a call of Cloud Scheduler. */
import { z } from 'zod';

const batchMessageSchema = z.object({
  batchId: z.string(),
  /** Sequence number of the wake. The task is stale if the batch has a later one. */
  seq: z.int(),
});
export type BatchMessage = z.infer<typeof batchMessageSchema>;

/** A call of Cloud Scheduler: the schedule's next batch is due. */
const scheduleMessageSchema = z.strictObject({
  schedule: z.string().min(1),
  /** For manual calls; Cloud Scheduler sends the time in a header. */
  scheduledTime: z.iso.datetime({ offset: true }).optional(),
});
export type ScheduleMessage = z.infer<typeof scheduleMessageSchema>;

export const batchCallSchema = z.union([batchMessageSchema, scheduleMessageSchema]);
