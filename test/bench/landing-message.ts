/** The messages to and from the process of a landing. */
import { z } from 'zod';

export const landingSchema = z.strictObject({
  provider: z.enum(['gemini', 'omni']),
  /** The number of videos that land concurrently. */
  videos: z.number(),
  /** The size of each video in MiB. */
  mib: z.number(),
  filesUrl: z.url(),
  storageUrl: z.url(),
  bucket: z.string(),
});
export type Landing = z.infer<typeof landingSchema>;

export const landedSchema = z.strictObject({
  /** The bytes of all landed videos. */
  bytes: z.number(),
});
export type Landed = z.infer<typeof landedSchema>;
