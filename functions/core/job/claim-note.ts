/**
 * Claim notes: objects in the output bucket that name every claim and its answer, outside the database. A database that
 * was restored does not know the claims after its copy. Their notes do, so that no job is paid for a second time.
 */
import { z } from 'zod';
import { MINUTE } from '../time-units.ts';
import { type EndedAttempt, operationRefSchema } from './attempt-record.ts';
import type { Job } from './job.ts';
import { landedAttempts, stageIndexOf } from './stages.ts';

/** Written before the claim is saved. */
export const claimNoteSchema = z.object({
  attemptId: z.string().min(1),
  /** Index of the stage. */
  stage: z.number(),
  location: z.string(),
  reservedUsd: z.number(),
  /** Milliseconds since the epoch. */
  notedAt: z.number(),
});
export type ClaimNote = z.infer<typeof claimNoteSchema>;

/** Written after the answer is saved. `free`: proven not to be charged. Without an answer the outcome is unknown. */
export const claimAnswerSchema = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('accepted'), operation: operationRefSchema }),
  z.object({ outcome: z.literal('free') }),
]);
export type ClaimAnswer = z.infer<typeof claimAnswerSchema>;

/** When the copy was made from which the database was restored, and until when paid calls were paused for it. */
export interface RestoredDatabase {
  readonly copiedAt: number;
  readonly resumedAt: number;
}

/** Prefix of the notes in the output bucket. They are not results, and no function is woken by them. */
export const CLAIMS_PREFIX = 'claims/';
export const claimNotesOf = (jobId: string): string => `${CLAIMS_PREFIX}${jobId}/`;
export const claimNoteName = (jobId: string, attemptId: string): string =>
  `${claimNotesOf(jobId)}${attemptId}.json`;
export const claimAnswerName = (jobId: string, attemptId: string): string =>
  `${claimNotesOf(jobId)}${attemptId}.answer.json`;

/**
 * A claim may be noted before the copy and saved after it. The time between is that of one invocation of `submit`, 180 s
 * at most; clocks differ by seconds.
 */
const NOTED_BEFORE_MS = 10 * MINUTE;

/** Whether the claim was made while the restored database was not written to. */
export const isOfLostTime = ({ notedAt }: ClaimNote, { copiedAt, resumedAt }: RestoredDatabase): boolean =>
  notedAt >= copiedAt - NOTED_BEFORE_MS && notedAt < resumedAt;

/** The claims of the current stage that the job's record does not contain, in the order in which they were made. */
export function unknownClaims(job: Job, notes: readonly ClaimNote[]): ClaimNote[] {
  const known = new Set(
    [...job.attempts, ...landedAttempts(job)].map(({ attemptId }: EndedAttempt) => attemptId),
  );
  const stage = stageIndexOf(job);
  return notes
    .filter((note) => note.stage === stage && !known.has(note.attemptId))
    .sort((a, b) => a.notedAt - b.notedAt);
}
