/**
 * Fair dispatch. A submit task is one slot of its submit queue: it starts the next job of the queue (round-robin
 * between callers), which in a long queue is usually not the job that enqueued the task. There is one task per waiting
 * job, so that every job gets a slot. A surplus task finds no job; the sweep re-enqueues a lost one. A task that finds the
 * rate limiter closed is deferred (defer-submit.ts).
 */
import { findModel } from '../../core/catalogue/catalogue.ts';
import type { SubmitFailure } from '../../core/job/errors.ts';
import type { Job, JobIn } from '../../core/job/job.ts';
import { type SubmitQueue, submitQueueOf, waitsInQueue } from '../../core/job/queues.ts';
import { close, deferCaller, recordCall, reopen, waitMs } from '../../core/job/rate-limiter.ts';
import { ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { deferSubmit } from './defer-submit.ts';
import type { SubmitMessage } from './wake-message.ts';

/** The largest number of candidate jobs that a submit task chooses from. */
const NEXT_MAX = 16;

/**
 * Takes one call for this caller from the model's rate limiter.
 * @returns `deferred` if the model is over its quota: no call is taken, and another task replaces this one
 */
export async function takeCallOrDefer(
  services: Services,
  message: SubmitMessage,
  caller: string,
): Promise<'taken' | 'deferred'> {
  const closedMs = await takeCall(services, message.line, caller);
  if (closedMs === 0) return 'taken';
  await deferSubmit(services, message, closedMs, 60_000 / quotaOf(services, message.line));
  return 'deferred';
}

/**
 * Takes one call for a caller whose request waits in no queue.
 * @throws ProblemError 429 if the model is over its quota
 */
export async function acquireCallSlot(services: Services, queue: SubmitQueue, caller: string): Promise<void> {
  const closedMs = await takeCall(services, queue, caller);
  if (closedMs > 0) throw overQuota(queue, closedMs);
}

/**
 * Takes one call for this caller from the model's rate limiter.
 * @returns 0; or the milliseconds until a call could be taken
 */
async function takeCall(services: Services, queue: SubmitQueue, caller: string): Promise<number> {
  const { clock, rateLimiters } = services;
  const call = {
    lane: queue.lane,
    caller,
    now: clock.now(),
    requestsPerMinute: quotaOf(services, queue),
  };
  let closedMs = 0;
  await rateLimiters.update(queue, (rateLimiter) => {
    closedMs = waitMs(rateLimiter, call);
    return closedMs > 0 ? deferCaller(rateLimiter, call, closedMs) : recordCall(rateLimiter, call);
  });
  return closedMs;
}

/**
 * Returns the next job of the queue.
 * @param among number of candidates to choose from at random, so that concurrent submit tasks choose different jobs
 */
export async function chooseNextJob(
  { ids, jobs, rateLimiters }: Services,
  { jobId, seq, line: queue }: SubmitMessage,
  among: number,
): Promise<JobIn<'queued'> | undefined> {
  const own = await jobs.get(jobId);
  const current = own?.status === 'queued' && own.wake.seq === seq ? own : undefined;
  // The job waited for its back-off, so the queue's index does not list it; only its own task can start it.
  if (current && !waitsInQueue(current)) return current;
  const { lastCaller } = await rateLimiters.get(queue);
  const choice = Math.min(among, NEXT_MAX);
  const next = await jobs.nextInQueue(queue, lastCaller[queue.lane], choice);
  return next[Math.floor(ids.random() * next.length)] ?? current;
}

/**
 * Reports the result of a paid call. If the model refused the call for its quota, all of its calls wait. This runs last
 * after a call, because nothing depends on it: if it is lost, one more call is refused, or one waits longer than
 * needed.
 */
export async function reportToRateLimiter(
  { clock, ids, policy, rateLimiters }: Services,
  queue: SubmitQueue,
  failure: SubmitFailure | undefined,
): Promise<void> {
  const now = clock.now();
  if (!failure) {
    if (!reopen(await rateLimiters.get(queue), now)) return;
    await rateLimiters.update(queue, (present) => reopen(present, now));
  } else if (failure.outcome === 'rejected' && failure.retry === 'quota') {
    const refusal = { retryAfterMs: failure.retryAfterMs, now, random: ids.random() };
    await rateLimiters.update(queue, (rateLimiter) => close(rateLimiter, refusal, policy));
  }
}

/** The reason why a job that was not tried yet waits, if its model is over its quota. */
export async function waitReason(services: Services, job: Job): Promise<{ reason?: string }> {
  if (job.status !== 'queued' || job.reason !== undefined) return {};
  const { closedUntil } = await services.rateLimiters.get(submitQueueOf(job));
  if (closedUntil <= services.clock.now()) return {};
  const until = new Date(closedUntil).toISOString();
  return {
    reason: `RESOURCE_EXHAUSTED: ${submitQueueOf(job).model} is over its quota until ${until}.`,
  };
}

/** Calls per minute, scaled by the speed of simulated models. */
function quotaOf({ catalogue, policy, settings }: Services, { provider, model }: SubmitQueue): number {
  if (settings.requestsPerMinute !== undefined) return settings.requestsPerMinute;
  return (findModel(catalogue, model, provider)?.requestsPerMinute ?? SLOWEST_QUOTA) * policy.speedUp;
}

/** Used for a model that is no longer in the catalogue. */
const SLOWEST_QUOTA = 10;

function overQuota({ provider, model }: SubmitQueue, waitMsLeft: number): ProblemError {
  const seconds = Math.ceil(waitMsLeft / 1000);
  return new ProblemError({
    status: 429,
    code: 'not-yet',
    title: 'The model is over its quota',
    detail: `${provider}/${model} is over its quota; retry in ${seconds} s.`,
    retryAfterSeconds: seconds,
  });
}
