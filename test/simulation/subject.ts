/** The code under test, by the folder it is loaded from: functions/ itself, or a copy with a defect put into it. */
import { fileURLToPath, pathToFileURL } from 'node:url';

export interface Subject {
  readonly createJob: typeof import('../../functions/handlers/create-job.ts').createJob;
  readonly handleSubmit: typeof import('../../functions/handlers/submit.ts').handleSubmit;
  readonly handlePoll: typeof import('../../functions/handlers/poll.ts').handlePoll;
  readonly handleLanded: typeof import('../../functions/handlers/landed.ts').handleLanded;
  readonly handleSweep: typeof import('../../functions/handlers/sweep.ts').handleSweep;
  readonly advanceAndPerform: typeof import('../../functions/handlers/advance.ts').advanceAndPerform;
}

export const FUNCTIONS_ROOT = fileURLToPath(new URL('../../functions', import.meta.url));

export async function loadSubject(root: string = FUNCTIONS_ROOT): Promise<Subject> {
  const handlers = pathToFileURL(`${root}/handlers/`).href;
  const parts: readonly Partial<Subject>[] = await Promise.all(
    ['create-job', 'submit', 'poll', 'landed', 'sweep', 'advance'].map(
      (name) => import(`${handlers}${name}.ts`),
    ),
  );
  const { createJob, handleSubmit, handlePoll, handleLanded, handleSweep, advanceAndPerform } = Object.assign(
    {},
    ...parts,
  ) as Partial<Subject>;
  if (!createJob || !handleSubmit || !handlePoll || !handleLanded || !handleSweep || !advanceAndPerform)
    throw new Error(`${root} does not export every handler that is simulated`);
  return { createJob, handleSubmit, handlePoll, handleLanded, handleSweep, advanceAndPerform };
}
