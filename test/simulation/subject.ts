/** The code under test, by the folder it is loaded from: functions/ itself, or a copy with a defect put into it. */
import { fileURLToPath, pathToFileURL } from 'node:url';

type CreateJob = typeof import('../../functions/handlers/create-job.ts');
type Submit = typeof import('../../functions/handlers/submit.ts');
type Poll = typeof import('../../functions/handlers/poll.ts');
type Landed = typeof import('../../functions/handlers/landed.ts');
type Sweep = typeof import('../../functions/handlers/sweep.ts');
type Advance = typeof import('../../functions/handlers/advance.ts');
type Retry = typeof import('../../functions/handlers/retry-job.ts');
type ProviderEvent = typeof import('../../functions/handlers/provider-event.ts');

export interface Subject {
  readonly createJob: CreateJob['createJob'];
  readonly handleSubmit: Submit['handleSubmit'];
  readonly handlePoll: Poll['handlePoll'];
  readonly handleLanded: Landed['handleLanded'];
  readonly handleSweep: Sweep['handleSweep'];
  readonly advanceAndPerform: Advance['advanceAndPerform'];
  readonly retry: Retry['retry'];
  readonly handleProviderEvent: ProviderEvent['handleProviderEvent'];
}

export const FUNCTIONS_ROOT = fileURLToPath(new URL('../../functions', import.meta.url));

export async function loadSubject(root: string = FUNCTIONS_ROOT): Promise<Subject> {
  const handlers = pathToFileURL(`${root}/handlers/`).href;
  const { createJob }: CreateJob = await import(`${handlers}create-job.ts`);
  const { handleSubmit }: Submit = await import(`${handlers}submit.ts`);
  const { handlePoll }: Poll = await import(`${handlers}poll.ts`);
  const { handleLanded }: Landed = await import(`${handlers}landed.ts`);
  const { handleSweep }: Sweep = await import(`${handlers}sweep.ts`);
  const { advanceAndPerform }: Advance = await import(`${handlers}advance.ts`);
  const { retry }: Retry = await import(`${handlers}retry-job.ts`);
  const { handleProviderEvent }: ProviderEvent = await import(`${handlers}provider-event.ts`);
  return {
    ...{ createJob, handleSubmit, handlePoll, handleLanded, handleSweep },
    ...{ advanceAndPerform, retry, handleProviderEvent },
  };
}

/** A problem that the handler answers with. By shape, because mutants have classes of their own. */
export const hasStatus = (error: unknown, status: number): boolean =>
  error instanceof Error &&
  'problem' in error &&
  JSON.stringify(error.problem).includes(`"status":${status}`);
