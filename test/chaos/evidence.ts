/** The evidence of a chaos run: the API's answers, the models' ledger, and the objects in the bucket. */
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

/** An object that was read back. */
export interface ObjectSeen {
  /** Epoch milliseconds. Absent from objects read through a link. */
  readonly updatedAtMs?: number;
  readonly bytes: number;
  /** Base64, as Cloud Storage reports it. */
  readonly crc32c: string;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface JobEvidence {
  readonly planned: PlannedJob;
  /** The ids in the answers to all requests under the job's key. Empty when none was answered. */
  readonly ids: readonly string[];
  /** Answers other than 200 and 201. All requests of the workload are valid, so there should be none. */
  readonly refusals: readonly string[];
  /** The status when the job was first observed as finished. */
  readonly firstEnd: string | undefined;
  /** The job after the run; undefined when it cannot be read. */
  readonly job: JobSeen | undefined;
  /** The downloads of its video links, in order; undefined for a link that does not answer 200. */
  readonly downloads: readonly (ObjectSeen | undefined)[];
}

export interface Evidence {
  readonly jobs: readonly JobEvidence[];
  /** The ids from all pages of `GET /v1/jobs`. */
  readonly listedIds: readonly string[];
  readonly paidCalls: readonly PaidCallSeen[];
  /** All objects in the output bucket, by `gs://` URI. */
  readonly objects: ReadonlyMap<string, ObjectSeen>;
}

const LIVE_STATES: ReadonlySet<string> = new Set(['submitting', 'uncertain', 'running', 'landing']);
const TERMINAL: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled']);

export const isFinished = ({ status }: Pick<JobSeen, 'status'>): boolean => TERMINAL.has(status);

/** Whether the job has finished and no attempt of it is still followed. */
export const isSettled = (job: JobSeen): boolean =>
  isFinished(job) && !job.attempts.some(({ state }) => LIVE_STATES.has(state));
