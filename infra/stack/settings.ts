/**
 * `terraform/settings.json`: queues and their rates, locations of models, the interval of the sweep, the retention of
 * finished jobs, CORS headers. Terraform reads the same file, so that the tested settings are the deployed ones.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const retrySchema = z.strictObject({
  maxAttempts: z.number().int().positive(),
  minBackoffSeconds: z.number().positive(),
  maxBackoffSeconds: z.number().positive(),
  maxDoublings: z.number().int().min(0),
});

const settingsSchema = z.strictObject({
  /** Headers that the buckets allow in requests of web pages, and let pages read in responses. */
  corsHeaders: z.array(z.string()),
  submit: z.strictObject({
    maxConcurrentDispatches: z.number().int().positive(),
    retry: retrySchema,
    /** Suffix of the queue names of each lane. */
    lanes: z.strictObject({ interactive: z.string(), batch: z.string() }),
    /** By name of the interactive queue. */
    models: z.record(
      z.string(),
      z.strictObject({
        model: z.string(),
        requestsPerMinute: z.number().positive(),
        /** Vertex AI serves the model there only. Absent: in the location of the deployment. */
        locations: z.array(z.string()).min(1).exactOptional(),
      }),
    ),
  }),
  queues: z.record(
    z.string(),
    z.strictObject({
      maxDispatchesPerSecond: z.number().positive().max(500),
      maxConcurrentDispatches: z.number().int().positive(),
      retry: retrySchema,
    }),
  ),
  sweep: z.strictObject({ schedule: z.string(), everySeconds: z.number().positive() }),
  /** NODE_OPTIONS by function. */
  nodeOptions: z.record(z.string(), z.string()),
  jobTtlDays: z.number().int().min(2),
});
export type CloudSettings = z.infer<typeof settingsSchema>;

const file = new URL('../../terraform/settings.json', import.meta.url);

export const cloudSettings: CloudSettings = settingsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
