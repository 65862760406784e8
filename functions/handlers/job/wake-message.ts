/** The payload of a job's task: the job and the wake's sequence number. All state is in the store (I3). */
import { z } from 'zod';
import { PROVIDERS } from '../../core/catalogue/vocabulary.ts';
import { LANES } from '../../core/job/job.ts';

export const wakeMessageSchema = z.object({
  jobId: z.string(),
  /** Sequence number of the wake. The task is stale if the job has a later one. */
  seq: z.int(),
});
export type WakeMessage = z.infer<typeof wakeMessageSchema>;

/** A submit task is also a slot of its submit queue (stored name: `line`): it starts the next job of that queue. */
export const submitMessageSchema = wakeMessageSchema.extend({
  /**
   * How often the wake was enqueued before. Absent in tasks of older versions and then treated as 0: if it was not, such a
   * task can end without a successor, and the sweep enqueues one.
   */
  ring: z.int().optional(),
  line: z.object({
    provider: z.enum(PROVIDERS),
    model: z.string(),
    lane: z.enum(LANES),
  }),
});
export type SubmitMessage = z.infer<typeof submitMessageSchema>;
