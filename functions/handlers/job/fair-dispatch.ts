/**
 * Whose turn it is. A submit task is a token: it lets one paid call of its line through, that of the job whose turn it
 * is, which in a crowded line is mostly not the job the task was made for. Tokens and waiting jobs are equally many, so
 * that all are served; a token too many finds nobody, and one too few is made good by the sweep.
 */
import { findModel } from '../../core/catalogue/catalogue.ts';
import type { SubmitFailure } from '../../core/job/errors.ts';
import type { Job, JobIn } from '../../core/job/job.ts';
import { type SubmitQueue, submitQueueOf, waitsInQueue } from '../../core/job/queues.ts';
import { close, deferCaller, recordCall, reopen, waitMs } from '../../core/job/rate-limiter.ts';
import { ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import type { SubmitMessage } from './wake-message.ts';

/** Of those whose turn it is next; tokens that were delivered together choose among as many. */
const NEXT_MAX = 16;

/**
 * Lets one call of the line through the rate limiter.
 * @returns the job whose turn it is; nothing when nobody waits, and then no call has passed
 * @throws ProblemError 429 when the model takes no call now: the token has to be delivered again
 */
export async function takeNextJob(
  services: Services,
  message: SubmitMessage,
): Promise<JobIn<'queued'> | undefined> {
  const next = await nextOf(services, message, 1);
  if (next) await passRateLimiter(services, message.line, next.caller);
  return next;
}

/**
 * Lets one call of this caller through.
 * @throws ProblemError 429 when the model takes no call now
 */
export async function passRateLimiter(services: Services, line: SubmitQueue, caller: string): Promise<void> {
  const { clock, rateLimiters } = services;
  const passing = {
    ...{ lane: line.lane, caller, now: clock.now() },
    requestsPerMinute: quotaOf(services, line),
  };
  let closedMs = 0;
  await rateLimiters.update(line, (rateLimiter) => {
    closedMs = waitMs(rateLimiter, passing);
    return closedMs > 0 ? deferCaller(rateLimiter, passing, closedMs) : recordCall(rateLimiter, passing);
  });
  if (closedMs > 0) throw notYet(line, closedMs);
}

/**
 * The job whose turn it is.
 * @param among how many to choose from, so that tokens that have met at one job part at the next
 */
export async function nextOf(
  { ids, jobs, rateLimiters }: Services,
  { jobId, seq, line }: SubmitMessage,
  among: number,
): Promise<JobIn<'queued'> | undefined> {
  const own = await jobs.get(jobId);
  const current = own?.status === 'queued' && own.wake.seq === seq ? own : undefined;
  // Its waiting time is over and only its own task knows.
  if (current && !waitsInQueue(current)) return current;
  const { lastCaller } = await rateLimiters.get(line);
  const choice = Math.min(among, NEXT_MAX);
  const next = await jobs.nextInQueue(line, lastCaller[line.lane], choice);
  return next[Math.floor(ids.random() * next.length)] ?? current;
}

/**
 * After a paid call was answered: where the model has refused it for its quota, all of its calls wait. Last of what
 * follows a call, because nothing depends on it: at worst one more is refused, or one waits longer than it need.
 */
export async function tellRateLimiter(
  { clock, ids, policy, rateLimiters }: Services,
  line: SubmitQueue,
  failure: SubmitFailure | undefined,
): Promise<void> {
  const now = clock.now();
  if (!failure) {
    if (!reopen(await rateLimiters.get(line), now)) return;
    await rateLimiters.update(line, (present) => reopen(present, now));
  } else if (failure.outcome === 'rejected' && failure.retry === 'quota') {
    const refusal = { retryAfterMs: failure.retryAfterMs, now, random: ids.random() };
    await rateLimiters.update(line, (rateLimiter) => close(rateLimiter, refusal, policy));
  }
}

/** Why a job that nobody has tried yet waits, when its model takes no calls. */
export async function waitReason(services: Services, job: Job): Promise<{ reason?: string }> {
  if (job.status !== 'queued' || job.reason !== undefined) return {};
  const { closedUntil } = await services.rateLimiters.get(submitQueueOf(job));
  if (closedUntil <= services.clock.now()) return {};
  const until = new Date(closedUntil).toISOString();
  return {
    reason: `RESOURCE_EXHAUSTED: ${submitQueueOf(job).model} has refused calls for its quota until ${until}.`,
  };
}

/** Calls per minute, at the speed of the models. */
function quotaOf({ catalogue, policy, settings }: Services, { provider, model }: SubmitQueue): number {
  if (settings.requestsPerMinute !== undefined) return settings.requestsPerMinute;
  return (findModel(catalogue, model, provider)?.requestsPerMinute ?? SLOWEST_QUOTA) * policy.speedUp;
}

/** Of a model that has left the table. */
const SLOWEST_QUOTA = 10;

function notYet({ provider, model }: SubmitQueue, waitMsLeft: number): ProblemError {
  const seconds = Math.ceil(waitMsLeft / 1000);
  return new ProblemError({
    status: 429,
    code: 'not-yet',
    title: 'The model takes no call now',
    detail: `${provider}/${model} takes its next call in ${seconds} s.`,
    // Less than a second is left to the queue's own back-off.
    ...(waitMsLeft >= 1000 ? { retryAfterSeconds: seconds } : {}),
  });
}
