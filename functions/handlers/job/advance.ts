/** Load, step and save one job, tell the log, and leave the effects to be performed. What every handler goes through. */
import { findModel } from '../../core/catalogue/catalogue.ts';
import type { Effect } from '../../core/job/effects.ts';
import { type Job, liveAttemptOf, wakeOf } from '../../core/job/job.ts';
import { scaleLatency } from '../../core/job/policy.ts';
import { submitQueueOf } from '../../core/job/queues.ts';
import { costUsd } from '../../core/job/spend.ts';
import { currentStage } from '../../core/job/stages.ts';
import { type JobEvent, type StepContext, step } from '../../core/job/step.ts';
import type { Services } from '../../ports.ts';
import { announceJob } from './announce.ts';

export type Advanced =
  | { readonly kind: 'saved'; readonly job: Job; readonly effects: readonly Effect[] }
  | { readonly kind: 'unchanged'; readonly job: Job }
  | { readonly kind: 'missing' };

/**
 * @param seq when given, nothing changes unless it is still the job's present wake (I4): what was observed belongs to it
 */
export async function advance(
  services: Services,
  jobId: string,
  event: JobEvent,
  seq?: number,
): Promise<Advanced> {
  const updated = await services.jobs.update(jobId, (job) => {
    if (seq !== undefined && wakeOf(job)?.seq !== seq) return undefined;
    return step(job, event, stepContext(services, job));
  });
  if (updated.kind !== 'saved') return updated;
  const { job, effects } = updated.step;
  logTransition(services, updated.before, job);
  return { kind: 'saved', job, effects };
}

/** Performs effects. One that fails is logged and left to the sweep: the job is already saved (I3). */
export async function perform(services: Services, job: Job, effects: readonly Effect[]): Promise<void> {
  for (const effect of effects) {
    try {
      await performOne(services, job, effect);
    } catch (error) {
      services.log('ERROR', `job ${job.jobId}: ${effect.type} failed; the sweep will see to what matters`, {
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

/** Advance, then perform. */
export async function advanceAndPerform(
  services: Services,
  jobId: string,
  event: JobEvent,
  seq?: number,
): Promise<Advanced> {
  const advanced = await advance(services, jobId, event, seq);
  if (advanced.kind === 'saved') await perform(services, advanced.job, advanced.effects);
  return advanced;
}

export function stepContext({ clock, ids, policy, catalogue }: Services, job: Job): StepContext {
  const { provider, model } = currentStage(job);
  // A job outlives the table: a model that has left it is taken to be as slow as any.
  const latency = findModel(catalogue, model, provider)?.latency ?? SLOWEST;
  return { now: clock.now(), random: ids.random(), policy, latency: scaleLatency(latency, policy) };
}

const SLOWEST = { minMs: 11_000, typicalMs: 120_000, longestMs: 720_000 };

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
  const from = standing(before);
  const to = standing(after);
  if (from === to) return;
  const error = after.status === 'failed' ? after.error : undefined;
  const severity = error ? 'WARNING' : 'INFO';
  log(severity, `job ${after.jobId}: ${from} → ${to}`, {
    ...logFields(after),
    from: before.status,
    to: after.status,
    revision: after.revision,
    ...(error ? { errorCode: error.code, charged: error.charged } : {}),
    ...measuresOf(before, after),
  });
}

/** What the dashboards and alerts are made of. */
function measuresOf(
  before: Job,
  after: Job,
): { doneToLandedMs?: number; spentUsd?: number; uncertain?: true } {
  const ended = after.attempts.slice(before.attempts.length);
  const spentUsd = ended
    .filter(({ charged }) => charged !== 'no')
    .reduce((sum, attempt) => sum + costUsd(after, attempt), 0);
  const live = liveAttemptOf(before);
  const landed = ended.find(({ outcome }) => outcome === 'landed');
  // Not the job's status: under a job that was cancelled or is overdue the attempt may become so as well.
  const isUncertain = liveAttemptOf(after)?.state === 'uncertain' && live?.state !== 'uncertain';
  return {
    ...(spentUsd > 0 ? { spentUsd } : {}),
    ...(isUncertain ? { uncertain: true } : {}),
    ...(live?.state === 'landing' && landed ? { doneToLandedMs: landed.endedAt - live.doneAt } : {}),
  };
}

/** The status, and that of the attempt still followed beneath it. */
function standing(job: Job): string {
  const followed = 'following' in job ? job.following?.attempt.state : undefined;
  return followed ? `${job.status} (attempt ${followed})` : job.status;
}
