/** The types of a bench: measures, each with a baseline from the same run and a claim on the ratio of the two. */
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
  /** In the same unit. Absent when the measure is only for information. */
  baseline: z.strictObject({ what: z.string(), value: z.number() }).optional(),
  /** The bound on the ratio measured / baseline. */
  claim: claimSchema.optional(),
});
export type Measure = z.infer<typeof measureSchema>;

export const scopeSchema = z.strictObject({
  /** Takes seconds instead of minutes. Shows that the benches work, not how fast the code is. */
  isQuick: z.boolean(),
  /** The number of rows of the largest manifest of the dry run. */
  rows: z.number().int().positive().optional(),
  /** The NODE_OPTIONS of the dry run's function, instead of those that it is deployed with. */
  nodeOptions: z.string().optional(),
});
export type Scope = z.infer<typeof scopeSchema>;

/** A module of this shape is a bench. */
export interface Bench {
  readonly measure: (scope: Scope) => Promise<readonly Measure[]>;
}
