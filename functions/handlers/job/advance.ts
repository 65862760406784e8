/** Loads, steps and saves one job and logs the transition. Returns the effects for the caller to perform. */
import { findModel } from '../../core/catalogue/catalogue.ts';
import { VIDEO_LATENCY } from '../../core/catalogue/models.ts';
import type { Effect } from '../../core/job/effects.ts';
import { type Job, liveAttemptOf, wakeOf } from '../../core/job/job.ts';
import { scaleLatency } from '../../core/job/policy.ts';
import { submitQueueOf } from '../../core/job/queues.ts';
import { costUsd } from '../../core/job/spend.ts';
import { currentStage } from '../../core/job/stages.ts';
import { type JobEvent, type Step, type StepContext, step } from '../../core/job/step.ts';
import type { BatchGuard, Services } from '../../ports.ts';
import { announceJob } from './announce.ts';

export type Advanced =
  | { readonly kind: 'saved'; readonly job: Job; readonly effects: readonly Effect[] }
  | { readonly kind: 'unchanged'; readonly job: Job }
  | { readonly kind: 'missing' };

/**
 * @param seq if given, the job changes only while this is still its current wake (I4): the event was observed for it
 * @param guard if given, the job changes only while its batch allows it
 */
export async function advance(
  services: Services,
  jobId: string,
  event: JobEvent,
  seq?: number,
  guard?: BatchGuard,
): Promise<Advanced> {
  const decide = (job: Job): Step | undefined => {
    if (seq !== undefined && wakeOf(job)?.seq !== seq) return undefined;
    return step(job, event, stepContext(services, job));
  };
  const updated = await services.jobs.update(jobId, decide, guard);
  if (updated.kind !== 'saved') return updated;
  const { job, effects } = updated.step;
  logTransition(services, updated.before, job);
  return { kind: 'saved', job, effects };
}

/** Performs effects. A failed effect is logged and left to the sweep: the job is already saved (I3). */
export async function perform(services: Services, job: Job, effects: readonly Effect[]): Promise<void> {
  for (const effect of effects) {
    try {
      await performOne(services, job, effect);
    } catch (error) {
      services.log('ERROR', `job ${job.jobId}: ${effect.type} failed; the sweep repeats it if needed`, {
        ...logFields(job),
        error: String(error),
      });
    }
  }
}

async function performOne(services: Services, job: Job, effect: Effect): Promise<void> {
  const { tasks, providers } = services;
  switch (effect.type) {
    case 'wake':
      return tasks.enqueue({ ...effect, ...submitQueueOf(job) });
    case 'cancelOperation':
      return providers[effect.operation.provider]?.cancel?.(effect.operation);
    case 'announce':
      return announceJob(services, job);
  }
}

/** Advances the job, then performs the effects. */
export async function advanceAndPerform(
  services: Services,
  jobId: string,
  event: JobEvent,
  seq?: number,
  guard?: BatchGuard,
): Promise<Advanced> {
  const advanced = await advance(services, jobId, event, seq, guard);
  if (advanced.kind === 'saved') await perform(services, advanced.job, advanced.effects);
  return advanced;
}

export function stepContext({ clock, ids, policy, catalogue }: Services, job: Job): StepContext {
  const { provider, model } = currentStage(job);
  // A job may outlive its model's entry in the catalogue. A missing model is treated as the slowest one.
  const latency = findModel(catalogue, model, provider)?.latency ?? VIDEO_LATENCY;
  return { now: clock.now(), random: ids.random(), policy, latency: scaleLatency(latency, policy) };
}

export function logFields(job: Job): Record<string, unknown> {
  const attempt = liveAttemptOf(job) ?? job.attempts.at(-1);
  return {
    job: job.jobId,
    attempt: attempt?.attemptId,
    model: currentStage(job).model,
    trace: job.trace,
  };
}

function logTransition({ log }: Services, before: Job, after: Job): void {
  const from = statusText(before);
  const to = statusText(after);
  if (from === to) return;
  const error = after.status === 'failed' ? after.error : undefined;
  const severity = error ? 'WARNING' : 'INFO';
  log(severity, `job ${after.jobId}: ${from} → ${to}`, {
    ...logFields(after),
    from: before.status,
    to: after.status,
    revision: after.revision,
    ...(error ? { errorCode: error.code, charged: error.charged } : {}),
    ...metricsOf(before, after),
  });
}

/** Log fields that the log-based metrics of the dashboards and alerts use. */
function metricsOf(
  before: Job,
  after: Job,
): { doneToLandedMs?: number; spentUsd?: number; uncertain?: true } {
  const ended = after.attempts.slice(before.attempts.length);
  const spentUsd = ended
    .filter(({ charged }) => charged !== 'no')
    .reduce((sum, attempt) => sum + costUsd(after, attempt), 0);
  const live = liveAttemptOf(before);
  const landed = ended.find(({ outcome }) => outcome === 'landed');
  // From the attempt, not from the job's status: the attempt of a cancelled or overdue job can become uncertain too.
  const isUncertain = liveAttemptOf(after)?.state === 'uncertain' && live?.state !== 'uncertain';
  return {
    ...(spentUsd > 0 ? { spentUsd } : {}),
    ...(isUncertain ? { uncertain: true } : {}),
    ...(live?.state === 'landing' && landed ? { doneToLandedMs: landed.endedAt - live.doneAt } : {}),
  };
}

/** The job's status, with the state of an attempt that is still polled after the job has ended. */
function statusText(job: Job): string {
  const followed = 'following' in job ? job.following?.attempt.state : undefined;
  return followed ? `${job.status} (attempt ${followed})` : job.status;
}
