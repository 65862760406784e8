/** The message of a measured server: its address and the requests to measure. */
import { z } from 'zod';

const requestSchema = z.strictObject({
  what: z.string(),
  method: z.enum(['GET', 'POST']),
  path: z.string().min(1),
  body: z.string().optional(),
});
export type BenchRequest = z.infer<typeof requestSchema>;

export const servedSchema = z.strictObject({
  baseUrl: z.url(),
  /** The value of `x-goog-api-key`. */
  caller: z.string(),
  requests: z.array(requestSchema),
});
export type Served = z.infer<typeof servedSchema>;
