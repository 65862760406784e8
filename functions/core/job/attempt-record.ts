/**
 * The record of an attempt: one paid submission to a provider and its outcome, a discriminated union on `state`.
 * Times are milliseconds since the epoch. The transitions are in `attempt.ts`.
 */
import { z } from 'zod';
import { providerSchema } from './video-request.ts';

/** The provider's long-running operation, with everything that a later poll needs: an operation exists in one region. */
export const operationRefSchema = z.object({
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
  /** Safety categories, if a safety filter caused the error. */
  categories: z.array(z.string()).optional(),
});
export type JobError = z.infer<typeof jobErrorSchema>;

/** A finished video, or the image of a first stage, in the output bucket. */
export const landedVideoSchema = z.object({
  /** `gs://bucket/name` */
  uri: z.string(),
  generation: z.string(),
  bytes: z.number(),
  /** Base64 of the big-endian CRC-32C, as Cloud Storage reports it. */
  crc32c: z.string(),
  contentType: z.string(),
  /** Read from the file; absent if the file does not state it. */
  durationSeconds: z.number().optional(),
  /** The copy under the request's `deliverTo`, `gs://bucket/name`. */
  deliveredUri: z.string().optional(),
});
export type LandedVideo = z.infer<typeof landedVideoSchema>;

/** What a safety filter blocked: the request, or the generated video. A new attempt can only help with the video. */
const filteredSideSchema = z.enum(['input', 'output']);
export type FilteredSide = z.infer<typeof filteredSideSchema>;

/** The result of a finished operation, in one shape for all providers. */
const operationResultSchema = z.object({
  /**
   * Where the provider keeps the videos. For Vertex AI these are `gs://` names that are only recorded: landing lists the
   * output prefix instead.
   */
  sources: z.array(z.object({ uri: z.string() })),
  filteredCount: z.number(),
  filteredReasons: z.array(z.string()),
  /** Absent means `output`. */
  filteredSide: filteredSideSchema.optional(),
  /** The text that the model returned instead of a video. */
  words: z.string().optional(),
});
export type OperationResult = z.infer<typeof operationResultSchema>;

const attemptBaseSchema = z.object({
  attemptId: z.string(),
  /** Index of the stage. */
  stage: z.number(),
  /** 1 for the first paid submission of a stage. */
  number: z.number(),
  /**
   * Prefix of every object that this attempt writes: `jobs/{jobId}/{attemptId}/`. No other attempt has the same prefix,
   * so an object under it proves that this attempt ran.
   */
  outputPrefix: z.string(),
  location: z.string(),
  reservedUsd: z.number(),
  submittedAt: z.number(),
});

export const submittingSchema = attemptBaseSchema.extend({
  state: z.literal('submitting'),
  /** After this time, no process can still be making the paid call. */
  leaseUntil: z.number(),
  /** Consecutive quota refusals before this attempt. A further refusal continues the count. */
  refusalsBefore: z.number(),
});
export const uncertainSchema = attemptBaseSchema.extend({
  state: z.literal('uncertain'),
  cause: z.string(),
  /** If there is no evidence by this time, `Policy.unknownOutcome` decides. */
  decideAt: z.number(),
  /** How many times the output prefix has been listed. */
  looks: z.number(),
  operation: operationRefSchema.optional(),
});
export const runningSchema = attemptBaseSchema.extend({
  state: z.literal('running'),
  operation: operationRefSchema,
  polls: z.number(),
  pollErrorsInARow: z.number(),
  /** Early polls still to be made, because an object has appeared under the prefix. */
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

/** An attempt whose outcome is known, or that was given up as unknown. */
export const endedAttemptSchema = attemptBaseSchema.extend({
  state: z.literal('ended'),
  outcome: z.enum(['landed', 'rejected', 'filtered', 'failed', 'unknown']),
  charged: chargedSchema,
  endedAt: z.number(),
  polls: z.number(),
  operation: operationRefSchema.optional(),
  error: jobErrorSchema.optional(),
  videos: z.array(landedVideoSchema).optional(),
  /** Where the provider kept the videos, in the order of `videos`, if it reported that. */
  sourceUris: z.array(z.string()).optional(),
  /** How many videos a safety filter withheld, and why: some of a landed attempt's, all of a filtered attempt's. */
  filteredCount: z.number().optional(),
  filteredReasons: z.array(z.string()).optional(),
  /** Only if the outcome is `filtered`. */
  filteredSide: filteredSideSchema.optional(),
  /** The operator's decision on an unknown outcome. */
  resolved: z.object({ by: z.string(), at: z.number(), note: z.string().optional() }).optional(),
});
export type EndedAttempt = z.infer<typeof endedAttemptSchema>;

/** The prefix of an attempt's objects in the output bucket. It contains the attempt's id: attempts never share objects. */
export const outputPrefixOf = (jobId: string, attemptId: string): string => `jobs/${jobId}/${attemptId}/`;
