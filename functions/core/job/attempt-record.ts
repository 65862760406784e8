/**
 * What an attempt is: one paid submission to a provider and what has become of it, a discriminated union on `state`.
 * Times are milliseconds since the epoch. How it changes is in `attempt.ts`.
 */
import { z } from 'zod';
import { providerSchema } from './video-request.ts';

/** The provider's long-running operation. Everything a later poll needs is pinned here (peers poll the wrong region). */
const operationRefSchema = z.object({
  provider: providerSchema,
  name: z.string(),
  model: z.string(),
  location: z.string(),
});
export type OperationRef = z.infer<typeof operationRefSchema>;

const chargedSchema = z.enum(['yes', 'no', 'unknown']);
export type Charged = z.infer<typeof chargedSchema>;

export const jobErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  retryable: z.boolean(),
  charged: chargedSchema,
  /** Safety categories, when a filter decided. */
  categories: z.array(z.string()).optional(),
});
export type JobError = z.infer<typeof jobErrorSchema>;

/** A finished video, or the picture of a first stage, in our bucket. */
export const landedVideoSchema = z.object({
  /** `gs://bucket/name` */
  uri: z.string(),
  generation: z.string(),
  bytes: z.number(),
  /** Base64 of the big-endian CRC-32C, as Cloud Storage reports it. */
  crc32c: z.string(),
  contentType: z.string(),
  /** Read from the file itself; absent when the file does not say. */
  durationSeconds: z.number().optional(),
  /** The copy under the request's `deliverTo`, `gs://bucket/name`. */
  deliveredUri: z.string().optional(),
});
export type LandedVideo = z.infer<typeof landedVideoSchema>;

/** What a safety filter judged: what was asked for, or what was made of it. Only the latter may come out otherwise. */
const filteredSideSchema = z.enum(['input', 'output']);
export type FilteredSide = z.infer<typeof filteredSideSchema>;

/** What a provider said of a finished operation, in one shape for all of them. */
const operationResultSchema = z.object({
  /** Where the provider keeps the videos. Vertex: `gs://` names, for the record only, the listing decides. */
  sources: z.array(z.object({ uri: z.string() })),
  filteredCount: z.number(),
  filteredReasons: z.array(z.string()),
  /** What was judged; the output where nothing is said. */
  filteredSide: filteredSideSchema.optional(),
  /** What the model said where a video was to be. */
  words: z.string().optional(),
});
export type OperationResult = z.infer<typeof operationResultSchema>;

const attemptBaseSchema = z.object({
  attemptId: z.string(),
  /** Index of the stage it is for. */
  stage: z.number(),
  /** 1 for the first paid submission of a stage. */
  number: z.number(),
  /** Name prefix of everything this attempt writes: `jobs/{jobId}/{attemptId}/`. Unique, so objects are evidence. */
  outputPrefix: z.string(),
  location: z.string(),
  reservedUsd: z.number(),
  submittedAt: z.number(),
});

export const submittingSchema = attemptBaseSchema.extend({
  state: z.literal('submitting'),
  /** No caller of the provider may still be at work after this. */
  leaseUntil: z.number(),
  /** Quota refusals in a row before this one; they go on counting if it is refused too. */
  refusalsBefore: z.number(),
});
export const uncertainSchema = attemptBaseSchema.extend({
  state: z.literal('uncertain'),
  cause: z.string(),
  /** When the policy decides in the absence of evidence. */
  decideAt: z.number(),
  looks: z.number(),
  operation: operationRefSchema.optional(),
});
export const runningSchema = attemptBaseSchema.extend({
  state: z.literal('running'),
  operation: operationRefSchema,
  polls: z.number(),
  pollErrorsInARow: z.number(),
  /** Looks still to be taken soon because an object has appeared under the prefix. */
  quickLooks: z.number(),
});
export const landingSchema = attemptBaseSchema.extend({
  state: z.literal('landing'),
  operation: operationRefSchema.optional(),
  polls: z.number(),
  result: operationResultSchema,
  doneAt: z.number(),
  tries: z.number(),
});
export const liveAttemptSchema = z.discriminatedUnion('state', [
  submittingSchema,
  uncertainSchema,
  runningSchema,
  landingSchema,
]);
export type LiveAttempt = z.infer<typeof liveAttemptSchema>;
export type AttemptIn<S extends LiveAttempt['state']> = Extract<LiveAttempt, { state: S }>;

/** An attempt whose outcome is known, or will never be. */
export const endedAttemptSchema = attemptBaseSchema.extend({
  state: z.literal('ended'),
  outcome: z.enum(['landed', 'rejected', 'filtered', 'failed', 'unknown']),
  charged: chargedSchema,
  endedAt: z.number(),
  polls: z.number(),
  operation: operationRefSchema.optional(),
  error: jobErrorSchema.optional(),
  videos: z.array(landedVideoSchema).optional(),
  /** Where the provider kept the videos, in their order, when it said so. */
  sourceUris: z.array(z.string()).optional(),
  /** Videos that a safety filter withheld, and why: some of a landed attempt, all of a filtered one. */
  filteredCount: z.number().optional(),
  filteredReasons: z.array(z.string()).optional(),
  /** Of a filtered one. */
  filteredSide: filteredSideSchema.optional(),
  /** The operator who said what could not be learned. */
  resolved: z.object({ by: z.string(), at: z.number(), note: z.string().optional() }).optional(),
});
export type EndedAttempt = z.infer<typeof endedAttemptSchema>;

/** What a succeeded or failed attempt left in the bucket under this prefix belongs to it and to no other. */
export const outputPrefixOf = (jobId: string, attemptId: string): string => `jobs/${jobId}/${attemptId}/`;
