/** What the process of a landing is told, and what it answers. */
import { z } from 'zod';

export const landingSchema = z.strictObject({
  provider: z.enum(['gemini', 'omni']),
  /** How many at once. */
  videos: z.number(),
  /** Of each. */
  mib: z.number(),
  filesUrl: z.url(),
  storageUrl: z.url(),
  bucket: z.string(),
});
export type Landing = z.infer<typeof landingSchema>;

export const landedSchema = z.strictObject({
  /** Of all of them. */
  bytes: z.number(),
});
export type Landed = z.infer<typeof landedSchema>;
