/** What a bench is: measures, each beside a baseline of the same run, with a claim on the ratio of the two. */
import { z } from 'zod';

const claimSchema = z.union([
  z.strictObject({ atMost: z.number() }),
  z.strictObject({ atLeast: z.number() }),
]);
export type Claim = z.infer<typeof claimSchema>;

export const measureSchema = z.strictObject({
  /** A noun phrase: what was measured. */
  what: z.string(),
  unit: z.string(),
  measured: z.number(),
  /** In the same unit. Absent where there is nothing to compare with: then it is for information. */
  baseline: z.strictObject({ what: z.string(), value: z.number() }).optional(),
  /** What the ratio of measured and baseline has to be. */
  claim: claimSchema.optional(),
});
export type Measure = z.infer<typeof measureSchema>;

export const scopeSchema = z.strictObject({
  /** Seconds instead of minutes: shows that everything works, not how well. */
  isQuick: z.boolean(),
  /** Of the largest manifest of the dry run. */
  rows: z.number().int().positive().optional(),
  /** Of the function that runs it, instead of those it is deployed with. */
  nodeOptions: z.string().optional(),
});
export type Scope = z.infer<typeof scopeSchema>;

/** A module of this shape is a bench. */
export interface Bench {
  readonly measure: (scope: Scope) => Promise<readonly Measure[]>;
}
