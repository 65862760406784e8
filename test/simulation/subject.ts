/** The code under test, loaded from functions/ or from a copy with a planted defect. */
import { fileURLToPath, pathToFileURL } from 'node:url';

type CreateJob = typeof import('../../functions/handlers/job/create-job.ts');
type Submit = typeof import('../../functions/handlers/job/submit.ts');
type Poll = typeof import('../../functions/handlers/job/poll.ts');
type Landed = typeof import('../../functions/handlers/job/landed.ts');
type Sweep = typeof import('../../functions/handlers/sweep.ts');
type Advance = typeof import('../../functions/handlers/job/advance.ts');
type Retry = typeof import('../../functions/handlers/job/retry-job.ts');
type ProviderEvent = typeof import('../../functions/handlers/job/provider-event.ts');

type Batch = typeof import('../../functions/handlers/batch/batch.ts');
type CreateBatch = typeof import('../../functions/handlers/batch/create-batch.ts');
type Announce = typeof import('../../functions/handlers/job/announce.ts');
type Upload = typeof import('../../functions/handlers/batch/upload.ts');
type Schedule = typeof import('../../functions/handlers/batch/schedule.ts');
type Ports = typeof import('../../functions/ports.ts');

export interface Subject
  extends Pick<CreateJob, 'createJob'>,
    Pick<Submit, 'handleSubmit'>,
    Pick<Poll, 'handlePoll'>,
    Pick<Landed, 'handleLanded'>,
    Pick<Sweep, 'handleSweep'>,
    Pick<Advance, 'advanceAndPerform'>,
    Pick<Retry, 'retry'>,
    Pick<ProviderEvent, 'handleProviderEvent'>,
    Pick<Batch, 'handleBatch' | 'advanceBatch'>,
    Pick<CreateBatch, 'createBatch'>,
    Pick<Announce, 'tryToAnnounce'>,
    Pick<Upload, 'handleUpload' | 'sweepUploads'>,
    Pick<Schedule, 'handleSchedule' | 'sweepSchedules'>,
    // Each copy of the code has its own class, and its handlers recognize only that one.
    Pick<Ports, 'ObjectMissingError'> {}

export const FUNCTIONS_ROOT = fileURLToPath(new URL('../../functions', import.meta.url));

export async function loadSubject(root: string = FUNCTIONS_ROOT): Promise<Subject> {
  const home = pathToFileURL(`${root}/`).href;
  const handlers = `${home}handlers/`;
  const { createJob }: CreateJob = await import(`${handlers}job/create-job.ts`);
  const { handleSubmit }: Submit = await import(`${handlers}job/submit.ts`);
  const { handlePoll }: Poll = await import(`${handlers}job/poll.ts`);
  const { handleLanded }: Landed = await import(`${handlers}job/landed.ts`);
  const { handleSweep }: Sweep = await import(`${handlers}sweep.ts`);
  const { advanceAndPerform }: Advance = await import(`${handlers}job/advance.ts`);
  const { retry }: Retry = await import(`${handlers}job/retry-job.ts`);
  const { handleProviderEvent }: ProviderEvent = await import(`${handlers}job/provider-event.ts`);
  const { handleBatch, advanceBatch }: Batch = await import(`${handlers}batch/batch.ts`);
  const { createBatch }: CreateBatch = await import(`${handlers}batch/create-batch.ts`);
  const { tryToAnnounce }: Announce = await import(`${handlers}job/announce.ts`);
  const { handleUpload, sweepUploads }: Upload = await import(`${handlers}batch/upload.ts`);
  const { handleSchedule, sweepSchedules }: Schedule = await import(`${handlers}batch/schedule.ts`);
  const { ObjectMissingError }: Ports = await import(`${home}ports.ts`);
  return {
    ...{ createJob, handleSubmit, handlePoll, handleLanded, handleSweep },
    ...{ advanceAndPerform, retry, handleProviderEvent, ObjectMissingError },
    ...{ handleBatch, advanceBatch, createBatch, tryToAnnounce },
    ...{ handleUpload, sweepUploads, handleSchedule, sweepSchedules },
  };
}

/** Whether the error is a problem with this status. Compared by shape, because every mutant has its own classes. */
export const hasStatus = (error: unknown, status: number): boolean =>
  error instanceof Error &&
  'problem' in error &&
  JSON.stringify(error.problem).includes(`"status":${status}`);
