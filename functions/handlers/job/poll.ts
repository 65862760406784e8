/** The `poll` function: advances a live attempt, step by step, until it has to wait. */
import type { AttemptEvent } from '../../core/job/attempt.ts';
import type { LiveAttempt, OperationRef } from '../../core/job/attempt-record.ts';
import type { Effect } from '../../core/job/effects.ts';
import { isTerminal, type Job, liveAttemptOf, wakeOf } from '../../core/job/job.ts';
import { stageOf } from '../../core/job/stages.ts';
import { timeUpAt } from '../../core/job/wake-schedule.ts';
import type { Services } from '../../ports.ts';
import { type Advanced, advance, logFields, perform } from './advance.ts';
import { notedOperation } from './claim-notes.ts';
import { land, outputsAmong } from './landing.ts';
import type { WakeMessage } from './wake-message.ts';

/** The longest path without a wait is running → landing → ended. More steps would be a defect. */
const STEPS_MAX = 4;

export async function handlePoll(services: Services, { jobId, seq }: WakeMessage): Promise<void> {
  const { clock, jobs, log } = services;
  const found = await jobs.get(jobId);
  if (!found)
    return log('WARNING', `job ${jobId}: a poll task names a job that does not exist`, { job: jobId });
  if (wakeOf(found)?.seq !== seq)
    return log('DEBUG', `job ${jobId}: stale poll task ignored`, logFields(found));

  let job: Job = found;
  const effects: Effect[] = [];
  const apply = (advanced: Advanced): boolean => {
    if (advanced.kind !== 'saved') return false;
    job = advanced.job;
    effects.push(...advanced.effects);
    return true;
  };
  if (!isTerminal(job) && clock.now() >= timeUpAt(job))
    apply(await advance(services, jobId, { type: 'deadline' }, seq));
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    const attempt = liveAttemptOf(job);
    const wake = wakeOf(job);
    if (!attempt || !wake || (steps > 0 && wake.at > clock.now())) break;
    const observed = await observe(services, job, attempt);
    const event = { type: 'attempt', attemptId: attempt.attemptId, observed } as const;
    if (!apply(await advance(services, jobId, event, wake.seq))) break;
  }
  // Only the wake of the last step is current; those of the steps before are stale already.
  const last = wakeOf(job)?.seq;
  await perform(
    services,
    job,
    effects.filter((effect) => effect.type !== 'wake' || effect.wake.seq === last),
  );
}

async function observe(services: Services, job: Job, attempt: LiveAttempt): Promise<AttemptEvent> {
  switch (attempt.state) {
    case 'submitting':
      return { type: 'leaseExpired' };
    case 'uncertain': {
      const noted = attempt.operation
        ? undefined
        : await notedOperation(services, job.jobId, attempt.attemptId);
      if (noted) return { type: 'submitAccepted', operation: noted };
      const polled = attempt.operation && (await pollOperation(services, attempt.operation));
      if (polled && polled.type !== 'pollFailed') return polled;
      const outputs = outputsAmong(await services.results.list(attempt.outputPrefix), stageOf(job, attempt));
      const newestAt =
        outputs.length > 0 ? Math.max(...outputs.map(({ updatedAt }) => updatedAt)) : undefined;
      return { type: 'prefixListed', found: outputs.length, newestAt };
    }
    case 'running':
      return pollOperation(services, attempt.operation);
    case 'landing':
      return land(services, job, attempt);
  }
}

async function pollOperation({ providers }: Services, operation: OperationRef): Promise<AttemptEvent> {
  const provider = providers[operation.provider];
  if (!provider) {
    const message = `this deployment has no credentials for provider ${operation.provider}`;
    return { type: 'pollFailed', signal: { kind: 'network', sent: false, message } };
  }
  const answer = await provider.poll(operation);
  switch (answer.kind) {
    case 'running':
      return { type: 'operationRunning' };
    case 'done':
      return { type: 'operationDone', result: answer.result };
    case 'error':
      return { type: 'operationError', code: answer.code, message: answer.message };
    case 'failed':
      return { type: 'pollFailed', signal: answer.signal };
  }
}
