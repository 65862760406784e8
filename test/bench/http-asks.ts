/** What a measured server tells of itself. */
import { z } from 'zod';

const askSchema = z.strictObject({
  what: z.string(),
  method: z.enum(['GET', 'POST']),
  path: z.string().min(1),
  body: z.string().optional(),
});
export type Ask = z.infer<typeof askSchema>;

export const servedSchema = z.strictObject({
  baseUrl: z.url(),
  /** As `x-goog-api-key`. */
  caller: z.string(),
  asks: z.array(askSchema),
});
export type Served = z.infer<typeof servedSchema>;
