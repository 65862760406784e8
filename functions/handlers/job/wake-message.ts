/** What a wake task carries: the job and the step it was meant for. Never anything to act on; that is in the store (I3). */
import { z } from 'zod';

export const wakeMessageSchema = z.object({
  jobId: z.string(),
  /** The job's wake this task stands for; a task for an earlier one is stale. */
  seq: z.int(),
});
export type WakeMessage = z.infer<typeof wakeMessageSchema>;

/** A submit task is a token for its line as well: whoever's turn it is there is served with it. */
export const submitMessageSchema = wakeMessageSchema.extend({
  line: z.object({
    provider: z.enum(['vertex', 'gemini', 'omni']),
    model: z.string(),
    lane: z.enum(['interactive', 'batch']),
  }),
});
export type SubmitMessage = z.infer<typeof submitMessageSchema>;
