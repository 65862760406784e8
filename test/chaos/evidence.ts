/** What a chaos run is judged by: what the API says, what the models' ledger says, and what lies in the bucket. */
import { z } from 'zod';
import type { PlannedJob } from './workload.ts';

const attemptSchema = z.object({
  id: z.string(),
  stage: z.string(),
  state: z.string(),
  operationName: z.string().optional(),
  endedAt: z.iso.datetime().optional(),
  charged: z.enum(['yes', 'no', 'unknown', 'open']),
  outputs: z.array(z.string()).optional(),
});
export type AttemptSeen = z.infer<typeof attemptSchema>;

export const jobSchema = z.object({
  id: z.string(),
  status: z.string(),
  error: z.object({ code: z.string(), message: z.string(), charged: z.string() }).optional(),
  attempts: z.array(attemptSchema),
  videos: z
    .array(
      z.object({
        uri: z.string(),
        bytes: z.number(),
        crc32c: z.string(),
        durationSeconds: z.number().optional(),
        href: z.string(),
      }),
    )
    .optional(),
  filtered: z.object({ count: z.number() }).optional(),
});
export type JobSeen = z.infer<typeof jobSchema>;

export const paidCallSchema = z.object({
  kind: z.enum(['video', 'image']),
  prompt: z.string(),
  operationName: z.string(),
  storageUri: z.string().nullable(),
  state: z.string(),
  videoSha256: z.array(z.string()),
});
export type PaidCallSeen = z.infer<typeof paidCallSchema>;

/** An object as it was read back. */
export interface ObjectSeen {
  /** Epoch milliseconds; absent from what came over a link. */
  readonly updatedAtMs?: number;
  readonly bytes: number;
  /** Base64, as Cloud Storage reports it. */
  readonly crc32c: string;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface JobEvidence {
  readonly planned: PlannedJob;
  /** Ids in the answers to every request under the job's key; empty when none was ever answered. */
  readonly ids: readonly string[];
  /** Answers to its request other than 200 and 201, which are none for a workload of valid requests. */
  readonly refusals: readonly string[];
  /** Status when it was first seen finished. */
  readonly firstEnd: string | undefined;
  /** As it is after the run. */
  readonly job: JobSeen | undefined;
  /** What its links to the videos give, in their order; undefined where a link gives nothing. */
  readonly downloads: readonly (ObjectSeen | undefined)[];
}

export interface Evidence {
  readonly jobs: readonly JobEvidence[];
  /** Ids of `GET /v1/jobs`, page by page. */
  readonly listedIds: readonly string[];
  readonly paidCalls: readonly PaidCallSeen[];
  /** Everything in the output bucket, by its `gs://` name. */
  readonly objects: ReadonlyMap<string, ObjectSeen>;
}

const LIVE_STATES: ReadonlySet<string> = new Set(['submitting', 'uncertain', 'running', 'landing']);
const TERMINAL: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled']);

export const isFinished = ({ status }: Pick<JobSeen, 'status'>): boolean => TERMINAL.has(status);

/** Finished, and no attempt of it still followed. */
export const isSettled = (job: JobSeen): boolean =>
  isFinished(job) && !job.attempts.some(({ state }) => LIVE_STATES.has(state));
