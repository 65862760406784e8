/** Writes claim notes; in a restored database, finds the claims of the lost time and recovers their attempts. */
import { Readable } from 'node:stream';
import type { AttemptEvent } from '../../core/job/attempt.ts';
import type { OperationRef } from '../../core/job/attempt-record.ts';
import {
  type ClaimAnswer,
  type ClaimNote,
  claimAnswerName,
  claimAnswerSchema,
  claimNoteName,
  claimNoteSchema,
  claimNotesOf,
  isOfLostTime,
  unknownClaims,
} from '../../core/job/claim-note.ts';
import { type Job, wakeOf } from '../../core/job/job.ts';
import { currentStage } from '../../core/job/stages.ts';
import { mayRecover } from '../../core/job/step.ts';
import type { Services, StoredObject } from '../../ports.ts';
import { advanceAndPerform, logFields } from './advance.ts';

/** @throws Error when the note could not be written; the job must then not be claimed */
export const noteClaim = (services: Services, jobId: string, note: ClaimNote): Promise<void> =>
  write(services, claimNoteName(jobId, note.attemptId), note);

/**
 * Notes what the paid call returned, if that is known. Best effort: without an answer a restored database reports the
 * attempt as unknown, and does not pay again.
 */
export async function noteAnswer(
  services: Services,
  job: Job,
  attemptId: string,
  answer: ClaimAnswer | undefined,
): Promise<void> {
  if (!answer) return;
  await write(services, claimAnswerName(job.jobId, attemptId), answer).catch((error: unknown) =>
    services.log('WARNING', `job ${job.jobId}: the answer to a claim could not be noted`, {
      ...logFields(job),
      error: String(error),
    }),
  );
}

export function answerOf(observed: AttemptEvent): ClaimAnswer | undefined {
  switch (observed.type) {
    case 'submitAccepted':
      return { outcome: 'accepted', operation: observed.operation };
    case 'withheld':
      return { outcome: 'free' };
    case 'submitFailed':
      return observed.failure.outcome === 'unknown' ? undefined : { outcome: 'free' };
    default:
      return undefined;
  }
}

/**
 * In a restored database: if the job was claimed in the lost time, continues that attempt instead of a new one. A failed
 * job follows it, so that a retry is refused until its charge is known, and then takes its videos.
 * @returns whether the job has changed @throws Error when the notes cannot be read; the job must then not be claimed
 */
export async function recoverLostAttempt(services: Services, job: Job): Promise<boolean> {
  const { results, settings, log } = services;
  const { restored } = settings;
  if (!restored || (job.status !== 'queued' && !mayRecover(job))) return false;
  const objects = await results.list(claimNotesOf(job.jobId));
  const notes: ClaimNote[] = [];
  for (const object of objects)
    if (!object.name.endsWith('.answer.json'))
      notes.push(claimNoteSchema.parse(await read(services, object)));
  const lost = unknownClaims(job, notes).filter((note) => isOfLostTime(note, restored));
  for (const note of lost) {
    const answerObject = objects.find(({ name }) => name === claimAnswerName(job.jobId, note.attemptId));
    const answer = answerObject && claimAnswerSchema.parse(await read(services, answerObject));
    if (answer?.outcome === 'free') continue;
    const { provider, model } = currentStage(job);
    log(
      'NOTICE',
      `job ${job.jobId}: attempt ${note.attemptId} is unknown to the restored database; it is continued`,
      {
        ...logFields(job),
        attempt: note.attemptId,
        recovered: { provider, model, hasOperation: answer !== undefined },
      },
    );
    const event = { type: 'recover', seq: wakeOf(job)?.seq, note, operation: answer?.operation } as const;
    await advanceAndPerform(services, job.jobId, event);
    return true;
  }
  return false;
}

/** In a restored database: the operation of an attempt whose answer came after the copy. */
export async function notedOperation(
  services: Services,
  jobId: string,
  attemptId: string,
): Promise<OperationRef | undefined> {
  if (!services.settings.restored) return undefined;
  const [object] = await services.results.list(claimAnswerName(jobId, attemptId));
  const answer = object && claimAnswerSchema.parse(await read(services, object));
  return answer?.outcome === 'accepted' ? answer.operation : undefined;
}

const write = ({ results }: Services, name: string, content: unknown): Promise<void> =>
  results.writeOnce(name, 'application/json', Readable.from([Buffer.from(JSON.stringify(content))]));

async function read({ results }: Services, { name, bytes }: StoredObject): Promise<unknown> {
  return JSON.parse(Buffer.from(await results.readRange(name, 0, bytes - 1)).toString('utf8'));
}
