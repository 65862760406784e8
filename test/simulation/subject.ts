/** The code under test, by the folder it is loaded from: functions/ itself, or a copy with a defect put into it. */
import { fileURLToPath, pathToFileURL } from 'node:url';

type CreateJob = typeof import('../../functions/handlers/create-job.ts');
type Submit = typeof import('../../functions/handlers/submit.ts');
type Poll = typeof import('../../functions/handlers/poll.ts');
type Landed = typeof import('../../functions/handlers/landed.ts');
type Sweep = typeof import('../../functions/handlers/sweep.ts');
type Advance = typeof import('../../functions/handlers/advance.ts');

export interface Subject {
  readonly createJob: CreateJob['createJob'];
  readonly handleSubmit: Submit['handleSubmit'];
  readonly handlePoll: Poll['handlePoll'];
  readonly handleLanded: Landed['handleLanded'];
  readonly handleSweep: Sweep['handleSweep'];
  readonly advanceAndPerform: Advance['advanceAndPerform'];
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
  return { createJob, handleSubmit, handlePoll, handleLanded, handleSweep, advanceAndPerform };
}
